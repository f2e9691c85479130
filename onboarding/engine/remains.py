"""What did this run's own failed attempts leave behind?

What came of an approval may go under it too: an owner who has it tried again isn't asked about each of them.
What held a name before the approval is none of this run's, and is asked about.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from onboarding.models import Run
from onboarding.planning import Plan, Question, answers_in
from onboarding.planning.questions import BLOCKED, DELETE
from onboarding.states import StepKind

_MADE_BY = (StepKind.DEPLOY_ROLES, StepKind.DEPLOY_TRAILS, StepKind.REGION_TRAIL)


def is_own(run: Run, question: Question) -> bool:
    """Whether it asks about a dead stack that came to be in this run, after its plan was made."""
    if question.code != BLOCKED or not run.approved_digest:
        return False
    stack_id = question.fields["stack_id"]
    was_there = any(step.stack_id == stack_id for step in Plan.from_json(run.plan or {}).steps)
    return not was_there and run.steps.filter(kind__in=_MADE_BY, stack_id=stack_id).exists()


def of_run(run: Run, plan: Plan) -> tuple[Question, ...]:
    return tuple(question for question in plan.questions if is_own(run, question))


def allowed_in(choices: dict[str, Any], own: Sequence[Question]) -> dict[str, Any]:
    """The owner's choices, with those remains allowed to go."""
    return {**choices, "answers": {**answers_in(choices), **{question.key: DELETE for question in own}}}


def allowed_by(plan: Plan, own: Sequence[Question]) -> Plan:
    """What was approved, with those remains as its own progress."""
    known = {question.key for question in plan.questions}
    return replace(
        plan,
        questions=(*plan.questions, *(question for question in own if question.key not in known)),
        choices=allowed_in(dict(plan.choices), own),
    )
