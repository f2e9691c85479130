"""One claim, one work item, one holder; and a dead worker's item comes back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.utils import timezone

from onboarding.engine import claims
from onboarding.engine.claims import Claim, ClaimLost, RunStopped, Work
from onboarding.models import AwsAccount, Run, WorkItem
from onboarding.models.stages import open_for_a_person
from onboarding.states import RunStatus, Stage

pytestmark = pytest.mark.django_db(transaction=True)


def make_run(
    number: int, status: RunStatus = RunStatus.RUNNING, items: int = 1, stage: Stage = Stage.REMOVE
) -> Run:
    account = AwsAccount.objects.create(
        number=f"{number:012d}", name="An account", contact_email="owner@example.org"
    )
    run = Run.objects.create(account=account, status=status)
    for index in range(items):
        WorkItem.objects.create(
            run=run,
            stage=stage,
            region=f"region-{index}",
            due_at=timezone.now() - timedelta(seconds=9),
        )
    return run


def work_of(claim: Claim) -> Work:
    work = claims.read(claim)
    assert work is not None
    return work


def test_an_item_is_claimed_once_by_however_many_ask() -> None:
    make_run(1, items=8)
    now = timezone.now()

    def ask() -> list[Claim]:
        try:
            return claims.claim_due(now, 8)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        answers = [future.result() for future in [pool.submit(ask) for _ in range(4)]]
    claimed = [claim.item_id for answer in answers for claim in answer]
    assert sorted(claimed) == sorted(WorkItem.objects.values_list("pk", flat=True))


def test_runs_take_turns_so_that_a_large_one_starves_none() -> None:
    large, small = make_run(1, items=6), make_run(2, items=1)
    taken = claims.claim_due(timezone.now(), 2)
    runs = {WorkItem.objects.get(pk=claim.item_id).run_id for claim in taken}
    assert runs == {large.pk, small.pk}


def add_item(run: Run, stage: Stage, seconds_ago: float) -> WorkItem:
    due_at = timezone.now() - timedelta(seconds=seconds_ago)
    return WorkItem.objects.create(run=run, stage=stage, due_at=due_at)


def test_what_is_under_way_goes_before_what_is_still_to_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "_BEGINNING_SHARE", 0.0)
    waiting = [add_item(make_run(number, items=0), Stage.SURVEY, 600) for number in range(1, 40)]
    under_way = add_item(make_run(99, items=0), Stage.TRAILS, 1)
    [first] = claims.claim_due(timezone.now(), 1)
    assert first.item_id == under_way.pk
    assert len(claims.claim_due(timezone.now(), 99)) == len(waiting)


def test_now_and_then_something_begins_even_where_all_are_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "_BEGINNING_SHARE", 1.0)
    add_item(make_run(1, items=0), Stage.TRAILS, 600)
    beginning = add_item(make_run(2, items=0), Stage.ADMIT, 1)
    [first] = claims.claim_due(timezone.now(), 1)
    assert first.item_id == beginning.pk


def test_who_has_just_acted_goes_before_all_who_wait_longer() -> None:
    for number in range(1, 40):
        add_item(make_run(number, items=3), Stage.ADMIT, 600)
    earlier, latest, long_ago = (make_run(number, items=1) for number in (101, 102, 103))
    for run, seconds in ((earlier, 5), (latest, 1), (long_ago, 300)):
        Run.objects.filter(pk=run.pk).update(asked_at=timezone.now() - timedelta(seconds=seconds))
    taken = claims.claim_due(timezone.now(), 2)
    runs = [WorkItem.objects.get(pk=claim.item_id).run_id for claim in taken]
    assert runs == [latest.pk, earlier.pk]


def test_a_persons_act_is_what_goes_first() -> None:
    run = make_run(1, RunStatus.SURVEYING, items=0)
    open_for_a_person(run, Stage.SURVEY)
    run.refresh_from_db()
    assert run.asked_at is not None


def test_a_claimed_item_is_not_due_until_its_lease_ends_and_then_to_another() -> None:
    make_run(1)
    now = timezone.now()
    [first] = claims.claim_due(now, 9)
    assert claims.claim_due(now + timedelta(seconds=89), 9) == []
    [second] = claims.claim_due(now + timedelta(seconds=91), 9)
    assert second.item_id == first.item_id

    assert claims.read(first) is None
    stale = Work(first, make_run(2), Stage.REMOVE, "region-0", 1, 0)
    with pytest.raises(ClaimLost), claims.holding(stale):
        pass
    assert not claims.release(stale, timedelta(0))
    assert WorkItem.objects.get(pk=first.item_id).holder == second.holder


def test_what_is_written_after_the_run_was_stopped_is_refused() -> None:
    run = make_run(1)
    [claim] = claims.claim_due(timezone.now(), 1)
    Run.objects.filter(pk=run.pk).update(status=RunStatus.CANCELLING)
    with pytest.raises(RunStopped), claims.holding(work_of(claim), run_in=frozenset({RunStatus.RUNNING})):
        pass


def test_an_item_that_somebody_asked_for_while_it_was_held_is_due_at_once() -> None:
    run = make_run(1)
    [claim] = claims.claim_due(timezone.now(), 1)
    work = work_of(claim)
    claims.make_due(run, Stage.REMOVE, "region-0")
    assert claims.claim_due(timezone.now(), 1) == []
    assert claims.release(work, timedelta(hours=1))
    assert len(claims.claim_due(timezone.now(), 1)) == 1


def test_items_of_a_run_that_waits_for_a_person_rest(django_user_model: type[User]) -> None:
    run = make_run(1)
    [claim] = claims.claim_due(timezone.now(), 1)
    Run.objects.filter(pk=run.pk).update(status=RunStatus.NEEDS_ACCESS)
    claims.release(work_of(claim), timedelta(0))
    assert WorkItem.objects.get().due_at is None
