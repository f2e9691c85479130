"""What do the overview's templates need that HTML can't say? Its lines, which are put together here.

There are forty of them: rendered by loops of the template they took as long as all else on the page.
"""

from collections.abc import Iterable
from datetime import datetime
from html import escape

from django import template
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from onboarding.fleet.charts import Label
from onboarding.fleet.clusters import Cluster
from onboarding.fleet.columns import remedy_title, when
from onboarding.fleet.figures import Figure
from onboarding.fleet.looks import state_chip
from onboarding.fleet.overview import AccountLine, AgeLine, StateLine

register = template.Library()


@register.simple_tag
def broken_lines(lines: Iterable[AccountLine]) -> SafeString:
    made = [
        f'<li><div class="lines-what">{_account(line)}<span class="under">{state_chip(line.state)} '
        f"{_trouble(line.remedy)}</span></div>{_owner(line)}{_at(line.since)}</li>"
        for line in lines
    ]
    return mark_safe("\n".join(made))  # noqa: S308 - escaped above and below


@register.simple_tag
def waiting_lines(lines: Iterable[AccountLine]) -> SafeString:
    made = [
        f'<li><div class="lines-what">{_account(line)}</div>{_owner(line)}{_at(line.since)}</li>'
        for line in lines
    ]
    return mark_safe("\n".join(made))  # noqa: S308 - escaped below


@register.simple_tag
def moved_lines(lines: Iterable[AccountLine]) -> SafeString:
    made = [
        f'<li><div class="lines-what">{_account(line)} <span class="quiet mono">{line.number}</span></div>'
        f"{state_chip(line.state)}{_at(line.moved_at)}</li>"
        for line in lines
    ]
    return mark_safe("\n".join(made))  # noqa: S308 - escaped below


def _account(line: AccountLine) -> str:
    return f'<a href="{line.url}">{escape(line.name)}</a>'


def _trouble(code: str) -> str:
    return escape(remedy_title(code)) if code else ""


def _owner(line: AccountLine) -> str:
    email = escape(line.owner_email)
    return f'<span class="lines-who">{f"""<a href="mailto:{email}">{email}</a>""" if email else ""}</span>'


def _at(at: datetime) -> str:
    return f'<span class="lines-when">{when(at)}</span>'


@register.simple_tag
def cluster_lines(clusters: Iterable[Cluster]) -> SafeString:
    word = escape(_("accounts"))
    made = []
    for cluster in clusters:
        url = escape(cluster.accounts.url)
        made.append(
            f'<li><div class="lines-what"><a href="{url}">{escape(str(cluster.remedy.title))}</a>'
            f'<span class="under">{escape(str(cluster.act))}</span></div><a class="lines-number"'
            f' href="{url}"><strong>{cluster.accounts}</strong><span class="unseen"> {word}</span></a></li>'
        )
    return mark_safe("\n".join(made))  # noqa: S308 - escaped above


@register.simple_tag
def state_lines(lines: Iterable[StateLine]) -> SafeString:
    made = [
        _bar(state_chip(line.state), line.figure, line.percent, kind=f"bar state-{line.state}")
        for line in lines
    ]
    return mark_safe("\n".join(made))  # noqa: S308 - escaped below


@register.simple_tag
def age_lines(lines: Iterable[AgeLine]) -> SafeString:
    made = [_bar(escape(str(line.words)), line.figure, line.percent, kind="bar") for line in lines]
    return mark_safe("\n".join(made))  # noqa: S308 - escaped above and below


def _bar(head: str, figure: Figure, percent: int, *, kind: str) -> str:
    """A row of a table: what, its share as a bar, and how many, which leads to them."""
    return (
        f'<tr><th scope="row">{head}</th><td><svg class="{kind}" viewBox="0 0 100 8"'
        f' preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        f'<rect width="{percent}" height="8" rx="1"/></svg></td><td><a href="{escape(figure.url)}">{figure}'
        f'<span class="unseen"> {escape(_("accounts"))}</span></a></td></tr>'
    )


@register.simple_tag
def chart_labels(labels: Iterable[Label], *, is_up: bool = False) -> SafeString:
    kind = ' class="is-up"' if is_up else ""
    made = [f'<text{kind} x="{label.x}" y="{label.y}">{escape(label.text)}</text>' for label in labels]
    return mark_safe("".join(made))  # noqa: S308 - escaped above
