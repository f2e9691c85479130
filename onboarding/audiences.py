"""Who hears that a run has arrived in a status, in which way, and how soon? Pure: a table, and nothing else.

Finished, failed and waiting are news, once each. What lasts for minutes and goes on by itself is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from onboarding.states import RunStatus


class Channel(TextChoices):
    """By which way somebody is told. Stored: add words, never change one."""

    MAIL = "mail", _("Mail")
    TICKET = "ticket", _("Comment on the ticket")


class Audience(TextChoices):
    OWNERS = "owners"
    INFOSEC = "infosec"
    # Whoever reads the account's ticket, where it is one that we may write to.
    TICKET = "ticket"


@dataclass(frozen=True, slots=True)
class Telling:
    """One audience, told in one way, unless the run has gone on before `after` is over."""

    channel: Channel
    audience: Audience
    after: timedelta = timedelta(0)
    # Whether it is only worth telling while the run still stands there.
    is_of_a_wait: bool = False


# Somebody who is at the page mends it at once: no mail is needed then.
_MENDED_AT_ONCE = timedelta(minutes=2)
# A plan may be read over lunch before anybody is reminded of it.
_READING_A_PLAN = timedelta(hours=4)


def _mails(after: timedelta = timedelta(0), *, of_a_wait: bool = False) -> tuple[Telling, ...]:
    return tuple(
        Telling(Channel.MAIL, audience, after, of_a_wait) for audience in (Audience.OWNERS, Audience.INFOSEC)
    )


TOLD: Mapping[RunStatus, tuple[Telling, ...]] = {
    RunStatus.VERIFIED: (*_mails(), Telling(Channel.TICKET, Audience.TICKET)),
    RunStatus.PARTLY_DONE: _mails(),
    RunStatus.FAILED: _mails(),
    RunStatus.NEEDS_ACCESS: _mails(_MENDED_AT_ONCE, of_a_wait=True),
    RunStatus.NEEDS_OWNER: _mails(_MENDED_AT_ONCE, of_a_wait=True),
    RunStatus.PLANNED: _mails(_READING_A_PLAN, of_a_wait=True),
}


def told_of(status: RunStatus) -> tuple[Telling, ...]:
    """Who hears of a run's arrival in `status`; nobody of most."""
    return TOLD.get(status, ())
