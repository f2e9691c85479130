"""Which columns can the list of accounts have, and what stands in their cells?

A row's cells are put together here and not in a template: a hundred rows of includes and filters would be
most of the page's time.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from html import escape
from itertools import chain
from operator import attrgetter

from django.utils.functional import Promise
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from onboarding import remedies
from onboarding.fleet.figures import page_about
from onboarding.fleet.looks import blocked_word, state_chip
from onboarding.models import AccountSummary, AwsAccount

Words = str | Promise


@dataclass(frozen=True, slots=True)
class Column:
    """`cell` makes the HTML of the summary's values named in `of`, with what people wrote escaped."""

    word: str
    label: Words
    cell: Callable[..., str]
    of: tuple[str, ...]
    is_default: bool = True


def _coverage(covered: int, enabled: int) -> str:
    if not enabled:
        return "–"
    tone = "bad" if covered < enabled else "good"
    return f'<span class="coverage tone-{tone}">{covered}<span class="quiet">/{enabled}</span></span>'


def _blocked(blocked_on: str) -> str:
    if blocked_on == "nobody":
        return "–"
    # On one line: two words in so narrow a column would make every row two lines high.
    return blocked_word(blocked_on).replace(" ", "\N{NO-BREAK SPACE}")


def _remedy(code: str) -> str:
    return f'<span class="trouble-title">{escape(remedy_title(code))}</span>' if code else ""


def _owner(email: str) -> str:
    email = escape(email)
    return f'<a href="mailto:{email}">{email}</a>' if email else "–"


def _blueprint(version: str, digest: str) -> str:
    return f'<span class="mono">{escape(version or digest[:12])}</span>' if digest else "–"


def _tags(account: AwsAccount) -> str:
    tags = [tag.name for tag in account.tags.all()]
    return format_html_join(" ", '<span class="tag">{}</span>', ((tag,) for tag in tags))


def _looked_after(account: AwsAccount) -> str:
    assignment = getattr(account, "assignment", None)
    return escape(assignment.user.email) if assignment else "–"


def when(at: datetime) -> SafeString:
    """A time that the page's script turns into "2 days ago"; without it the time itself."""
    # Digits, dashes and colons: nothing to escape, and a page has hundreds.
    text = at.isoformat()
    return mark_safe(f'<time datetime="{text}" data-ago>{text[:10]} {text[11:16]} UTC</time>')  # noqa: S308


# What these show lies beside the account, and is read for a page only where they are chosen.
BESIDE = {"tags": "account__tags", "assigned": "account__assignment__user"}

COLUMNS: Mapping[str, Column] = {
    column.word: column
    for column in (
        Column("state", _("State"), state_chip, ("state",)),
        Column("since", _("Since"), when, ("since",)),
        Column("blocked", _("Waits for"), _blocked, ("blocked_on",)),
        Column("remedy", _("What is wrong"), _remedy, ("remedy",)),
        Column("coverage", _("Regions covered"), _coverage, ("regions_covered", "regions_enabled")),
        Column("owner", _("Owner"), _owner, ("owner_email",)),
        Column(
            "blueprint",
            _("Blueprint"),
            _blueprint,
            ("blueprint_version", "blueprint_digest"),
            is_default=False,
        ),
        Column("moved", _("Last movement"), when, ("moved_at",), is_default=False),
        Column("tags", _("Tags"), _tags, ("account",), is_default=False),
        Column("assigned", _("Looked after by"), _looked_after, ("account",), is_default=False),
    )
}
DEFAULT_COLUMNS = tuple(column for column in COLUMNS.values() if column.is_default)


def chosen_columns(words: Iterable[str]) -> tuple[Column, ...]:
    """Those named, in their own order; the usual ones where none is."""
    asked = set(words)
    return tuple(column for column in COLUMNS.values() if column.word in asked) or DEFAULT_COLUMNS


def fields_of(columns: Iterable[Column]) -> list[str]:
    """Of a summary, what a row of these columns shows."""
    return ["number", "name", *chain.from_iterable(column.of for column in columns)]


def rows_of(summaries: Sequence[AccountSummary], columns: Sequence[Column]) -> SafeString:
    """The table's rows as HTML. Every cell escapes what people wrote."""
    rows = []
    for summary, *cells in zip(summaries, *(_cells(column, summaries) for column in columns), strict=True):
        number, name = summary.number, escape(summary.name)
        rows.append(
            f'<tr><td><input type="checkbox" name="number" value="{number}" aria-label="{name}"></td>'
            f'<th scope="row"><a href="{page_about(number)}">{name}</a>'
            f'<span class="under mono">{number}</span></th><td>{"</td><td>".join(cells)}</td></tr>'
        )
    return mark_safe("\n".join(rows))  # noqa: S308 - what people wrote is escaped above and in the cells


def _cells(column: Column, summaries: Iterable[AccountSummary]) -> list[str]:
    """The column's, downwards. Most of a page's rows stand alike: what is said of each value is said once."""
    value_of = attrgetter(*column.of)
    values = [value_of(summary) for summary in summaries]
    is_one = len(column.of) == 1
    made = {value: column.cell(value) if is_one else column.cell(*value) for value in set(values)}
    return [made[value] for value in values]


def remedy_title(code: str) -> str:
    """Put together once for each language: the same few stand in the rows of every page."""
    return _remedy_title(code if code in remedies.REMEDIES else "", get_language() or "")


@cache
def _remedy_title(code: str, _language: str) -> str:
    return str(remedies.REMEDIES.get(code, remedies.UNKNOWN).title)


def remedy_choices(chosen: str) -> list[tuple[str, str]]:
    """What may be wrong, by its title; and what an address asks for that nobody knows any more."""
    found = list(_remedy_choices(get_language() or ""))
    return found if not chosen or chosen in remedies.REMEDIES else [*found, (chosen, chosen)]


@cache
def _remedy_choices(_language: str) -> tuple[tuple[str, str], ...]:
    """A few share their title: those have their code too."""
    titles = {code: str(remedy.title) for code, remedy in remedies.REMEDIES.items()}
    often = Counter(titles.values())
    told = ((code, f"{title} ({code})" if often[title] > 1 else title) for code, title in titles.items())
    return tuple(sorted(told, key=lambda each: each[1].lower()))
