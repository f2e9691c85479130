"""How does one of the two parent stacks come to be as the blueprint says?

Looks, decides, and asks CloudFormation for at most one thing. A stack of ours whose creation failed before
holds the name: it is deleted first. "No updates are to be performed" is success.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings

from onboarding import blueprint, decisions, matching, planning
from onboarding.aws import stacks
from onboarding.aws.session import AwsSession
from onboarding.blueprint import StackBlueprint
from onboarding.engine import (
    advancing,
    deadlines,
    deployments,
    intents,
    parking,
    remains,
    sessions,
    steps,
)
from onboarding.engine.causes import failure_of
from onboarding.engine.claims import Work, holding
from onboarding.models import Run, Step, history
from onboarding.observed import Stack
from onboarding.planning import Plan
from onboarding.states import Goal, Move, Stage, StepStatus

# What CloudFormation takes to notice that its own time is over.
GRACE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The stack as it should be, and after how many minutes CloudFormation itself gives up creating it."""

    stack: StackBlueprint
    parameters: Mapping[str, str]
    timeout_minutes: int

    def is_met_by(self, found: Stack | None) -> bool:
        return found is not None and blueprint.is_current(
            self.stack, self.parameters, tags=found.tags, parameters=found.parameters
        )


def look(work: Work, run: Run) -> timedelta | None:
    """The roles' stack, in the home region."""
    session = sessions.handed_over(run, Stage.ROLES)
    plan = blueprint.build_blueprint(settings.COMPANY)
    wanted = Wanted(plan.roles, blueprint.roles_parameters(plan), timeout_minutes=15)

    def bring_about(step: Step) -> timedelta | None:
        stack = stacks.describe(session, step.region, step.target)
        decision = next_move(step, stack, wanted, is_met=wanted.is_met_by(stack))
        if decision.move == Move.FINISH and stack is not None:
            finish(work, step, stack)
            return None
        return carry_out(work, step, session, stack, decision, wanted)

    return steps.look_at_each(work, bring_about)


def next_move(step: Step, stack: Stack | None, wanted: Wanted, *, is_met: bool) -> decisions.Decision:
    """What the step needs next; never anything at a stack of this name that isn't ours."""
    is_ours = stack is None or matching.is_ours(wanted.stack.template, stack)
    last_move = intents.answered_move(step)
    decision = decisions.decide(Goal.PRESENT, stack, last_move, wanted=is_met, is_ours=is_ours)
    if decision.reason_code == "change_set_waiting":
        # Nothing was ever made by it: with its owner's consent it may be deleted.
        waits = last_move == Move.DELETE
        decision = decisions.Decision(Move.WAIT if waits else Move.DELETE, "change_set_waiting")
    if _is_stuck(step, stack, wanted):
        return decisions.Decision(Move.FAIL, "took_too_long")
    return intents.unless_unheeded(step, decision)


