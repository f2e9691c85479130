"""Each notice goes out once: whoever dies, however many work at it, and whatever the server says."""

import threading
from collections.abc import Sequence
from datetime import timedelta
from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.db.models import F
from django.utils import timezone

from onboarding import tasks
from onboarding.models import Notice, NoticeOutcome
from onboarding.models.history import move_run
from onboarding.notices import mail as letters
from onboarding.notices import outbox
from onboarding.states import RunStatus
from tests.notices.conftest import Arrive


def let_time_pass(passed: timedelta) -> None:
    Notice.objects.filter(handled_at=None).update(due_at=F("due_at") - passed)


class Refusing:
    """A mail server's answers, one after another; when they are used up, it takes everything."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: Exception) -> None:
        self.answers, self.asked = list(answers), 0
        take = EmailBackend.send_messages

        def send_messages(backend: EmailBackend, messages: Sequence[EmailMessage]) -> int:
            self.asked += 1
            if self.answers:
                raise self.answers.pop(0)
            return int(take(backend, messages))

        monkeypatch.setattr(EmailBackend, "send_messages", send_messages)


def test_everybody_is_told_once_however_often_the_worker_looks(arrive: Arrive) -> None:
    arrive(RunStatus.VERIFIED)
    for _ in range(3):
        tasks.tell()
    assert sorted(message.to[0] for message in mail.outbox) == ["infosec@example.org", "owner@example.org"]
    assert set(Notice.objects.values_list("outcome", "due_at")) == {(NoticeOutcome.SENT, None)}


def test_what_is_not_due_yet_waits(arrive: Arrive) -> None:
    arrive(RunStatus.VERIFIED)
    Notice.objects.update(due_at=timezone.now() + timedelta(hours=1))
    assert outbox.tell() == 0
    assert mail.outbox == []


def test_a_server_that_is_away_is_asked_again_ever_more_slowly(
    arrive: Arrive, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Refusing(
        monkeypatch, SMTPServerDisconnected("secret-in-text"), ConnectionRefusedError(), OSError()
    )
    run = arrive(RunStatus.VERIFIED)
    Notice.objects.filter(user=None).delete()
    waits = []
    for _ in range(3):
        assert outbox.tell() == 1
        notice = Notice.objects.get(run=run)
        assert notice.due_at is not None
        waits.append(round((notice.due_at - timezone.now()).total_seconds() / 60))
        assert outbox.tell() == 0, "not before its time"
        let_time_pass(timedelta(hours=2))
    assert waits == [1, 2, 4]
    assert Notice.objects.get(run=run).last_error == "OSError"
    assert outbox.tell() == 1
    assert len(mail.outbox) == 1
    assert server.asked == 4


def test_after_a_day_of_trying_it_is_given_up_and_everybody_sees_that(
    arrive: Arrive, monkeypatch: pytest.MonkeyPatch
) -> None:
    Refusing(monkeypatch, *[SMTPServerDisconnected("gone")] * 100)
    run = arrive(RunStatus.VERIFIED)
    Notice.objects.filter(user=None).delete()
    for _ in range(outbox.MOST_ATTEMPTS + 5):
        outbox.tell()
        let_time_pass(timedelta(hours=2))
    notice = Notice.objects.get()
    assert (notice.outcome, notice.attempts) == (NoticeOutcome.GIVEN_UP, outbox.MOST_ATTEMPTS)
    assert list(Notice.objects.in_trouble()) == [notice]
    told = run.events.get(kind="notice.given_up")
    assert told.data == {"channel": "mail", "status": "verified", "error": "SMTPServerDisconnected"}
    tried_for = sum((outbox.back_off(n) for n in range(1, outbox.MOST_ATTEMPTS)), timedelta())
    assert tried_for > timedelta(hours=24)


def test_an_address_that_the_server_refuses_for_good_is_given_up_at_once(
    arrive: Arrive, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_such, full = {"owner@example.org": (550, b"no such user")}, {"infosec@example.org": (452, b"full")}
    Refusing(monkeypatch, SMTPRecipientsRefused(no_such), SMTPRecipientsRefused(full))
    arrive(RunStatus.VERIFIED)
    outbox.tell()
    told = dict(Notice.objects.values_list("recipient", "outcome"))
    assert told == {"owner@example.org": NoticeOutcome.GIVEN_UP, "infosec@example.org": ""}


def test_a_worker_that_dies_before_it_sends_loses_nothing(arrive: Arrive) -> None:
    arrive(RunStatus.VERIFIED)
    assert outbox._claim(timezone.now()) is not None
    outbox.tell()
    assert len(mail.outbox) == 1, "what the dead worker holds is left alone"
    let_time_pass(outbox.LEASE + timedelta(seconds=1))
    outbox.tell()
    assert len(mail.outbox) == 2


def test_a_worker_that_dies_between_sending_and_noting_sends_the_same_mail_again(
    arrive: Arrive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The only window: then both carry one Message-ID, by which mail programs know that they are one."""
    arrive(RunStatus.VERIFIED)
    Notice.objects.filter(user=None).delete()
    with monkeypatch.context() as dying:
        dying.setattr(outbox, "_settle", lambda *_args, **_fields: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            outbox.tell()
    let_time_pass(outbox.LEASE + timedelta(seconds=1))
    outbox.tell()
    first, second = mail.outbox
    assert first.extra_headers["Message-ID"] == second.extra_headers["Message-ID"]
    assert Notice.objects.get().outcome == NoticeOutcome.SENT


def test_what_breaks_in_our_own_code_is_given_up_in_the_end_and_keeps_nobody_waiting(
    arrive: Arrive, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrive(RunStatus.VERIFIED)
    broken = Notice.objects.get(recipient="owner@example.org")
    write = letters.letter_for

    def letter_for(notice: Notice) -> object:
        if notice.pk == broken.pk:
            raise LookupError("a defect of ours")
        return write(notice)

    monkeypatch.setattr(letters, "letter_for", letter_for)
    with pytest.raises(LookupError):
        outbox.tell()
    outbox.tell()
    assert [message.to for message in mail.outbox] == [["infosec@example.org"]]
    for _ in range(outbox.MOST_ATTEMPTS - 1):
        let_time_pass(outbox.LEASE + timedelta(seconds=1))
        with pytest.raises(LookupError):
            outbox.tell()
    let_time_pass(outbox.LEASE + timedelta(seconds=1))
    outbox.tell()
    broken.refresh_from_db()
    assert (broken.outcome, broken.last_error) == (NoticeOutcome.GIVEN_UP, "broke")


def test_a_wait_that_is_over_is_told_to_nobody(arrive: Arrive) -> None:
    run = arrive(RunStatus.PLANNED)
    assert move_run(run, RunStatus.RUNNING, expect=[RunStatus.PLANNED])
    outbox.tell()
    assert mail.outbox == []
    assert set(Notice.objects.values_list("outcome", flat=True)) == {NoticeOutcome.OVERTAKEN}


def test_a_wait_for_the_second_time_is_not_told_by_the_first_ones_notice(arrive: Arrive) -> None:
    run = arrive(RunStatus.NEEDS_ACCESS)
    assert move_run(run, RunStatus.SURVEYING, expect=[RunStatus.NEEDS_ACCESS])
    assert move_run(run, RunStatus.NEEDS_ACCESS, expect=[RunStatus.SURVEYING])
    Notice.objects.update(due_at=timezone.now())
    outbox.tell()
    assert sorted(message.to[0] for message in mail.outbox) == ["infosec@example.org", "owner@example.org"]


def test_who_no_longer_answers_for_the_account_is_not_told(arrive: Arrive, owner: User) -> None:
    run = arrive(RunStatus.VERIFIED)
    run.account.ownerships.all().delete()
    outbox.tell()
    assert [message.to for message in mail.outbox] == [["infosec@example.org"]]


@pytest.mark.django_db(transaction=True)
def test_workers_at_the_same_time_tell_everybody_once(transactional_db: None, arrive: Arrive) -> None:
    for _ in range(4):
        arrive(RunStatus.VERIFIED)
    start = threading.Barrier(4)

    def work() -> None:
        try:
            start.wait()
            outbox.tell()
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({message.extra_headers["Message-ID"] for message in mail.outbox}) == 8
    assert len(mail.outbox) == 8
