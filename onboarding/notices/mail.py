"""What does a mail about a run say? In its recipient's language and time zone, as plain text and as HTML.

All facts come from the run as it stands when the mail is written. Of a failure only our own words are told.
"""

from dataclasses import dataclass
from smtplib import SMTPRecipientsRefused
from urllib.parse import urljoin, urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from onboarding.models import Notice, RegionReading, Run
from onboarding.models.reader import language_of, zone_of
from onboarding.notices.trouble import NotDelivered
from onboarding.remedies import REMEDIES, UNKNOWN, Remedy
from onboarding.states import RegionState, RunStatus

Words = str | Promise


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail's content, in the language that was active when it was made."""

    subject: str
    heading: str
    paragraphs: tuple[str, ...]
    # The one next act, and where it is done.
    act: str
    url: str
    # Why this came to its reader.
    because: str


# Heading, and what is to be done about it: by whom answers for the account, and by whom only hears of it.
_HEADINGS: dict[RunStatus, Words] = {
    # Of every region but those that its owner has left out: the mail says of how many.
    RunStatus.VERIFIED: gettext_lazy("The account is verified"),
    RunStatus.PARTLY_DONE: gettext_lazy("Some of it is not done yet"),
    RunStatus.FAILED: gettext_lazy("The run failed"),
    RunStatus.NEEDS_ACCESS: gettext_lazy("The portal needs access to go on"),
    RunStatus.NEEDS_OWNER: gettext_lazy("The portal waits for the account’s owner"),
    RunStatus.PLANNED: gettext_lazy("The plan waits for approval"),
}
ACTS: dict[RunStatus, Words] = {
    RunStatus.VERIFIED: gettext_lazy("See what was proven"),
    RunStatus.PARTLY_DONE: gettext_lazy("See what is missing, and try again"),
    RunStatus.FAILED: gettext_lazy("See why, and what to do"),
    RunStatus.NEEDS_ACCESS: gettext_lazy("See why, and hand over access again"),
    RunStatus.NEEDS_OWNER: gettext_lazy("See what is asked"),
    RunStatus.PLANNED: gettext_lazy("Read the plan, and approve it"),
}


def send(notice: Notice) -> None:
    """Send it. Raises NotDelivered when the server can't be reached, or doesn't take it."""
    with translation.override(language_of(notice.user_id)), timezone.override(zone_of(notice.user_id)):
        message = _message(notice, letter_for(notice))
    try:
        message.send()
    except SMTPRecipientsRefused as error:
        # The server knows: it says of the address, with a 5xx, that it takes nothing for it.
        code = next(iter(error.recipients.values()))[0]
        raise NotDelivered("recipient_refused", is_final=code >= 500) from None
    except OSError as error:
        # smtplib's own errors are of this kind too; their text may repeat what was sent.
        raise NotDelivered(type(error).__name__) from None


def letter_for(notice: Notice) -> Letter:
    """The mail's words, in the active language."""
    run, status = notice.run, RunStatus(notice.status)
    account = run.account
    is_owners = notice.user_id is not None
    heading = str(_HEADINGS[status])
    leads_to_plan = status == RunStatus.PLANNED and is_owners
    return Letter(
        # One line, whatever a name contains.
        subject=" ".join(f"{account.number}: {heading} ({account.name})".split()),
        heading=heading,
        paragraphs=tuple(_paragraphs(notice, run, status)),
        act=str(ACTS[status]) if is_owners else _("See the run"),
        url=urljoin(f"{settings.PUBLIC_URL}/", reverse("plan" if leads_to_plan else "run", args=[run.pk])),
        because=_("You get this because you answer for this account.")
        if is_owners
        else _("You get this because you are infosec’s contact. The account’s owners were told too."),
    )


def _paragraphs(notice: Notice, run: Run, status: RunStatus) -> list[str]:
    match status:
        case RunStatus.VERIFIED:
            return [
                _("Both roles are in place, and the old audit role is gone."),
                _covered(run),
                _("The access that was handed over is destroyed."),
            ]
        case RunStatus.PARTLY_DONE:
            return [_covered(run), _("What is done stays done."), *_why(run)]
        case RunStatus.FAILED:
            return [*_what_stays(run), *_why(run)]
        case RunStatus.PLANNED:
            return [
                _("Nothing is changed in the account until an owner has read the plan and approved it."),
                *_why(run),
                _since(notice),
            ]
        case _:
            return [_since(notice), *_what_stays(run), *_why(run)]


def _covered(run: Run) -> str:
    covered = RegionReading.objects.filter(account=run.account_id, state=RegionState.COVERED).count()
    return ngettext(
        "CloudTrail logs in %(count)d region, and a first log has arrived from it.",
        "CloudTrail logs in %(count)d regions, and a first log has arrived from each.",
        covered,
    ) % {"count": covered}


def _what_stays(run: Run) -> list[str]:
    """Before a plan was approved nothing was done that could."""
    return [_("What is done stays done.")] if run.approved_at else [_("Nothing was changed in the account.")]


def _why(run: Run) -> list[str]:
    """Our own words of the reason; AWS's may name what a mail should not."""
    if not run.reason_code:
        return []
    remedy: Remedy = REMEDIES.get(run.reason_code, UNKNOWN)
    return [f"{remedy.title}. {remedy.happened} {remedy.meaning}", str(remedy.act)]


def _since(notice: Notice) -> str:
    since = timezone.localtime(notice.run.status_since)
    when = date_format(since, "DATETIME_FORMAT")
    return _("It has waited since %(when)s (%(zone)s).") % {
        "when": when,
        "zone": timezone.get_current_timezone_name(),
    }


def _message(notice: Notice, letter: Letter) -> EmailMultiAlternatives:
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    context = {"letter": letter, "account": notice.run.account, "company": settings.COMPANY}
    message = EmailMultiAlternatives(
        letter.subject,
        render_to_string("notices/mail.txt", context),
        to=[notice.recipient],
        headers={
            # Always the same: should it go out twice, mail programs show it once.
            "Message-ID": f"<notice-{notice.pk}@{host}>",
            # What is about one run stands together.
            "References": f"<run-{notice.run_id}@{host}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(render_to_string("notices/mail.html", context), "text/html")
    return message
