"""What do the fleet's templates need that HTML can't say? Long tables, whose rows are put together here."""

from collections.abc import Iterable

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from onboarding.fleet import columns, looks
from onboarding.fleet.account import DeployedStack
from onboarding.fleet.columns import when
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
def region_lines(rows: Iterable[RegionRow]) -> SafeString:
    """Each has its region as its id: a cell of the map leads to it."""
    frame = (
        '<tr id="{}"><th scope="row"><span class="mono">{}</span><span class="under">{}</span></th>'
        '<td><span class="region-state tone-{}"><span aria-hidden="true">{}</span> {}</span></td>'
        '<td class="mono">{}</td><td class="mono">{}</td><td>{}</td><td>{}</td><td>{}</td></tr>'
    )
    return format_html_join(
        "\n",
        frame,
        (
            (
                row.region,
                row.region,
                row.place,
                *looks.REGION_LOOKS.get(row.state, ("idle", "?")),
                row.word,
                row.stack_status,
                row.trail,
                row.latest_delivery_error
                or (when(row.latest_delivery_at) if row.latest_delivery_at else "–"),
                when(row.read_at) if row.read_at else "–",
                _wrong(row),
            )
            for row in rows
        ),
    )


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
def stack_lines(stacks: Iterable[DeployedStack]) -> SafeString:
    frame = (
        '<tr><th scope="row">{}</th><td>{}</td><td class="mono">{}</td><td class="mono">{}</td>'
        '<td class="mono">{}</td><td class="mono">{}</td></tr>'
    )
    return format_html_join(
        "\n",
        frame,
        (
            (stack.name, stack.what, stack.region, stack.status, stack.template, stack.stack_id)
            for stack in stacks
        ),
    )
