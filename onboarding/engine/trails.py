"""How does CloudTrail come to log in every region? By the parent stack, whose function works in all of them.

The parent's item brings the stack about; each region's item watches its own region while the parent works.
The parent's success says nothing of the regions: they are read themselves. Regions that are not logging
when it has settled are tried again once, by an update that carries a new attempt.
"""

from datetime import timedelta

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from onboarding import blueprint
from onboarding.aws import stacks
from onboarding.aws.session import AwsSession
from onboarding.engine import deadlines, deployment, sessions, steps
from onboarding.engine.claims import Work, holding, make_due
from onboarding.engine.deployment import Wanted
from onboarding.models import Run, Step, history
from onboarding.observed import Stack
from onboarding.planning import Plan, next_attempt
from onboarding.states import (
    SETTLED_STEP_STATUSES,
    UNSETTLED_STEP_STATUSES,
    Move,
    Stage,
    StepKind,
    StepStatus,
)

# The function may use 960 s; the role and function before it, a minute.
TIMEOUT_MINUTES = 30

# In the parent step's outputs: the attempt that the stack has settled with, and whether it was a second one.
SETTLED_ATTEMPT = "settled_attempt"
TRIED_AGAIN = "tried_again"


def look(work: Work, run: Run) -> timedelta | None:
    session = sessions.handed_over(run, Stage.TRAILS)
    wait = steps.look_at_each(work, lambda step: _bring_about(work, run, step, session))
    parent = parent_of(run)
    if wait is None and parent is not None and parent.is_settled:
        # However it came to that, refused at its first request too: nothing else makes the regions due.
        _let_regions_look(work)
    return wait


def parent_of(run: Run) -> Step | None:
    return run.steps.filter(kind=StepKind.DEPLOY_TRAILS).first()


def has_begun(parent: Step) -> bool:
    """Whether the parent's function may be at work in the regions, or has been."""
    return bool(parent.is_settled or parent.stack_id)


def has_settled(parent: Step, attempt: int) -> bool:
    """Whether the parent will do nothing more in this attempt."""
    return bool(parent.is_settled or parent.outputs.get(SETTLED_ATTEMPT) == attempt)


def was_tried_again(parent: Step | None) -> bool:
    """Whether the one more attempt of this run has been used."""
    return parent is None or bool(parent.is_settled or parent.outputs.get(TRIED_AGAIN))


def try_again(run: Run, parent: Step) -> bool:
    """Ask the parent for one more attempt; False when it was before. Inside a transaction on the run."""
    stored = Step.objects.get(pk=parent.pk)
    if stored.is_settled or stored.outputs.get(TRIED_AGAIN):
        return False
    Run.objects.filter(pk=run.pk).update(attempt=F("attempt") + 1)
    history.move_step(
        stored, StepStatus.WORKING, last_move="", token="", outputs={**stored.outputs, TRIED_AGAIN: True}
    )
    make_due(run, Stage.TRAILS, "")
    return True


def _bring_about(work: Work, run: Run, step: Step, session: AwsSession) -> timedelta | None:
    stack = stacks.describe(session, step.region, step.target)
    attempt = _attempt(work, run, step, stack)
    wanted = _wanted(run, attempt)
    is_met = wanted.is_met_by(stack) and stack is not None and stack.parameters.get("Attempt") == str(attempt)
    decision = deployment.next_move(step, stack, wanted, is_met=is_met)
    if decision.move == Move.FINISH and stack is not None:
        return _settle_with_regions(work, run, step, stack, attempt)
    wait = deployment.carry_out(work, step, session, stack, decision, wanted)
    if not step.is_settled and has_begun(step) and _some_region_rests(run):
        _let_regions_look(work, after=deadlines.first_region_look())
    return wait


def _attempt(work: Work, run: Run, step: Step, stack: Stack | None) -> int:
    """The attempt to ask for: one more than an existing stack has, or its function would not look again."""
    if step.last_move or stack is None or step.outputs.get(SETTLED_ATTEMPT):
        return run.attempt
    attempt = max(run.attempt, next_attempt(stack))
    if attempt != run.attempt:
        with holding(work):
            Run.objects.filter(pk=run.pk).update(attempt=attempt)
    return attempt


def _wanted(run: Run, attempt: int) -> Wanted:
    plan = blueprint.build_blueprint(settings.COMPANY)
    approved = Plan.from_json(run.plan or {})
    parameters = blueprint.trails_parameters(
        plan,
        regions=approved.regions,
        choices=_region_choices(approved),
        attempt=attempt,
        repointed=approved.choices.get("repointed", ()),
        freed=approved.choices.get("freed", ()),
    )
    return Wanted(plan.trails, parameters, timeout_minutes=TIMEOUT_MINUTES)


def _region_choices(plan: Plan) -> dict[str, str]:
    chosen = plan.choices.get("regions", {})
    return {str(region): str(choice) for region, choice in chosen.items()} if isinstance(chosen, dict) else {}


def _settle_with_regions(work: Work, run: Run, step: Step, stack: Stack, attempt: int) -> timedelta | None:
    """The stack is as wanted. Its step is finished when every region's step is settled, however."""
    if step.outputs.get(SETTLED_ATTEMPT) != attempt:
        with holding(work):
            told = {**step.outputs, **stack.outputs, SETTLED_ATTEMPT: attempt}
            history.move_step(
                step, StepStatus.WORKING, aws_status=stack.status, stack_id=stack.stack_id, outputs=told
            )
        _let_regions_look(work)
    open_regions = run.steps.filter(kind=StepKind.REGION_TRAIL).exclude(status__in=SETTLED_STEP_STATUSES)
    if open_regions.exists():
        return deadlines.next_look(work.looks)
    deployment.finish(work, step, stack)
    return None


def _some_region_rests(run: Run) -> bool:
    """Asked at each look: a worker may have died between the parent's beginning and what follows from it."""
    items = run.work_items.filter(stage=Stage.TRAILS, due_at=None, lease_until=None)
    return items.exclude(region="").exists()


def _let_regions_look(work: Work, *, after: timedelta = timedelta(0)) -> None:
    """See that every region that isn't settled is looked at within `after`."""
    due_at = timezone.now() + after
    with holding(work) as run:
        open_regions = run.steps.filter(kind=StepKind.REGION_TRAIL, status__in=UNSETTLED_STEP_STATUSES)
        items = run.work_items.filter(stage=Stage.TRAILS, region__in=open_regions.values("region"))
        items.filter(Q(due_at=None) | Q(due_at__gt=due_at)).update(due_at=due_at)
