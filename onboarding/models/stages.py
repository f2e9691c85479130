"""Which stage of a run is next, and which work items does it need?

One work item is one run, one stage, one region, and `steps_of` says which steps it works on:

    survey   one item, region ""
    revoked  one item, region ""; after the run, whenever its owner asks
    admit    one item, region ""
    remove   one item for each region with an old stack
    roles    one item, in the home region
    trails   the parent's item, region ""; one for each region's trail. (The parent lives in the home region,
             which has a trail of its own too: so the parent's item carries no region.)
    verify   one item for the roles, region ""; and one for each region
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from onboarding.models import history
from onboarding.models.run import Run
from onboarding.models.step import Step
from onboarding.models.work_item import WorkItem
from onboarding.planning import Plan
from onboarding.states import SETTLED_STEP_STATUSES, Goal, Stage, StepKind, StepStatus

# The order in which stages follow one another.
ORDER = (Stage.ADMIT, Stage.REMOVE, Stage.ROLES, Stage.TRAILS, Stage.VERIFY)

# Steps whose work item is bound to no region, whatever region the step itself names.
_WITHOUT_STEPS = frozenset({Stage.SURVEY, Stage.REVOKED})
# What a removal has to remember: the roles that must be gone with the stack.
_KEPT_OUTPUTS = ("roles",)
_UNBOUND = (StepKind.ADMIT_ACCOUNT, StepKind.DEPLOY_TRAILS, StepKind.VERIFY_ROLES)


def lay_out(run: Run, plan: Plan) -> None:
    """Replace a run's steps by the plan's. What an earlier plan of the run did stays told by its events."""
    now = timezone.now()
    with transaction.atomic():
        run.work_items.exclude(stage=Stage.SURVEY).delete()
        run.steps.all().delete()
        Step.objects.bulk_create(
            Step(
                run=run,
                ordinal=planned.ordinal,
                stage=planned.stage,
                kind=planned.kind,
                goal=planned.goal,
                region=planned.region,
                target=planned.target,
                stack_id=planned.stack_id,
                template_digest=planned.template_digest,
                status=StepStatus.REFUSED if planned.refused else StepStatus.WAITING,
                reason_code=planned.refused,
                finished_at=now if planned.refused else None,
            )
            for planned in plan.steps
        )


def steps_to_retry(run: Run) -> list[Step]:
    """The steps that failed, or weren't begun for another's sake. What the plan itself refuses stays so."""
    plan = Plan.from_json(run.plan or {})
    refused = {planned.ordinal for planned in plan.steps if planned.refused}
    unfinished = run.steps.exclude(status=StepStatus.FINISHED).order_by("ordinal")
    return [step for step in unfinished if step.ordinal not in refused]


def reopen(run: Run, failed: Sequence[Step]) -> None:
    """Let these steps wait again. What is finished stays so: only the parent of a reopened region has to work
    once more, as it alone writes there. Inside the caller's transaction on the run.
    """
    parents = run.steps.filter(kind=StepKind.DEPLOY_TRAILS, status=StepStatus.FINISHED)
    has_region = any(step.kind == StepKind.REGION_TRAIL for step in failed)
    for step in (*failed, *(parents if has_region else ())):
        # An intent whose answer was never recorded is asked again with its token.
        is_in_flight = step.status == StepStatus.WORKING
        history.move_step(
            step,
            StepStatus.WAITING,
            expect=set(StepStatus),
            last_move=step.last_move if is_in_flight else "",
            token=step.token if is_in_flight else "",
            aws_status="",
            outputs={name: step.outputs[name] for name in _KEPT_OUTPUTS if name in step.outputs},
            started_at=None,
        )
    # What went wrong the last time, and how long that took, makes nobody less patient now.
    run.work_items.update(claims=0, faults=0, breaks=0, trouble=None)


def lay_out_by_hand(run: Run, roles_stack: str) -> None:
    """The steps of a run whose owner creates the stacks. Its regions are known when they can be looked at."""
    rows = (
        (Stage.ADMIT, StepKind.ADMIT_ACCOUNT, Goal.ADMITTED, run.account.number),
        (Stage.VERIFY, StepKind.VERIFY_ROLES, Goal.VERIFIED, roles_stack),
    )
    with transaction.atomic():
        run.work_items.all().delete()
        run.steps.all().delete()
        Step.objects.bulk_create(
            Step(run=run, ordinal=ordinal, stage=stage, kind=kind, goal=goal, target=target)
            for ordinal, (stage, kind, goal, target) in enumerate(rows, 1)
        )


def add_regions(run: Run, regions: Iterable[str], regional_stack: str) -> list[str]:
    """Have these regions verified too; answers those that were not among the steps yet."""
    known = set(run.steps.filter(kind=StepKind.VERIFY_REGION).values_list("region", flat=True))
    new = sorted(set(regions) - known)
    Step.objects.bulk_create(
        Step(
            run=run,
            ordinal=ordinal,
            stage=Stage.VERIFY,
            kind=StepKind.VERIFY_REGION,
            goal=Goal.VERIFIED,
            region=region,
            target=regional_stack,
        )
        for ordinal, region in enumerate(new, run.steps.count() + 1)
    )
    return new


def next_stage(run: Run) -> Stage | None:
    """The first stage that still has an unsettled step; None when every step is settled."""
    unsettled = set(
        run.steps.exclude(status__in=SETTLED_STEP_STATUSES).values_list("stage", flat=True).distinct()
    )
    return next((stage for stage in ORDER if stage in unsettled), None)


def open_for_a_person(run: Run, stage: Stage) -> int:
    """The same as `open_stage`, because somebody asks for it: for a moment the run goes before all others."""
    Run.objects.filter(pk=run.pk).update(asked_at=timezone.now())
    return open_stage(run, stage)


def open_stage(run: Run, stage: Stage, *, now: datetime | None = None) -> int:
    """Make a stage's work items due now, creating those that are missing; returns how many are due.

    Only items with an unsettled step; a survey, like the look after the run, has none and always one item.
    An item that somebody still holds is taken from them: they look again before they write, and what they
    record is refused.
    """
    regions = [""] if stage in _WITHOUT_STEPS else sorted(_regions_with_work(run, stage))
    due: dict[str, Any] = {"due_at": now or timezone.now(), "holder": "", "lease_until": None, "faults": 0}
    items = WorkItem.objects.filter(run=run, stage=stage)
    known = set(items.values_list("region", flat=True))
    items.filter(region__in=regions).update(**due)
    WorkItem.objects.bulk_create(
        WorkItem(run=run, stage=stage, region=region, **due) for region in regions if region not in known
    )
    if stage == Stage.TRAILS and _waits_for_its_parent(run):
        # Nothing can have changed in a region yet; the parent makes these due when it has begun.
        items.exclude(region="").update(due_at=None)
    return len(regions)


def close_all(run: Run) -> None:
    """Nothing of this run is due any more, and nobody holds any of it."""
    run.work_items.update(due_at=None, holder="", lease_until=None)


def steps_of(item: WorkItem) -> QuerySet[Step]:
    """The steps that a work item works on, settled ones included, in order."""
    steps = Step.objects.filter(run_id=item.run_id, stage=item.stage).order_by("ordinal")
    if item.region:
        return steps.filter(region=item.region).exclude(kind__in=_UNBOUND)
    return steps.filter(kind__in=_UNBOUND)


def steps_of_regions(run: Run, stage: Stage, regions: Iterable[str]) -> dict[str, list[Step]]:
    """The unsettled steps that the work items of these regions work on, in order."""
    steps = Step.objects.filter(run=run, stage=stage, region__in=regions).order_by("ordinal")
    found: dict[str, list[Step]] = defaultdict(list)
    for step in steps.exclude(kind__in=_UNBOUND).exclude(status__in=SETTLED_STEP_STATUSES):
        found[step.region].append(step)
    return found


def _waits_for_its_parent(run: Run) -> bool:
    parents = run.steps.filter(kind=StepKind.DEPLOY_TRAILS, stack_id="")
    return parents.exclude(status__in=SETTLED_STEP_STATUSES).exists()


def _regions_with_work(run: Run, stage: Stage) -> set[str]:
    unsettled = run.steps.filter(stage=stage).exclude(status__in=SETTLED_STEP_STATUSES)
    return {"" if kind in _UNBOUND else region for kind, region in unsettled.values_list("kind", "region")}
