"""Does an act on many accounts say beforehand to which it applies, and is it done to those, once?"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from smtplib import SMTPRecipientsRefused
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend
from django.utils import timezone
from pytest_django import Settings

from onboarding.models import (
    AccountTag,
    Assignment,
    AuditRecord,
    AwsAccount,
    Batch,
    BatchKind,
    Invitation,
    LineState,
    Member,
    Ownership,
    OwnershipRole,
    Reminder,
    Run,
    StaffRole,
)
from onboarding.models.audit import AuditKind
from onboarding.models.history import move_run
from onboarding.services import batches, bulk, desk, invitations, reminders
from onboarding.services.accounts import NotOperator, register, register_without_owner
from onboarding.services.hand_over import hand_over_role
from onboarding.services.refusals import Refused
from onboarding.states import RunStatus
from tests.services.test_invitations_by_infosec import operator

__all__ = ["operator"]

Verdicts = dict[str, tuple[str, str]]


def judged(by: User, kind: BatchKind, accounts: list[AwsAccount], **arguments: Any) -> Batch:
    return bulk.judge_accounts(by, kind, [account.pk for account in accounts], arguments)


def verdicts(batch: Batch) -> Verdicts:
    return {line.number: (line.state, line.reason) for line in batch.lines.all()}


def done(by: User, batch: Batch) -> Verdicts:
    batches.confirm(by, batch, batch.digest)
    batches.work(bulk.ACTS, until=timezone.now() + timedelta(hours=1))
    return verdicts(batch)


def settled(owner: User, account: AwsAccount, status: RunStatus) -> Run:
    run = hand_over_role(owner, account, f"arn:aws:iam::{account.number}:role/X")
    way = {
        RunStatus.FAILED: [RunStatus.FAILED],
        RunStatus.VERIFIED: [RunStatus.VERIFYING, RunStatus.VERIFIED],
        RunStatus.SURVEYING: [],
        RunStatus.CANCELLED: [RunStatus.CANCELLED],
    }[status]
    for step in way:
        assert move_run(run, step, expect=[RunStatus(run.status)])
    return run


@pytest.fixture
def fleet(operator: User, owner: User) -> dict[str, AwsAccount]:
    """One account of each kind that matters here."""
    found = {}
    for number, word in enumerate(("fresh", "failed", "verified", "surveying", "cancelled"), start=1):
        found[word] = register(owner, number=f"{number:012}", name=word, contact_email="o@example.org")
        if word != "fresh":
            settled(owner, found[word], RunStatus(word))
    for number, word in ((8, "unasked"), (9, "asked")):
        found[word] = register_without_owner(
            operator, number=f"{number:012}", name=word, contact_email="o@example.org"
        )
    invitations.invite(operator, found["asked"], "asked@example.org")
    return found


def by_name(fleet: dict[str, AwsAccount], found: Verdicts) -> Verdicts:
    return {word: found[account.number] for word, account in fleet.items()}


def test_reminding_reaches_those_who_are_waited_for(operator: User, fleet: dict[str, AwsAccount]) -> None:
    batch = judged(operator, BatchKind.REMIND, list(fleet.values()))
    told = by_name(fleet, verdicts(batch))
    assert told["fresh"] == told["cancelled"] == told["asked"] == (LineState.APPLIES, "")
    assert told["verified"] == told["surveying"] == (LineState.FAULTY, "nothing_to_do")
    assert told["unasked"] == (LineState.FAULTY, "nobody_asked")
    assert by_name(fleet, done(operator, batch))["fresh"] == (LineState.DONE, "")
    assert mail.outbox == []
    now = timezone.now()
    reminders.send_due(now)
    reminders.send_due(now)
    invitations.send_due(now)
    to = sorted(sent.to[0] for sent in mail.outbox)
    assert to.count("asked@example.org") == 1
    assert to.count("owner@example.org") == Reminder.objects.filter(sent_at__isnull=False).count() > 0
    again = judged(operator, BatchKind.REMIND, [fleet["fresh"], fleet["asked"]])
    assert set(verdicts(again).values()) == {(LineState.FAULTY, "reminded_lately")}
    assert AuditRecord.objects.filter(
        kind=AuditKind.OWNER_REMINDED, actor_id=operator.pk, account_id=fleet["fresh"].pk
    ).exists()


def test_a_reminder_says_where_it_stands_and_what_to_open(
    operator: User, fleet: dict[str, AwsAccount], settings: Settings
) -> None:
    reminders.remind(operator, fleet["fresh"])
    reminders.send_due(timezone.now())
    [sent] = [each for each in mail.outbox if each.to == ["owner@example.org"]]
    assert fleet["fresh"].number in str(sent.subject)
    assert f"{settings.PUBLIC_URL}/aws/{fleet['fresh'].number}/hand-over/" in str(sent.body)


def test_who_went_on_meanwhile_gets_no_reminder(
    operator: User, owner: User, fleet: dict[str, AwsAccount]
) -> None:
    reminders.remind(operator, fleet["fresh"])
    settled(owner, fleet["fresh"], RunStatus.SURVEYING)
    reminders.send_due(timezone.now())
    assert mail.outbox == []


def test_a_reminder_that_could_not_be_sent_is_tried_again_and_then_no_more(
    operator: User, fleet: dict[str, AwsAccount], settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    reminders.remind(operator, fleet["fresh"])
    for attempt in range(1, reminders.MOST_ATTEMPTS + 1):
        assert reminders.send_due(timezone.now() + timedelta(hours=attempt)) == 1
    assert reminders.send_due(timezone.now() + timedelta(hours=99)) == 0
    assert Reminder.objects.get().sent_at is None


class OneIsGone(EmailBackend):
    """A mail server that refuses one address."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        if any("gone@example.org" in message.to for message in email_messages):
            raise SMTPRecipientsRefused({"gone@example.org": (550, b"no such user")})
        return int(super().send_messages(email_messages))


