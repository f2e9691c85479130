"""Are the good lines of a list taken in once, however often it is sent, and by whom?"""

import io
import tracemalloc
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.utils import timezone

from onboarding.models import (
    AccountTag,
    AuditRecord,
    AwsAccount,
    Batch,
    BatchLine,
    Invitation,
    LineState,
    Member,
    StaffRole,
)
from onboarding.models.audit import AuditKind
from onboarding.roster import Fault, RosterUnreadable
from onboarding.services import batches, importing, invitations
from onboarding.services.accounts import NotOperator
from onboarding.services.bulk import ACTS
from tests.services.test_invitations_by_infosec import operator
from tests.test_roster import FAULTY

__all__ = ["operator"]

LIST = (
    "number,name,owners,contact,ticket,tags\n"
    "000000000001,One,a@example.org b@example.org,,,prod;eu\n"
    "000000000002,Two,,team@example.org,,\n"
    "12345,Short,a@example.org,,,\n"
)


def judge(by: User, text: str = LIST, *, invite: bool = False) -> Batch:
    return importing.judge_list(by, io.BytesIO(text.encode()), invite=invite)[0]


def work() -> None:
    batches.work(ACTS, until=timezone.now() + timedelta(hours=1))


def run(by: User, text: str = LIST, *, invite: bool = False) -> dict[str, int]:
    batch = judge(by, text, invite=invite)
    batches.confirm(by, batch, batch.digest)
    work()
    return batches.counts_of(batch)


def test_judging_does_nothing_and_confirming_takes_the_good_ones_in(operator: User) -> None:
    batch = judge(operator)
    assert not AwsAccount.objects.exists()
    work()
    assert not AwsAccount.objects.exists()
    assert batches.confirm(operator, batch, batch.digest)
    work()
    one = AwsAccount.objects.get(number="000000000001")
    assert (one.name, one.contact_email) == ("One", "a@example.org")
    tags = AccountTag.objects.filter(account=one)
    assert set(tags.values_list("name", flat=True)) == {"prod", "eu"}
    assert batches.counts_of(batch) == {LineState.DONE: 2, LineState.FAULTY: 1}
    registered = AuditRecord.objects.filter(kind=AuditKind.ACCOUNT_REGISTERED, actor_id=operator.pk)
    assert sorted(registered.values_list("account_number", flat=True)) == ["000000000001", "000000000002"]
    assert AuditRecord.objects.filter(kind=AuditKind.BATCH_CONFIRMED).count() == 1
    assert not Invitation.objects.exists()


def test_however_often_it_is_sent_it_adds_nothing(operator: User) -> None:
    first = run(operator, invite=True)
    AwsAccount.objects.filter(number="000000000001").update(name="Mended since")
    before = (AwsAccount.objects.count(), AccountTag.objects.count(), Invitation.objects.count())
    for _time in range(3):
        assert run(operator, invite=True) == {LineState.KNOWN: 2, LineState.FAULTY: 1}
    assert first[LineState.DONE] == 2
    assert before == (AwsAccount.objects.count(), AccountTag.objects.count(), Invitation.objects.count())
    assert AwsAccount.objects.get(number="000000000001").name == "Mended since"


def test_confirming_twice_and_two_batches_of_the_same_list_have_one_effect(operator: User) -> None:
    first, second = judge(operator), judge(operator)
    assert batches.confirm(operator, first, first.digest)
    assert not batches.confirm(operator, first, first.digest)
    assert batches.confirm(operator, second, second.digest)
    work()
    work()
    assert AwsAccount.objects.count() == 2
    assert batches.counts_of(first)[LineState.DONE] == 2
    assert batches.counts_of(second)[LineState.KNOWN] == 2


def test_owners_are_asked_once_by_the_worker_and_only_where_nobody_answers(
    operator: User, account: AwsAccount
) -> None:
    text = f"{LIST}{account.number},Owned,x@example.org,,,\n"
    run(operator, text, invite=True)
    assert mail.outbox == []
    assert invitations.send_due(timezone.now()) == 2
    assert invitations.send_due(timezone.now()) == 0
    assert sorted(sent.to[0] for sent in mail.outbox) == ["a@example.org", "b@example.org"]
    assert not account.invitations.exists()
    # Sent without asking before; now they are asked, and nothing else happens.
    run(operator, "000000000003,Three,c@example.org\n")
    batch = judge(operator, "000000000003,Other name,c@example.org\n", invite=True)
    assert list(batch.lines.values_list("state", "reason")) == [(LineState.APPLIES, "asks_only")]
    batches.confirm(operator, batch, batch.digest)
    work()
    three = AwsAccount.objects.get(number="000000000003")
    assert three.name == "Three"
    assert three.invitations.get().by_infosec


