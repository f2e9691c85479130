"""What do the fleet's templates need that HTML can't say? Long tables, whose rows are put together here."""

from collections.abc import Container, Iterable
from datetime import datetime
from html import escape

from django import template
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from onboarding.fleet import columns, looks
from onboarding.fleet.columns import when
from onboarding.fleet.history import DeployedStack
from onboarding.progress.regions import RegionRow

register = template.Library()


@register.simple_tag
def state_chip(state: str) -> SafeString:
    return looks.state_chip(state)


@register.simple_tag
def remedy_title(code: str) -> str:
    """A failure in a few words; empty where nothing is known to be wrong."""
    return columns.remedy_title(code) if code else ""


@register.simple_tag
def options(choices: Iterable[tuple[str, str | Promise]], chosen: str | Container[str] | None) -> SafeString:
    """Of a <select>: (word, label) each. `chosen` is a word, or those words of which one is shown."""
    words = {chosen} if isinstance(chosen, str) else chosen or ()
    made = [
        f'<option value="{escape(word)}"{" selected" if word in words else ""}>{escape(str(label))}</option>'
        for word, label in choices
    ]
    return mark_safe("".join(made))  # noqa: S308 - escaped above


@register.simple_tag
def region_lines(rows: Iterable[RegionRow]) -> SafeString:
    """Each has its region as its id: a cell of the map leads to it. What AWS said is escaped."""
    made = []
    chips: dict[str, str] = {}
    for row in rows:
        if row.state not in chips:
            tone, sign = looks.REGION_LOOKS.get(row.state, ("idle", "?"))
            word = f'<span aria-hidden="true">{sign}</span> {escape(str(row.word))}'
            chips[row.state] = f'<span class="region-state tone-{tone}">{word}</span>'
        delivery = escape(row.latest_delivery_error) or _when(row.latest_delivery_at)
        region = escape(row.region)
        made.append(
            f'<tr id="{region}"><th scope="row"><span class="mono">{region}</span>'
            f'<span class="under">{row.place}</span></th><td>{chips[row.state]}</td>'
            f'<td class="mono">{escape(row.stack_status)}</td><td class="mono">{escape(row.trail)}</td>'
            f"<td>{delivery}</td><td>{_when(row.read_at)}</td><td>{_wrong(row)}</td></tr>"
        )
    return mark_safe("\n".join(made))  # noqa: S308 - escaped above


def _when(at: datetime | None) -> str:
    return when(at) if at else "–"


def _wrong(row: RegionRow) -> str:
    if row.trouble is None:
        return ""
    remedy = row.trouble.remedy
    return format_html(
        '{}<details><summary>{}</summary><p>{}</p><p class="act-text">{}</p></details>',
        remedy.title,
        _("What to do"),
        remedy.happened,
        remedy.act,
    )


@register.simple_tag
def plain_lines(lines: Iterable[Iterable[object]]) -> SafeString:
    """Of a table: the first cell of each line is its head."""
    made = []
    for head, *cells in lines:
        told = "</td><td>".join([escape(str(cell)) for cell in cells])
        made.append(f'<tr><th scope="row">{escape(str(head))}</th><td>{told}</td></tr>')
    return mark_safe("\n".join(made))  # noqa: S308 - escaped above


@register.simple_tag
def stack_lines(stacks: Iterable[DeployedStack]) -> SafeString:
    made = []
    for stack in stacks:
        cells = (stack.what, stack.region, stack.status, stack.template, stack.stack_id)
        told = '</td><td class="mono">'.join([escape(str(cell)) for cell in cells])
        made.append(f'<tr><th scope="row">{escape(stack.name)}</th><td>{told}</td></tr>')
    return mark_safe("\n".join(made))  # noqa: S308 - escaped above
