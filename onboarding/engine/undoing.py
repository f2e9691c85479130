"""How does what a cancelled run had created go again?

Stack by stack, in the plan's order, each by its id. When all is settled the account is looked at once more,
and only what that shows is said: the run ends as cancelled, with everything that was created gone, or says
what is left.
"""

from datetime import timedelta

from django.conf import settings

from onboarding import decisions, planning
from onboarding.aws import stacks
from onboarding.aws.session import AwsSession
from onboarding.blueprint import build_blueprint
from onboarding.engine import advancing, deadlines, grants, intents, parking, sessions, steps
from onboarding.engine.causes import failure_of
from onboarding.engine.claims import Work, holding
from onboarding.models import Run, Step, history
from onboarding.models.stages import close_all
from onboarding.models.undoing import created_by
from onboarding.observed import AccountSurvey, Stack
from onboarding.planning import Plan
from onboarding.states import (
    UNSETTLED_STEP_STATUSES,
    Goal,
    Move,
    RunStatus,
    Stage,
    StepKind,
    StepStatus,
)
from onboarding.stored import survey_from_json

# How a run ends that has undone everything.
UNDONE = "undone"

_AT_WORK = frozenset({RunStatus.SURVEYING, RunStatus.RUNNING})


def plan_of(run: Run, survey: AccountSurvey) -> Plan:
    """The plan of an undoing run, for the account as surveyed now."""
    undone = Run.objects.get(undone_by=run)
    return planning.plan_undoing(
        build_blueprint(settings.COMPANY), survey, created_by(undone), _there_before(undone)
    )


def _there_before(undone: Run) -> frozenset[str]:
    """The regional stacks that were found before the first write, and are not the run's own progress."""
    if undone.survey is None or undone.plan is None:
        return frozenset()
    name = settings.COMPANY.trails.regional_stack_name
    found = {
        stack.stack_id
        for region in survey_from_json(undone.survey).regions
        for stack in region.stacks
        if stack.name == name
    }
    planned = Plan.from_json(undone.plan).steps
    absent = [step.ordinal for step in planned if step.kind == StepKind.REGION_TRAIL and not step.stack_id]
    own = undone.steps.filter(kind=StepKind.REGION_TRAIL, ordinal__in=absent)
    return frozenset(found - set(own.values_list("stack_id", flat=True)))


def look(work: Work, run: Run) -> timedelta | None:
    # Each with the rights of the stage that made it: those alone can delete what is in it.
    trails, roles = (sessions.handed_over(run, stage) for stage in (Stage.TRAILS, Stage.ROLES))
    parent = settings.COMPANY.trails.parent_stack_name
    return steps.look_at_each(
        work, lambda step: _remove(work, run, step, trails if step.target == parent else roles)
    )


def _remove(work: Work, run: Run, step: Step, session: AwsSession) -> timedelta | None:
    earlier = run.steps.filter(stage=Stage.REMOVE, ordinal__lt=step.ordinal)
    if earlier.filter(status__in=UNSETTLED_STEP_STATUSES).exists():
        return deadlines.next_look(work.looks)
    stack = stacks.describe(session, step.region, step.stack_id)
    decision = decisions.decide(Goal.ABSENT, stack, intents.answered_move(step))
    decision = intents.unless_unheeded(step, decision)
    match decision.move:
        case Move.WAIT:
            with holding(work):
                history.move_step(step, StepStatus.WORKING, aws_status=stack.status if stack else "")
            return deadlines.next_look(work.looks)
        case Move.DELETE if stack is not None:
            return _delete(work, step, session, stack)
        case Move.FINISH:
            advancing.settle(work, step, StepStatus.FINISHED, aws_status="DELETE_COMPLETE")
        case Move.ASK:
            advancing.settle(work, step, StepStatus.REFUSED, reason_code=decision.reason_code)
        case _:
            failure = failure_of(session, stack, token=step.token, operation="DeleteStack") if stack else None
            steps.fail_because(work, step, failure, decision.reason_code, stack=stack)
    return None


def _delete(work: Work, step: Step, session: AwsSession, stack: Stack) -> timedelta:
    intent = intents.intend(work, step, Move.DELETE)
    stacks.delete(session, step.region, stack.stack_id, intent.token)
    intents.record_answer(work, step, intent, stack=stack.name, aws_status="DELETE_IN_PROGRESS")
    return deadlines.next_look(0)


def end_if_over(run: Run, plan: Plan) -> bool:
    """End the run if nothing is left to do; `plan` is what the account, looked at just now, would still need.

    Inside the caller's transaction on the run.
    """
    if run.status == RunStatus.RUNNING and run.steps.filter(status__in=UNSETTLED_STEP_STATUSES).exists():
        return False
    if run.status == RunStatus.SURVEYING and not plan.is_empty:
        return False
    if not plan.steps:
        grants.destroy(run, UNDONE)
        close_all(run)
        history.move_run(run, RunStatus.CANCELLED, expect=_AT_WORK, reason_code=UNDONE)
    elif run.status == RunStatus.SURVEYING:
        parking.fail(run, plan.steps[0].refused)
    elif run.steps.exclude(status=StepStatus.FINISHED).exists():
        advancing.finish(run)
    else:
        parking.fail(run, "delete_without_effect")
    return True
