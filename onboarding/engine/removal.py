"""How does an old stack go, and its role with it?

Only a stack that still matches the old fingerprints is deleted, by its id. It is gone when CloudFormation
says so, and only then is its role asked for: a role can survive a deletion that succeeded.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from onboarding import decisions, matching
from onboarding.aws import roles, stacks
from onboarding.aws.session import AwsSession
from onboarding.engine import advancing, deadlines, intents, sessions, steps
from onboarding.engine.causes import failure_of
from onboarding.engine.claims import Work, holding
from onboarding.models import Run, Step, history
from onboarding.observed import Failure, Stack
from onboarding.states import FailureKind, Goal, Move, Stage, StepStatus
from onboarding.stored import survey_from_json


def look(work: Work, run: Run) -> timedelta | None:
    session = sessions.handed_over(run, Stage.REMOVE)
    return steps.look_at_each(work, lambda step: _remove(work, run, step, session))


def _remove(work: Work, run: Run, step: Step, session: AwsSession) -> timedelta | None:
    stack = stacks.describe(session, step.region, step.stack_id)
    decision = decisions.decide(Goal.ABSENT, stack, intents.answered_move(step))
    decision = intents.unless_unheeded(step, decision)
    match decision.move:
        case Move.WAIT:
            return _wait(work, step, stack)
        case Move.DELETE if stack is not None:
            return _delete(work, run, step, session, stack)
        case Move.FINISH:
            return _check_roles(work, step, session)
        case Move.ASK:
            advancing.settle(work, step, StepStatus.REFUSED, reason_code=decision.reason_code)
        case _:
            failure = failure_of(session, stack, token=step.token, operation="DeleteStack") if stack else None
            steps.fail_because(work, step, failure, decision.reason_code)
    return None


def _wait(work: Work, step: Step, stack: Stack | None) -> timedelta:
    with holding(work):
        history.move_step(step, StepStatus.WORKING, aws_status=stack.status if stack else "")
    return deadlines.next_look(work.looks)


def _delete(work: Work, run: Run, step: Step, session: AwsSession, stack: Stack) -> timedelta | None:
    """Delete the stack, unless it has become something else since it was surveyed."""
    resources = stacks.resources(session, step.region, stack.stack_id)
    body = stacks.template(session, step.region, stack.stack_id)
    full = replace(stack, resources=resources, template_body=body)
    old_roles = survey_from_json(run.survey).old_roles if run.survey else None
    if stack.service_role_arn or not matching.is_old_stack(settings.COMPANY, full, old_roles):
        advancing.settle(work, step, StepStatus.REFUSED, reason_code="stack_has_other_content")
        return None
    names = [each.physical_id for each in resources if each.type == "AWS::IAM::Role" and each.physical_id]
    intent = intents.intend(work, step, Move.DELETE)
    stacks.delete(session, step.region, stack.stack_id, intent.token)
    intents.record_answer(
        work,
        step,
        intent,
        stack=stack.name,
        aws_status="DELETE_IN_PROGRESS",
        outputs={**step.outputs, "roles": names},
    )
    return deadlines.next_look(0)


def _check_roles(work: Work, step: Step, session: AwsSession) -> timedelta | None:
    """The stack is gone; so must its roles be."""
    names = [str(name) for name in step.outputs.get("roles", ())]
    left = [name for name in names if roles.get_role(session, name) is not None]
    if not left:
        advancing.settle(work, step, StepStatus.FINISHED, aws_status="DELETE_COMPLETE")
        return None
    seen_at = step.outputs.get("gone_at")
    if seen_at is None:
        with holding(work):
            told = {**step.outputs, "gone_at": timezone.now().isoformat()}
            history.move_step(step, StepStatus.WORKING, aws_status="DELETE_COMPLETE", outputs=told)
    elif timezone.now() > datetime.fromisoformat(seen_at) + deadlines.deleted_role_limit():
        text = f"The stack is gone, but its role still exists: {', '.join(left)}."
        steps.fail(work, step, "old_role_left", Failure(FailureKind.OURS, "old_role_left", text))
        return None
    return deadlines.next_look(0)
