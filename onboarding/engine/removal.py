"""How does an old stack go, and its role with it?

Only a stack that still matches the old fingerprints is deleted, by its id. What more it holds, its
protection and what hangs on its role go only with the owner's answer to exactly that; without one the run
asks. It is gone when CloudFormation says so, and only then is its role asked for: a role can survive a
deletion that succeeded.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from onboarding import decisions, matching, planning
from onboarding.aws import roles, stacks
from onboarding.aws.session import AwsSession
from onboarding.engine import advancing, deadlines, intents, parking, sessions, steps
from onboarding.engine.causes import failure_of
from onboarding.engine.claims import Work, holding
from onboarding.matching import OldMatch
from onboarding.models import Run, Step, history
from onboarding.observed import Failure, Role, Stack, StackResource
from onboarding.planning import Plan, Question
from onboarding.planning.questions import ATTACHMENTS, EXTRAS
from onboarding.states import FailureKind, Goal, Move, Stage, StepStatus
from onboarding.stored import survey_from_json

_OLD = frozenset({OldMatch.OLD, OldMatch.OLD_WITH_EXTRAS})


def look(work: Work, run: Run) -> timedelta | None:
    session = sessions.handed_over(run, Stage.REMOVE)
    return steps.look_at_each(work, lambda step: _remove(work, run, step, session))


def _remove(work: Work, run: Run, step: Step, session: AwsSession) -> timedelta | None:
    stack = stacks.describe(session, step.region, step.stack_id)
    decision = decisions.decide(Goal.ABSENT, stack, intents.answered_move(step))
    decision = intents.unless_unheeded(step, decision)
    if stack is not None and decision.reason_code in {"termination_protected", "delete_failed"}:
        # Both may be a question to the owner, or answered already.
        return _delete(work, run, step, session, stack, is_last_failure=decision.move == Move.FAIL)
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
            _fail(work, step, session, stack, decision.reason_code)
    return None


def _wait(work: Work, step: Step, stack: Stack | None) -> timedelta:
    with holding(work):
        history.move_step(step, StepStatus.WORKING, aws_status=stack.status if stack else "")
    return deadlines.next_look(work.looks)


def _fail(work: Work, step: Step, session: AwsSession, stack: Stack | None, code: str) -> None:
    failure = failure_of(session, stack, token=step.token, operation="DeleteStack") if stack else None
    steps.fail_because(work, step, failure, code, stack=stack)


def _delete(
    work: Work, run: Run, step: Step, session: AwsSession, stack: Stack, *, is_last_failure: bool = False
) -> timedelta | None:
    """Delete the stack, unless it has become something else since it was surveyed.

    First what stands in the way, as far as its owner has said so. `is_last_failure`: its deletion has failed
    already; it is tried again only when something that hung on its role was taken off.
    """
    full, match = _as_it_is(run, session, stack)
    if stack.service_role_arn or match not in _OLD:
        advancing.settle(work, step, StepStatus.REFUSED, reason_code="stack_has_other_content")
        return None
    hanging = _roles_of(session, full)
    asked = planning.questions_on_removal(full, match, settings.COMPANY.old.role_logical_ids, hanging)
    # What is left of a deletion that its owner allowed was allowed with it.
    asked = tuple(question for question in asked if not _was_allowed(step, question))
    attached = [question for question in asked if question.code == ATTACHMENTS]
    if is_last_failure and not attached:
        _fail(work, step, session, stack, "delete_failed")
        return None
    answers = Plan.from_json(run.plan or {}).answers
    for question in asked:
        match question.answer_in(answers):
            case None:
                parking.needs_owner(work, question)
                return None
            case answer if answer == question.safe:
                _leave(work, step, session, stack, has_failed=is_last_failure)
                return None
    if stack.is_termination_protected:
        return _make_way(work, step, stack, Move.UNPROTECT, lambda: _unprotect(session, stack))
    if attached:
        return _make_way(work, step, stack, Move.DETACH, lambda: _detach(session, full, hanging))
    names = [each.physical_id for each in full.resources or () if _is_role(each)]
    intent = intents.intend(work, step, Move.DELETE)
    stacks.delete(session, step.region, stack.stack_id, intent.token)
    intents.record_answer(
        work,
        step,
        intent,
        stack=stack.name,
        aws_status="DELETE_IN_PROGRESS",
        outputs={
            **step.outputs,
            "roles": names,
            "resources": [each.physical_id for each in full.resources or ()],
        },
    )
    return deadlines.next_look(0)


def _was_allowed(step: Step, question: Question) -> bool:
    named = {str(physical_id) for _type, physical_id in question.fields.get("resources", ())}
    return question.code == EXTRAS and named <= set(step.outputs.get("resources", ()))


def _as_it_is(run: Run, session: AwsSession, stack: Stack) -> tuple[Stack, OldMatch]:
    """The stack with what it holds now, compared with the old one once more."""
    resources = stacks.resources(session, stack.region, stack.stack_id)
    body = stacks.template(session, stack.region, stack.stack_id)
    full = replace(stack, resources=resources, template_body=body)
    old_roles = survey_from_json(run.survey).old_roles if run.survey else None
    return full, matching.compare_with_old(settings.COMPANY, full, old_roles)


def _roles_of(session: AwsSession, stack: Stack) -> list[Role]:
    """The old roles that the stack holds, with all that hangs on them."""
    known = settings.COMPANY.old.role_logical_ids
    names = [
        each.physical_id for each in stack.resources or () if _is_role(each) and each.logical_id in known
    ]
    found = [roles.get_role(session, name, with_profiles=True) for name in names]
    return [role for role in found if role is not None]


def _is_role(resource: StackResource) -> bool:
    return resource.type == "AWS::IAM::Role" and bool(resource.physical_id)


def _detach(session: AwsSession, stack: Stack, hanging: list[Role]) -> None:
    """Take off what was attached by hand: exactly what the owner was asked about."""
    for role in hanging:
        policies, inline, profiles = matching.attachments_of(stack, role)
        foreign = replace(
            role, attached_policy_arns=policies, inline_policy_names=inline, instance_profile_names=profiles
        )
        roles.detach(session, foreign)


def _leave(work: Work, step: Step, session: AwsSession, stack: Stack, *, has_failed: bool) -> None:
    """The owner wants it left as it is: nothing of this step is done, or nothing more."""
    if has_failed:
        _fail(work, step, session, stack, "old_role_has_attachments")
    else:
        advancing.settle(work, step, StepStatus.REFUSED, reason_code="left_by_choice")


def _make_way(
    work: Work, step: Step, stack: Stack, move: Move, ask: Callable[[], object]
) -> timedelta | None:
    """One thing that stands in the way of the deletion, with its own intent and record."""
    intent = intents.intend(work, step, move)
    ask()
    intents.record_answer(work, step, intent, stack=stack.name, aws_status=stack.status)
    return deadlines.next_look(0)


def _unprotect(session: AwsSession, stack: Stack) -> None:
    stacks.lift_protection(session, stack.region, stack.stack_id)


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