def _is_stuck(step: Step, stack: Stack | None, wanted: Wanted) -> bool:
    """Whether CloudFormation is still at what it should have given up by itself. Rolling back may take on."""
    is_at_it = stack is not None and stack.status in {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"}
    limit = timedelta(minutes=wanted.timeout_minutes) + GRACE
    return is_at_it and intents.was_answered_before(step, limit)


def finish(work: Work, step: Step, stack: Stack) -> None:
    with holding(work) as run:
        deployments.note_finished(run, step, stack)
    advancing.settle(
        work,
        step,
        StepStatus.FINISHED,
        aws_status=stack.status,
        stack_id=stack.stack_id,
        outputs={**step.outputs, **stack.outputs},
    )


def carry_out(
    work: Work,
    step: Step,
    session: AwsSession,
    stack: Stack | None,
    decision: decisions.Decision,
    wanted: Wanted,
) -> timedelta | None:
    """Ask CloudFormation for one thing, wait, or give up with a reason."""
    match decision.move:
        case Move.CREATE:
            return _create(work, step, session, wanted)
        case Move.UPDATE if stack is not None:
            return _update(work, step, session, stack, wanted)
        case Move.DELETE if stack is not None:
            if not _may_clear(work, step, stack, wanted):
                return None
            intent = intents.intend(work, step, Move.DELETE)
            stacks.delete(session, step.region, stack.stack_id, intent.token)
            _record(work, step, intent, stack_id=stack.stack_id, aws_status="DELETE_IN_PROGRESS")
        case Move.ASK:
            advancing.settle(work, step, StepStatus.REFUSED, reason_code=decision.reason_code)
            return None
        case Move.FAIL:
            failure = failure_of(session, stack, token=step.token) if stack is not None else None
            # What is left of it matters more than why it failed; AWS's words tell both.
            is_stuck = stack is not None and stack.status == "ROLLBACK_FAILED"
            if is_stuck and decision.reason_code == "create_failed":
                steps.fail(work, step, "rollback_stuck", failure, aws_status="ROLLBACK_FAILED")
            else:
                steps.fail_because(work, step, failure, decision.reason_code, stack=stack)
            return None
        case _:
            _see(work, step, stack)
    return deadlines.next_look(work.looks)


def _may_clear(work: Work, step: Step, stack: Stack, wanted: Wanted) -> bool:
    """Whether the owner allows deleting what holds the name. Otherwise they are asked, or it stays."""
    question = planning.blocking(wanted.stack.template, stack)
    run = Run.objects.get(pk=work.run_id)
    answer = question.answer_in(Plan.from_json(run.plan or {}).answers) if question is not None else None
    if question is not None and remains.is_own(run, question):
        return True
    if question is None:
        advancing.settle(work, step, StepStatus.REFUSED, reason_code="change_set_waiting")
    elif answer is None:
        parking.needs_owner(work, question)
    elif answer == question.safe:
        advancing.settle(work, step, StepStatus.REFUSED, reason_code="blocked_name_left")
    return question is not None and answer not in {None, question.safe}


def _create(work: Work, step: Step, session: AwsSession, wanted: Wanted) -> timedelta:
    intent = intents.intend(work, step, Move.CREATE)
    stack_id = stacks.create(
        session,
        step.region,
        stack_name=wanted.stack.stack_name,
        **_template(wanted.stack),
        parameters=wanted.parameters,
        capabilities=wanted.stack.capabilities,
        tags=wanted.stack.tags,
        token=intent.token,
        timeout_minutes=wanted.timeout_minutes,
    )
    _record(work, step, intent, stack_id=stack_id, aws_status="CREATE_IN_PROGRESS")
    return deadlines.next_look(0)


def _update(work: Work, step: Step, session: AwsSession, stack: Stack, wanted: Wanted) -> timedelta | None:
    intent = intents.intend(work, step, Move.UPDATE)
    changes = stacks.update(
        session,
        step.region,
        stack_name=stack.stack_id,
        **_template(wanted.stack),
        parameters=wanted.parameters,
        capabilities=wanted.stack.capabilities,
        tags=wanted.stack.tags,
        token=intent.token,
    )
    if not changes:
        finish(work, step, stack)
        return None
    _record(work, step, intent, stack_id=stack.stack_id, aws_status="UPDATE_IN_PROGRESS")
    return deadlines.next_look(0)


def _record(work: Work, step: Step, intent: intents.Intent, *, stack_id: str, aws_status: str) -> None:
    intents.record_answer(work, step, intent, stack=step.target, stack_id=stack_id, aws_status=aws_status)


def _see(work: Work, step: Step, stack: Stack | None) -> None:
    status, stack_id = (stack.status, stack.stack_id) if stack else ("", step.stack_id)
    with holding(work):
        history.move_step(step, StepStatus.WORKING, aws_status=status, stack_id=stack_id)


def _template(stack: StackBlueprint) -> dict[str, str]:
    """The published template where there is one; otherwise its text goes along."""
    url = blueprint.template_url(stack.template, settings.COMPANY)
    return {"template_url": url} if url else {"template_body": stack.template.body}