def test_an_owner_who_was_reached_is_not_mailed_again_because_another_is_not(
    operator: User, fleet: dict[str, AwsAccount], settings: Settings
) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.OneIsGone"
    for name in ("gone", "last"):
        user = User.objects.create_user(name, f"{name}@example.org")
        Ownership.objects.create(account=fleet["fresh"], user=user, role=OwnershipRole.CO_OWNER)
    mail.outbox.clear()
    reminders.remind(operator, fleet["fresh"])
    for hours in range(1, 4):
        reminders.send_due(timezone.now() + timedelta(hours=hours))
    assert sorted(each.to[0] for each in mail.outbox) == ["last@example.org", "owner@example.org"]


def test_starting_again_applies_to_what_has_settled_without_success(
    operator: User, owner: User, fleet: dict[str, AwsAccount]
) -> None:
    batch = judged(operator, BatchKind.RETRY, list(fleet.values()))
    told = by_name(fleet, verdicts(batch))
    assert told == {
        "fresh": (LineState.FAULTY, "never_started"),
        "failed": (LineState.APPLIES, ""),
        "verified": (LineState.FAULTY, "nothing_to_retry"),
        "surveying": (LineState.FAULTY, "still_open"),
        "cancelled": (LineState.APPLIES, ""),
        "unasked": (LineState.FAULTY, "no_owner"),
        "asked": (LineState.FAULTY, "no_owner"),
    }
    # Its owner was faster: what was judged doesn't hold any more, and nothing is done twice.
    settled(owner, fleet["cancelled"], RunStatus.SURVEYING)
    after = by_name(fleet, done(operator, batch))
    assert after["failed"] == (LineState.DONE, "")
    assert after["cancelled"] == (LineState.REFUSED, "still_open")
    run = fleet["failed"].runs.get(status=RunStatus.DRAFT)
    assert run.started_by == operator
    assert Reminder.objects.filter(account=fleet["failed"]).count() == 1
    assert verdicts(judged(operator, BatchKind.RETRY, [fleet["failed"]])) == {
        fleet["failed"].number: (LineState.KNOWN, "")
    }


def test_tagging_and_untagging_tell_who_had_it(operator: User, fleet: dict[str, AwsAccount]) -> None:
    desk.tag(operator, [fleet["fresh"]], "Prod")
    two = [fleet["fresh"], fleet["failed"]]
    batch = judged(operator, BatchKind.TAG, two, tag=" PROD ")
    assert by_name({"fresh": two[0], "failed": two[1]}, verdicts(batch)) == {
        "fresh": (LineState.KNOWN, ""),
        "failed": (LineState.APPLIES, ""),
    }
    done(operator, batch)
    assert AccountTag.objects.filter(name="prod").count() == 2
    done(operator, judged(operator, BatchKind.UNTAG, list(fleet.values()), tag="prod"))
    assert not AccountTag.objects.exists()
    kinds = AuditRecord.objects.filter(account_id=fleet["failed"].pk).values_list("kind", flat=True)
    assert list(kinds)[-2:] == [AuditKind.TAG_ADDED, AuditKind.TAG_REMOVED]


