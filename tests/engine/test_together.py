"""The regions of a run are looked at together; and none waits for another, or suffers for it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from onboarding.aws.errors import AwsFailure
from onboarding.engine import claims, defects, findings, together
from onboarding.engine.claims import Claim, Work
from onboarding.engine.findings import Finding
from onboarding.engine.readings import Shown
from onboarding.models import AwsAccount, RegionReading, Run, Step, WorkItem
from onboarding.observed import Failure, Trail
from onboarding.states import FailureKind, Goal, RegionState, RunStatus, Stage, StepKind, StepStatus

pytestmark = pytest.mark.django_db(transaction=True)


def make_run(number: int, regions: int) -> Run:
    account = AwsAccount.objects.create(
        number=f"{number:012d}", name="An account", contact_email="owner@example.org"
    )
    run = Run.objects.create(account=account, status=RunStatus.VERIFYING)
    for index in range(regions):
        region = f"region-{index}"
        run.steps.create(
            ordinal=index, stage=Stage.VERIFY, kind=StepKind.VERIFY_REGION, region=region,
            goal=Goal.VERIFIED, target="a stack",
        )  # fmt: skip
        run.work_items.create(stage=Stage.VERIFY, region=region, due_at=timezone.now() - timedelta(seconds=9))
    return run


def taken(run: Run) -> list[Work]:
    [claim] = claims.claim_due(timezone.now(), 99, run_id=run.pk)
    first = claims.read(claim)
    assert first is not None
    return [first, *claims.take_along(first)]


@dataclass
class Cloud:
    """Regions that answer as they are told, and count how often they are asked."""

    answers: dict[str, Callable[[], object]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    judged: list[str] = field(default_factory=list)

    def ask(self, step: Step) -> object:
        self.asked.append(step.region)
        return self.answers.get(step.region, lambda: "logs")()

    def finding(self, step: Step, seen: object) -> Finding:
        trail = Trail(f"arn:{step.region}", "ours", step.region, home_region=step.region, bucket="logs")
        shown = Shown(step.region, RegionState.LOGGING, trail=trail)
        return Finding(step, shown, StepStatus.WORKING if seen == "logs" else StepStatus.FINISHED)

    def write(self, run: Run, found: list[Finding]) -> None:
        findings.write(run, found)

    def conclude(self, work: Work, step: Step, ask: Callable[[], object]) -> timedelta | None:
        self.judged.append(step.region)
        ask()
        return None


def cloud() -> Any:
    """All regions of it log."""
    return Cloud()


def judge(work: Work, look: together.Look) -> bool:
    """As a worker does: whatever is refused makes the item wait longer."""
    try:
        return claims.release(work, look(work, work.run))
    except AwsFailure:
        return claims.release(work, timedelta(hours=1), faults=1)


def look(run: Run, asked: Any) -> bool:
    return together.look(taken(run), asked, judge)


def held(run: Run) -> set[str]:
    return set(run.work_items.exclude(holder="").values_list("region", flat=True))


def test_one_claim_takes_along_what_is_due_of_its_stage() -> None:
    run, other = make_run(1, regions=4), make_run(2, regions=1)
    run.work_items.filter(region="region-2").update(faults=1)
    run.work_items.filter(region="region-3").update(due_at=timezone.now() + timedelta(minutes=1))
    run.work_items.create(stage=Stage.TRAILS, region="region-0", due_at=timezone.now())
    claimed = claims.claim_due(timezone.now(), 99)
    works = [work for claim in claimed if (work := claims.read(claim)) is not None]
    # One for those that are looked at together, and each of the rest.
    assert sorted((work.run.account.number[-1], work.stage, work.region) for work in works) == [
        ("1", "trails", "region-0"),
        ("1", "verify", "region-0"),
        ("1", "verify", "region-2"),
        ("2", "verify", "region-0"),
    ]
    [first] = [
        work for work in works if (work.run_id, work.region, work.stage) == (run.pk, "region-0", "verify")
    ]
    along = claims.take_along(first)
    assert [(work.region, work.claim.holder) for work in along] == [("region-1", first.claim.holder)]
    assert len({claim.holder for claim in claimed}) == len(claimed)
    assert other.work_items.get().holder != first.claim.holder


def test_what_had_a_fault_is_looked_at_by_itself() -> None:
    run = make_run(1, regions=2)
    run.work_items.filter(region="region-0").update(faults=1)
    works = [claims.read(claim) for claim in claims.claim_due(timezone.now(), 1)]
    assert [(work.region, claims.take_along(work)) for work in works if work is not None] == [
        ("region-0", [])
    ]


def test_what_all_regions_answered_is_written_at_once() -> None:
    run, cloud = make_run(1, regions=3), Cloud({"region-2": lambda: "first log"})
    assert not look(run, cloud)
    assert sorted(cloud.asked) == ["region-0", "region-1", "region-2"]
    assert RegionReading.objects.filter(account=run.account, state=RegionState.LOGGING).count() == 3
    statuses = list(run.steps.values_list("status", flat=True))
    assert statuses == [StepStatus.WORKING, StepStatus.WORKING, StepStatus.FINISHED]
    numbers = list(run.events.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
    assert held(run) == set()
    # They fall due together again; the finished one does not.
    due = dict(run.work_items.values_list("region", "due_at"))
    assert due["region-0"] == due["region-1"] is not None
    assert due["region-2"] is None


def test_thirty_regions_take_as_many_queries_as_three() -> None:
    counted = []
    for number, regions in ((1, 3), (2, 30)):
        run = make_run(number, regions)
        works = taken(run)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            together.look(works, cloud(), judge)
        counted.append(len(queries))
    assert counted[1] <= counted[0] + 1


def test_a_slow_region_keeps_no_other_from_being_written() -> None:
    run = make_run(1, regions=3)

    def answer_when_the_others_are_written() -> object:
        try:
            until = time.monotonic() + 20
            while held(run) != {"region-1"} and time.monotonic() < until:
                threading.Event().wait(0.02)
            return "logs" if held(run) == {"region-1"} else "too late"
        finally:
            connections.close_all()

    look(run, Cloud({"region-1": answer_when_the_others_are_written}))
    assert run.steps.get(region="region-1").status == StepStatus.WORKING
    assert held(run) == set()


def test_a_refused_region_is_judged_by_itself_and_not_asked_again() -> None:
    run = make_run(1, regions=3)

    def refuse() -> object:
        raise AwsFailure(Failure(FailureKind.THROTTLED, "Throttling", "Rate exceeded", region="region-1"))

    cloud = Cloud({"region-1": refuse})
    look(run, cloud)
    assert (cloud.judged, cloud.asked.count("region-1")) == (["region-1"], 1)
    assert dict(run.work_items.values_list("region", "faults")) == {
        "region-0": 0,
        "region-1": 1,
        "region-2": 0,
    }
    assert set(RegionReading.objects.values_list("region", flat=True)) == {"region-0", "region-2"}


def test_whoever_answers_while_others_are_judged_waits_for_one_of_them_alone() -> None:
    run = make_run(1, regions=3)
    begun, held_then = threading.Event(), []

    def refuse() -> object:
        raise AwsFailure(Failure(FailureKind.THROTTLED, "Throttling", "Rate exceeded"))

    def answer_when_one_is_judged() -> object:
        return "logs" if begun.wait(20) else "too late"

    def judge_slowly(work: Work, look: together.Look) -> bool:
        held_then.append(held(run))
        begun.set()
        threading.Event().wait(0.3)
        return judge(work, look)

    asked: Any = Cloud({"region-0": refuse, "region-1": answer_when_one_is_judged, "region-2": refuse})
    together.look(taken(run), asked, judge_slowly)
    assert [("region-1" in each) for each in held_then] == [True, False]
    assert held(run) == set()


def test_what_another_has_meanwhile_is_not_written() -> None:
    run = make_run(1, regions=3)
    works = taken(run)
    WorkItem.objects.filter(run=run, region="region-1").update(holder="somebody else")
    together.look(works, cloud(), judge)
    assert set(RegionReading.objects.values_list("region", flat=True)) == {"region-0", "region-2"}
    assert run.work_items.get(region="region-1").holder == "somebody else"


def test_a_step_whose_time_is_over_is_judged_by_itself() -> None:
    run, cloud = make_run(1, regions=2), Cloud()
    run.steps.filter(region="region-0").update(started_at=timezone.now() - timedelta(days=1))
    look(run, cloud)
    assert cloud.judged == ["region-0"]


def test_where_our_code_breaks_each_is_worked_on_by_itself_from_then_on() -> None:
    run = make_run(1, regions=3)
    first, *_ = taken(run)
    defects.give_back(Claim(first.claim.item_id, first.claim.holder))
    assert list(run.work_items.values_list("breaks", "holder")) == [(1, "")] * 3
    later = timezone.now() + timedelta(hours=1)
    assert len(claims.claim_due(later, 99)) == 3
