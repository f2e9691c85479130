"""What did a run create that can be undone, and is its owner asked whether to?

Only stacks whose creation AWS answered to this very run, by the ids of those answers: whatever stood there
before, or came to be in another way, is none of them.
"""

from onboarding.models.run import Run
from onboarding.states import UNSETTLED_STEP_STATUSES, RunStatus, StepKind

# How the event calls the owner's choice to keep what was done.
LEAVE = "leave_as_is"
UNDO = "undo"

_CREATING = (StepKind.DEPLOY_ROLES, StepKind.DEPLOY_TRAILS)


def created_by(run: Run) -> frozenset[str]:
    """The ids of the stacks that the run has created, as far as its steps still stand for them."""
    answers = run.events.filter(kind="aws.write", data__operation="CreateStack")
    answered = {data.get("stack_id", "") for data in answers.values_list("data", flat=True)}
    held = run.steps.filter(kind__in=_CREATING).exclude(stack_id="").values_list("stack_id", flat=True)
    return frozenset(answered & set(held))


def is_asked(run: Run) -> bool:
    """Whether a run being cancelled waits for its owner: nothing is in flight, and something was created."""
    if run.status != RunStatus.CANCELLING or run.is_undoing:
        return False
    if run.steps.filter(status__in=UNSETTLED_STEP_STATUSES).exists():
        return False
    return not _has_chosen_to_leave(run) and bool(created_by(run))


def _has_chosen_to_leave(run: Run) -> bool:
    return run.events.filter(kind="owner.note", data__choice=LEAVE).exists()