def test_what_became_known_meanwhile_stays_whose_it_is(operator: User, owner: User) -> None:
    from onboarding.services.accounts import register

    batch = judge(operator, invite=True)
    theirs = register(owner, number="000000000001", name="Mine", contact_email="owner@example.org")
    batches.confirm(operator, batch, batch.digest)
    work()
    theirs.refresh_from_db()
    assert theirs.name == "Mine"
    assert not AccountTag.objects.filter(account=theirs).exists()
    assert not theirs.invitations.exists()
    assert batches.counts_of(batch)[LineState.KNOWN] == 1


def test_only_what_was_judged_can_be_confirmed_and_only_by_who_judged_it(
    operator: User, stranger: User
) -> None:
    batch = judge(operator)
    Member.objects.create(user=stranger, role=StaffRole.OPERATOR)
    for by, digest in ((operator, "0" * 64), (operator, ""), (stranger, batch.digest)):
        with pytest.raises(batches.NoLongerThere):
            batches.confirm(by, batch, digest)
    Batch.objects.update(created_at=timezone.now() - timedelta(hours=2))
    with pytest.raises(batches.NoLongerThere):
        batches.confirm(operator, batch, batch.digest)
    batches.forget(timezone.now())
    assert not Batch.objects.exists()
    assert not BatchLine.objects.exists()


@pytest.mark.parametrize("role", [None, StaffRole.ANALYST, StaffRole.AUDITOR])
def test_only_operators_import(stranger: User, role: StaffRole | None) -> None:
    if role:
        Member.objects.create(user=stranger, role=role)
    with pytest.raises(NotOperator):
        judge(stranger)
    assert not Batch.objects.exists()


def test_who_lost_the_role_before_the_worker_came_adds_nothing(operator: User) -> None:
    batch = judge(operator)
    batches.confirm(operator, batch, batch.digest)
    Member.objects.filter(user=operator).update(role=StaffRole.ANALYST)
    work()
    assert not AwsAccount.objects.exists()
    assert set(batch.lines.filter(state=LineState.REFUSED).values_list("reason", flat=True)) == {
        "not_operator"
    }


def test_a_list_that_can_not_be_read_leaves_nothing(operator: User) -> None:
    with pytest.raises(RosterUnreadable):
        judge(operator, "1,x\n" * 20_001)
    assert not Batch.objects.exists()
    assert not BatchLine.objects.exists()


def test_a_worker_that_was_overtaken_writes_nothing(operator: User) -> None:
    batch = judge(operator)
    batches.confirm(operator, batch, batch.digest)
    held = batches._claim(timezone.now())
    assert held is not None
    assert batches._claim(timezone.now()) is None
    Batch.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    other = batches._claim(timezone.now())
    assert other is not None
    assert not batches._carry_out_chunk(held, importing.take_in)
    assert not AwsAccount.objects.exists()
    assert batches._carry_out_chunk(other, importing.take_in)
    assert AwsAccount.objects.count() == 2


def long_list(good: int, faulty: int) -> str:
    """Faulty lines of each kind, spread among the good ones."""
    kinds = [line for fault, (line, _said) in FAULTY.items() if fault != Fault.TWICE]
    lines = ["number,name,owners,contact,ticket,tags"]
    for n in range(good + faulty):
        if n * faulty // (good + faulty) != (n + 1) * faulty // (good + faulty):
            lines.append(kinds[n % len(kinds)])
        else:
            lines.append(f"{n:012},Account {n},owner{n % 300}@example.org,,https://t.example.org/{n},prod")
    return "\n".join(lines) + "\n"


def test_of_a_long_list_each_faulty_line_is_named_and_the_good_ones_are_taken_in_once(
    operator: User,
) -> None:
    """As long as a test may take; bench.importing takes ten thousand lines."""
    text = long_list(950, 50)
    expected = {
        number: line
        for number, line in enumerate(text.splitlines(), start=1)
        if number > 1 and not line.startswith("0000000")
    }
    assert len(expected) == 50
    tracemalloc.start()
    batch = judge(operator, text, invite=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    batches.confirm(operator, batch, batch.digest)
    work()
    faults = dict(batch.lines.filter(state=LineState.FAULTY).values_list("place", "reason"))
    assert faults.keys() == expected.keys()
    by_line = {line: fault for fault, (line, _said) in FAULTY.items()}
    assert faults == {number: by_line[line].value for number, line in expected.items()}
    assert len(set(faults.values())) >= 20
    assert batches.counts_of(batch) == {LineState.DONE: 950, LineState.FAULTY: 50}
    assert AwsAccount.objects.count() == 950
    assert Invitation.objects.count() == 950
    assert peak < 6_000_000
    again = judge(operator, text, invite=True)
    assert batches.counts_of(again) == {LineState.KNOWN: 950, LineState.FAULTY: 50}
