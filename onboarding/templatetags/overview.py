"""What do the overview's templates need that HTML can't say? Its lines, which are put together here.

There are forty of them: rendered by loops of the template they took as long as all else on the page.
"""

from collections.abc import Iterable

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from onboarding.fleet.charts import Label
from onboarding.fleet.clusters import Cluster
from onboarding.fleet.columns import remedy_title, when
from onboarding.fleet.figures import Figure
from onboarding.fleet.looks import state_chip
from onboarding.fleet.overview import AccountLine, AgeLine, StateLine

register = template.Library()


_LINE = '<li><div class="lines-what"><a href="{}">{}</a>{}</div>{}<span class="lines-when">{}</span></li>'
_OWNER = '<span class="lines-who"><a href="mailto:{0}">{0}</a></span>'
_NOBODY = SafeString('<span class="lines-who"></span>')


@register.simple_tag
def broken_lines(lines: Iterable[AccountLine]) -> SafeString:
    return _joined(
        format_html(_LINE, line.url, line.name, _trouble(line), _owner(line), when(line.since))
        for line in lines
    )


@register.simple_tag
def waiting_lines(lines: Iterable[AccountLine]) -> SafeString:
    return _joined(
        format_html(_LINE, line.url, line.name, "", _owner(line), when(line.since)) for line in lines
    )


@register.simple_tag
def moved_lines(lines: Iterable[AccountLine]) -> SafeString:
    number = ' <span class="quiet mono">{}</span>'
    return _joined(
        format_html(
            _LINE,
            line.url,
            line.name,
            format_html(number, line.number),
            state_chip(line.state),
            when(line.moved_at),
        )
        for line in lines
    )


def _joined(made: Iterable[SafeString]) -> SafeString:
    return format_html_join("\n", "{}", ((each,) for each in made))


def _trouble(line: AccountLine) -> SafeString:
    title = remedy_title(line.remedy) if line.remedy else ""
    return format_html('<span class="under">{} {}</span>', state_chip(line.state), title)


def _owner(line: AccountLine) -> SafeString:
    return format_html(_OWNER, line.owner_email) if line.owner_email else _NOBODY


@register.simple_tag
def cluster_lines(clusters: Iterable[Cluster]) -> SafeString:
    word = _("accounts")
    return _joined(
        format_html(
            '<li><div class="lines-what"><a href="{0}">{1}</a><span class="under">{2}</span></div><a'
            ' class="lines-number" href="{0}"><strong>{3}</strong><span class="unseen"> {4}</span></a></li>',
            cluster.accounts.url,
            cluster.remedy.title,
            cluster.act,
            cluster.accounts,
            word,
        )
        for cluster in clusters
    )


@register.simple_tag
def state_lines(lines: Iterable[StateLine]) -> SafeString:
    return _joined(
        _bar(state_chip(line.state), line.figure, line.percent, kind=f"bar state-{line.state}")
        for line in lines
    )


@register.simple_tag
def age_lines(lines: Iterable[AgeLine]) -> SafeString:
    return _joined(_bar(line.words, line.figure, line.percent, kind="bar") for line in lines)


def _bar(head: object, figure: Figure, percent: int, *, kind: str) -> SafeString:
    """A row of a table: what, its share as a bar, and how many, which leads to them."""
    return format_html(
        '<tr><th scope="row">{}</th><td><svg class="{}" viewBox="0 0 100 8" preserveAspectRatio="none"'
        ' aria-hidden="true" focusable="false"><rect width="{}" height="8" rx="1"/></svg></td>'
        '<td><a href="{}">{}<span class="unseen"> {}</span></a></td></tr>',
        head,
        kind,
        percent,
        figure.url,
        figure,
        _("accounts"),
    )


@register.simple_tag
def chart_labels(labels: Iterable[Label], *, is_up: bool = False) -> SafeString:
    kind = SafeString(' class="is-up"' if is_up else "")
    return format_html_join(
        "", '<text{} x="{}" y="{}">{}</text>', ((kind, label.x, label.y, label.text) for label in labels)
    )
