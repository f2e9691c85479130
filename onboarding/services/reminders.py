"""How does infosec ask an account's owners to go on? By a mail, at most one a day, sent by the worker."""

import logging
from datetime import datetime, timedelta
from smtplib import SMTPRecipientsRefused
from urllib.parse import urljoin

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import F, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from onboarding.models import AccountSummary, AwsAccount, Invitation, Reminder
from onboarding.models.audit import AuditKind, append
from onboarding.models.people import REMINDED_AT_MOST_EVERY
from onboarding.services import invitations
from onboarding.services.desk import demand_operator
from onboarding.services.refusals import Refused
from onboarding.states import AccountState, BlockedOn

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 5
_TRY_AGAIN_AFTER = timedelta(minutes=5)


class NobodyToRemind(Refused):
    def __init__(self, code: str) -> None:
        super().__init__(code, _("There is nobody who could go on with this account by being reminded."))


def why_not(summary: AccountSummary, *, is_asked: bool, is_reminded: bool) -> str:
    """Why its owners aren't reminded; empty when they may be.

    `is_asked`: somebody was invited to be the owner and hasn't answered. `is_reminded`: within the last day.
    """
    if summary.state == AccountState.NO_OWNER and not is_asked:
        return "nobody_asked"
    if summary.state != AccountState.NO_OWNER and summary.blocked_on == BlockedOn.NOBODY:
        return "nothing_to_do"
    if summary.state != AccountState.NO_OWNER and summary.blocked_on != BlockedOn.OWNER:
        return "waits_for_infosec"
    return "reminded_lately" if is_reminded else ""


def remind(by: User, account: AwsAccount) -> None:
    """Let the worker mail the owners, or whoever was asked to be one. Raises NotOperator, NobodyToRemind."""
    demand_operator(by)
    with transaction.atomic():
        AwsAccount.objects.lock(account.pk)
        summary = AccountSummary.objects.get(pk=account.pk)
        asked = waiting_invitations([account.pk]).filter(account=account)
        reason = why_not(summary, is_asked=asked.exists(), is_reminded=bool(reminded_lately([account.pk])))
        if reason:
            raise NobodyToRemind(reason)
        if summary.state == AccountState.NO_OWNER:
            for invitation in asked.select_related("account"):
                invitations.remind_later(by, invitation)
            return
        put(by, account)


def put(by: User, account: AwsAccount) -> None:
    """Write a reminder down, in the caller's transaction."""
    Reminder.objects.create(account=account, by=by, due_at=timezone.now())
    append(AuditKind.OWNER_REMINDED, actor_id=by.pk, account_id=account.pk)


def waiting_invitations(account_ids: list[int]) -> QuerySet[Invitation]:
    """Those of infosec that nobody has answered, also where they are too old."""
    return Invitation.objects.filter(
        account_id__in=account_ids, by_infosec=True, used_at=None, revoked_at=None
    )


def reminded_lately(account_ids: list[int]) -> set[int]:
    since = timezone.now() - REMINDED_AT_MOST_EVERY
    owners = Reminder.objects.filter(account_id__in=account_ids, at__gt=since)
    asked = waiting_invitations(account_ids).filter(sent_at__gt=since)
    return {*owners.values_list("account_id", flat=True), *asked.values_list("account_id", flat=True)}


def send_due(now: datetime, most: int = 50) -> int:
    """The worker's part. Returns how many were tried."""
    tried = 0
    for pk in list(
        Reminder.objects.filter(due_at__lte=now).order_by("due_at").values_list("pk", flat=True)[:most]
    ):
        # Who moves the time on sends it; who dies then leaves it due.
        if Reminder.objects.filter(pk=pk, due_at__lte=now).update(
            due_at=now + _TRY_AGAIN_AFTER, attempts=F("attempts") + 1
        ):
            tried += 1
            _send(Reminder.objects.select_related("account", "by").get(pk=pk))
    return tried


def _send(reminder: Reminder) -> None:
    """To each owner. Nothing is sent to who has gone on meanwhile."""
    account = reminder.account
    summary = AccountSummary.objects.filter(pk=account.pk).first()
    if summary is not None and summary.blocked_on == BlockedOn.OWNER:
        run = account.runs.first()
        page = reverse("run", args=[run.pk]) if run else reverse("hand-over", args=[account.number])
        context = {
            "account": account,
            "state": summary.get_state_display(),
            "since": summary.since,
            "link": urljoin(f"{settings.PUBLIC_URL}/", page),
            "company": settings.COMPANY,
            "asker": reminder.by.email if reminder.by else settings.COMPANY.infosec_contact,
        }
        subject = " ".join(render_to_string("people/mail/reminded_subject.txt", context).split())
        body = render_to_string("people/mail/reminded_body.txt", context)
        owners = list(account.ownerships.select_related("user").exclude(user__email=""))
        reached = 0
        for ownership in owners:
            try:
                send_mail(subject, body, None, [ownership.user.email])
                reached += 1
            except OSError as error:
                logger.warning("reminder.not_sent id=%s error=%s", reminder.pk, type(error).__name__)
                if not isinstance(error, SMTPRecipientsRefused):
                    # The server is away, for the others too.
                    break
        # Where one was reached it isn't tried again: they would get it once more each time.
        if owners and not reached:
            if reminder.attempts >= MOST_ATTEMPTS:
                Reminder.objects.filter(pk=reminder.pk).update(due_at=None)
            return
    Reminder.objects.filter(pk=reminder.pk).update(due_at=None, sent_at=timezone.now())