def test_assigning_to_a_colleague_and_to_nobody(
    operator: User, staff: User, owner: User, fleet: dict[str, AwsAccount]
) -> None:
    accounts = list(fleet.values())
    done(operator, judged(operator, BatchKind.ASSIGN, accounts, user_id=staff.pk))
    assert Assignment.objects.filter(user=staff).count() == len(accounts)
    again = judged(operator, BatchKind.ASSIGN, accounts, user_id=staff.pk)
    assert {state for state, _reason in verdicts(again).values()} == {LineState.KNOWN}
    done(operator, judged(operator, BatchKind.ASSIGN, accounts, user_id=None))
    assert not Assignment.objects.exists()
    with pytest.raises(desk.NotOfInfosec):
        judged(operator, BatchKind.ASSIGN, accounts, user_id=owner.pk)


def test_a_double_submit_has_one_effect(operator: User, fleet: dict[str, AwsAccount]) -> None:
    batch = judged(operator, BatchKind.REMIND, [fleet["fresh"]])
    assert batches.confirm(operator, batch, batch.digest)
    assert not batches.confirm(operator, batch, batch.digest)
    for _time in range(2):
        batches.work(bulk.ACTS, until=timezone.now() + timedelta(hours=1))
    assert Reminder.objects.count() == 1


@pytest.mark.parametrize("role", [None, StaffRole.ANALYST, StaffRole.AUDITOR])
def test_who_only_looks_can_do_none_of_it(
    stranger: User, fleet: dict[str, AwsAccount], role: StaffRole | None
) -> None:
    if role:
        Member.objects.create(user=stranger, role=role)
    account = fleet["fresh"]
    acts: list[Callable[[], object]] = [
        lambda: judged(stranger, BatchKind.REMIND, [account]),
        lambda: desk.tag(stranger, [account], "x"),
        lambda: desk.untag(stranger, [account], "x"),
        lambda: desk.assign(stranger, [account], None),
        lambda: desk.note(stranger, account, "x"),
        lambda: reminders.remind(stranger, account),
    ]
    for act in acts:
        with pytest.raises(NotOperator):
            act()
    assert not Batch.objects.exists()


@pytest.mark.parametrize("said", ["", "two words", "-x", "x" * 41, "ümlaut"])
def test_what_is_no_tag_is_refused(operator: User, fleet: dict[str, AwsAccount], said: str) -> None:
    with pytest.raises(desk.NotATag):
        desk.tag(operator, [fleet["fresh"]], said)


def test_a_notes_text_is_not_on_the_audit_record(operator: User, fleet: dict[str, AwsAccount]) -> None:
    desk.note(operator, fleet["fresh"], "  Call Ann, not Bob.  ")
    assert fleet["fresh"].notes.get().text == "Call Ann, not Bob."
    assert "Ann" not in str(list(AuditRecord.objects.values_list("details", flat=True)))
    for text in ("", " \n", "x" * 4001):
        with pytest.raises(desk.EmptyNote):
            desk.note(operator, fleet["fresh"], text)


def test_views_are_ones_own_and_shared_ones_are_read_by_all(operator: User, staff: User) -> None:
    from onboarding.models import SavedView

    mine = desk.save_view(operator, " Stuck  ones ", "?state=failed", is_shared=False)
    assert mine.name == "Stuck ones"
    assert not SavedView.objects.offered_to(staff.pk).exists()
    desk.save_view(operator, "Stuck ones", "?state=partly", is_shared=True)
    assert SavedView.objects.offered_to(staff.pk).get().query == "?state=partly"
    desk.forget_view(staff, mine.pk)
    assert SavedView.objects.exists()
    desk.forget_view(operator, mine.pk)
    assert not SavedView.objects.exists()
    with pytest.raises(Refused):
        desk.save_view(operator, "", "", is_shared=False)


def test_an_account_that_is_gone_is_no_line_and_stops_nobody(
    operator: User, fleet: dict[str, AwsAccount]
) -> None:
    batch = judged(operator, BatchKind.REMIND, [fleet["fresh"], fleet["cancelled"]])
    fleet["fresh"].delete()
    assert set(done(operator, batch).values()) == {(LineState.DONE, "")}
    assert not Invitation.objects.filter(account=fleet["cancelled"]).exists()
