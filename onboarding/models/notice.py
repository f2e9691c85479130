"""Who is still to be told of what? An outbox for the worker.

A notice is written in the transaction of the status change that it tells of: both commit or neither does, and
the key below makes it one. The worker then delivers it (`onboarding.notices.outbox`) and notes when.
"""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from onboarding.audiences import Audience, Channel, Telling, told_of
from onboarding.models.account import Ownership
from onboarding.models.event import Event
from onboarding.models.run import Run
from onboarding.states import RunStatus
from onboarding.tickets import bug_number


class NoticeOutcome(models.TextChoices):
    SENT = "sent", _("Sent")
    OVERTAKEN = "overtaken", _("Not needed any more")
    GIVEN_UP = "given_up", _("Given up")


class NoticeQuerySet(models.QuerySet["Notice"]):
    def due(self, now: datetime) -> Self:
        return self.filter(due_at__lte=now)

    def in_trouble(self) -> Self:
        """What could not be delivered: given up, or tried several times already."""
        return self.filter(
            Q(outcome=NoticeOutcome.GIVEN_UP) | Q(handled_at=None, attempts__gte=ATTEMPTS_BEFORE_TROUBLE)
        )


# A mail server that is started anew is no trouble worth showing.
ATTEMPTS_BEFORE_TROUBLE = 3


class Notice(models.Model):
    """One thing to tell one recipient in one way."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="notices")
    # The event of the status change that it tells of, and the status.
    event_number = models.PositiveIntegerField()
    status = models.CharField(max_length=16, choices=RunStatus)
    channel = models.CharField(max_length=16, choices=Channel)
    # An e-mail address, or a ticket's.
    recipient = models.CharField(max_length=254)
    # Whose language it is written in, and whose ownership it depends on; none: infosec's.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    is_of_a_wait = models.BooleanField(default=False)
    written_at = models.DateTimeField(auto_now_add=True)
    # When it is to be sent, or tried again. While somebody is at it: when their lease ends.
    due_at = models.DateTimeField(null=True, blank=True, db_index=True)
    attempts = models.PositiveIntegerField(default=0)
    # The kind of the last fault, for operators. Never a server's own words: they may repeat a secret.
    last_error = models.CharField(max_length=64, blank=True)
    handled_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=16, choices=NoticeOutcome, blank=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ("-written_at", "-pk")
        constraints = (
            models.UniqueConstraint(
                fields=("run", "event_number", "channel", "recipient"), name="each_is_told_once"
            ),
            models.CheckConstraint(
                condition=Q(handled_at=None, outcome="", due_at__isnull=False)
                | Q(handled_at__isnull=False, due_at=None) & ~Q(outcome=""),
                name="a_notice_is_due_or_handled",
            ),
        )

    def __str__(self) -> str:
        return f"{self.channel} {self.pk} of {self.status} of run {self.run_id}"


def put(event: Event, status: RunStatus) -> None:
    """Write down whom to tell that the run arrived in `status` by `event`. In the caller's transaction."""
    tellings = told_of(status)
    if not tellings:
        return
    # An address that is infosec's contact and an owner's too gets one mail: the owner's, who come first.
    Notice.objects.bulk_create(
        [notice for telling in tellings for notice in _notices(event, status, telling)], ignore_conflicts=True
    )


def _notices(event: Event, status: RunStatus, telling: Telling) -> list[Notice]:
    return [
        Notice(
            run_id=event.run_id,
            event_number=event.number,
            status=status,
            channel=telling.channel,
            recipient=recipient,
            user_id=user_id,
            is_of_a_wait=telling.is_of_a_wait,
            due_at=event.at + telling.after,
        )
        for recipient, user_id in _recipients(event, telling)
    ]


def _recipients(event: Event, telling: Telling) -> list[tuple[str, int | None]]:
    match telling.audience:
        case Audience.OWNERS:
            owners = Ownership.objects.filter(account__runs=event.run_id).exclude(user__email="")
            return [
                (email.lower(), user_id)
                for email, user_id in owners.order_by("pk").values_list("user__email", "user_id")
            ]
        case Audience.INFOSEC:
            return [(settings.COMPANY.infosec_contact.lower(), None)]
        case Audience.TICKET:
            url = Run.objects.values_list("account__ticket_url", flat=True).get(pk=event.run_id)
            is_ours = bug_number(settings.COMPANY.ticket.bugzilla_url, url) is not None
            return [(url, None)] if is_ours else []
