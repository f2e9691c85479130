"""What do templates need that HTML can't say? Icons, statuses with their glyph, times, the company's name."""

from datetime import UTC, datetime, timedelta

from allauth.mfa.models import Authenticator
from django import template
from django.conf import settings
from django.contrib.auth.models import User
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from portal.unchanging import always_the_same

register = template.Library()

# A status is shown by a glyph, a word and a colour: the tone and glyph of every stored word.
_LOOKS = {
    # runs
    "draft": ("ask", "key"),
    "surveying": ("busy", "turning"),
    "planned": ("ask", "hand"),
    "running": ("busy", "turning"),
    "verifying": ("busy", "turning"),
    "verified": ("good", "check"),
    "needs_access": ("ask", "key"),
    "needs_owner": ("ask", "hand"),
    "partly_done": ("ask", "alert"),
    "cancelling": ("idle", "turning"),
    "cancelled": ("idle", "stop"),
    # steps and stages
    "waiting": ("idle", "clock"),
    "working": ("busy", "turning"),
    "finished": ("good", "check"),
    "failed": ("bad", "cross"),
    "refused": ("bad", "cross"),
    "not_needed": ("idle", "minus"),
    "stopped": ("idle", "stop"),
    # regions
    "unknown": ("idle", "clock"),
    "creating": ("busy", "turning"),
    "logging": ("busy", "record"),
    "covered": ("good", "check"),
    "skipped": ("idle", "minus"),
}
_UNKNOWN_LOOK = ("idle", "minus")


@register.filter
def tone(status: str) -> str:
    return _LOOKS.get(str(status), _UNKNOWN_LOOK)[0]


@register.filter
def glyph(status: str) -> str:
    return _LOOKS.get(str(status), _UNKNOWN_LOOK)[1]


@register.simple_tag
@always_the_same
def icon(name: str) -> SafeString:
    """A glyph of the sprite that every page carries; the words beside it say the same."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="#icon-{}"/></svg>', name
    )


@register.simple_tag
def chip(status: str, label: str) -> SafeString:
    turning = " is-turning" if glyph(status) == "turning" else ""
    return format_html(
        '<span class="chip tone-{}{}">{}<span>{}</span></span>',
        tone(status),
        turning,
        icon(glyph(status)),
        label,
    )


_CALLOUT_ICONS = {"good": "check", "busy": "info", "ask": "alert", "bad": "alert", "idle": "info"}


@register.simple_block_tag
def callout(content: str, tone: str, *, glyph: str = "", id: str = "") -> SafeString:  # noqa: A002 - HTML's word
    """{% callout "ask" %} … {% endcallout %}: something that must not be missed, beside what it is about."""
    return format_html(
        '<div class="callout tone-{}"{}>{}<div>{}</div></div>',
        tone,
        format_html(' id="{}"', id) if id else "",
        icon(glyph or _CALLOUT_ICONS[tone]),
        content,
    )


@register.simple_tag
def progress_bar(done: int, every: int, label: str, *, is_going_on: bool = False) -> SafeString:
    """How much of how many; the words beside it say the same. Green is kept for what is over."""
    return format_html(
        '<progress value="{}" max="{}" aria-label="{}"{}></progress>',
        done,
        every,
        label,
        mark_safe(' class="is-complete"') if done == every and not is_going_on else "",
    )


@register.simple_tag
def clock_time(at: datetime | None) -> SafeString | str:
    """The time of day alone, as on a timeline; in the reader's own zone once the script has seen it."""
    if at is None:
        return ""
    return format_html(
        '<time datetime="{}" data-clock>{}</time>', at.isoformat(), localtime(at, UTC).strftime("%H:%M:%S")
    )


@register.simple_tag
def moment(at: datetime | None) -> SafeString | str:
    """A day and a time, which the script writes as the reader's language and zone do."""
    if at is None:
        return ""
    return format_html('<time datetime="{}" data-moment>{}</time>', at.isoformat(), _in_utc(at))


@register.simple_tag
def ago(at: datetime | None) -> SafeString | str:
    """A time that the script turns into "2 minutes ago" and keeps so; without it, the time itself."""
    if at is None:
        return ""
    return format_html('<time datetime="{}" data-ago>{}</time>', at.isoformat(), _in_utc(at))


def _in_utc(at: datetime) -> str:
    """Without a script, and in pieces that are shared by readers everywhere."""
    return f"{localtime(at, UTC):%Y-%m-%d %H:%M} UTC"


@register.simple_tag
def elapsed(since: datetime | None, until: datetime | None = None) -> SafeString | str:
    """How long something took, or how long it has been going on, which the script keeps counting."""
    if since is None:
        return ""
    if until is None:
        return format_html(
            '<time datetime="{}" data-since>{}</time>',
            since.isoformat(),
            _("since %(time)s UTC") % {"time": localtime(since, UTC).strftime("%H:%M")},
        )
    return format_html('<span class="took">{}</span>', duration(until - since))


@register.filter
def duration(took: timedelta) -> str:
    seconds = max(0, round(took.total_seconds()))
    return f"{seconds // 60} min {seconds % 60:02d} s" if seconds >= 60 else f"{seconds} s"


@register.simple_tag
def keep_hours() -> str:
    """For how many hours what was handed over is kept at most, without a decimal that says nothing."""
    return f"{settings.GRANT_KEEP_HOURS:g}"


@register.simple_tag
def company_name() -> str:
    return str(settings.COMPANY.name)


@register.simple_tag
def infosec_contact() -> str:
    return str(settings.COMPANY.infosec_contact)


@register.simple_tag
def second_factors(user: User) -> frozenset[str]:
    """What they have set up: "totp", "webauthn", "recovery_codes"."""
    return frozenset(Authenticator.objects.filter(user=user).values_list("type", flat=True))
