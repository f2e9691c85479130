"""What next for a step, given what it is for and what AWS shows?

Pure: no clock, no database, no AWS. Every combination has an answer. Reasons are remedies' codes wherever a
person is needed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from onboarding.observed import Stack
from onboarding.states import Condition, Goal, Move

# CloudFormation's 23 stack statuses, by their whole words: UPDATE_ROLLBACK_COMPLETE ends in ROLLBACK_COMPLETE
# and means the opposite. A test compares the keys with botocore's own list.
CONDITIONS: Mapping[str, Condition] = MappingProxyType(
    {
        "CREATE_IN_PROGRESS": Condition.BUSY,
        "CREATE_FAILED": Condition.BLOCKED,
        "CREATE_COMPLETE": Condition.LIVE,
        "ROLLBACK_IN_PROGRESS": Condition.BUSY,
        "ROLLBACK_FAILED": Condition.BLOCKED,
        "ROLLBACK_COMPLETE": Condition.BLOCKED,
        "DELETE_IN_PROGRESS": Condition.BUSY,
        "DELETE_FAILED": Condition.DELETE_FAILED,
        "DELETE_COMPLETE": Condition.ABSENT,
        "UPDATE_IN_PROGRESS": Condition.BUSY,
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": Condition.BUSY,
        "UPDATE_COMPLETE": Condition.LIVE,
        "UPDATE_FAILED": Condition.UPDATE_STUCK,
        "UPDATE_ROLLBACK_IN_PROGRESS": Condition.BUSY,
        "UPDATE_ROLLBACK_FAILED": Condition.UPDATE_STUCK,
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": Condition.BUSY,
        "UPDATE_ROLLBACK_COMPLETE": Condition.LIVE_AFTER_FAILED_UPDATE,
        "REVIEW_IN_PROGRESS": Condition.IN_REVIEW,
        "IMPORT_IN_PROGRESS": Condition.BUSY,
        "IMPORT_COMPLETE": Condition.LIVE,
        "IMPORT_ROLLBACK_IN_PROGRESS": Condition.BUSY,
        "IMPORT_ROLLBACK_FAILED": Condition.UPDATE_STUCK,
        "IMPORT_ROLLBACK_COMPLETE": Condition.LIVE_AFTER_FAILED_UPDATE,
    }
)


@dataclass(frozen=True, slots=True)
class Decision:
    move: Move
    reason_code: str = ""


def condition(status: str) -> Condition:
    """What a stack's status means for us. A word that AWS adds later is UNKNOWN: waited for within limits."""
    return CONDITIONS.get(status, Condition.UNKNOWN)


def condition_of(stack: Stack | None) -> Condition:
    """The same of a stack as described; None is one that isn't there."""
    return Condition.ABSENT if stack is None else condition(stack.status)


def decide(
    goal: Goal,
    observed: Stack | None,
    last_move: Move | None,
    *,
    wanted: bool = False,
    is_ours: bool = True,
    is_late: bool = False,
) -> Decision:
    """The next move of one step.

    `last_move` is the last one that AWS has answered in this step: an intent whose answer was lost doesn't
    count, and is made again with its token. `wanted`: the stack (or trail, or check) is as it should be.
    `is_ours`: it was made by this portal, or its Lambda. `is_late`: the step's time is over, so only an
    outcome is left.
    """
    match goal:
        case Goal.ABSENT:
            decision = _towards_absence(observed, last_move)
        case Goal.PRESENT:
            decision = _towards_presence(observed, last_move, wanted=wanted, is_ours=is_ours)
        case Goal.LOGGING:
            # The Lambda alone writes in the regions: here it is only seen whether it has.
            is_right = wanted and condition_of(observed) in _LIVE
            decision = (
                Decision(Move.FINISH) if is_right else Decision(Move.WAIT, _what_region_lacks(observed))
            )
        case _:
            decision = Decision(Move.FINISH) if wanted else Decision(Move.WAIT)
    if is_late and decision.move not in _OUTCOMES:
        return Decision(Move.FAIL, decision.reason_code or "took_too_long")
    return decision


# AWS accepted what was asked, and the stack stands as if nothing had been said: not for ever.
UNHEEDED = frozenset({"stack_vanished", "update_without_effect", "delete_without_effect"})

_LIVE = frozenset({Condition.LIVE, Condition.LIVE_AFTER_FAILED_UPDATE})
_OUTCOMES = frozenset({Move.FINISH, Move.FAIL, Move.ASK})

# Whatever the goal: AWS is at work, or nobody but a person may touch it.
_NOT_TO_BE_TOUCHED = {
    Condition.BUSY: Decision(Move.WAIT, "stack_busy"),
    Condition.UNKNOWN: Decision(Move.WAIT, "unknown_stack_status"),
    Condition.IN_REVIEW: Decision(Move.ASK, "change_set_waiting"),
}


def _towards_absence(observed: Stack | None, last_move: Move | None) -> Decision:
    match condition_of(observed):
        case Condition.ABSENT:
            return Decision(Move.FINISH)
        case found if found in _NOT_TO_BE_TOUCHED:
            return _NOT_TO_BE_TOUCHED[found]
        case Condition.DELETE_FAILED if last_move == Move.DELETE:
            return Decision(Move.FAIL, "delete_failed")
        case _ if last_move == Move.DELETE:
            return _after_an_unheeded_deletion(observed)
        case _:
            return _delete(observed)


def _towards_presence(
    observed: Stack | None, last_move: Move | None, *, wanted: bool, is_ours: bool
) -> Decision:
    match condition_of(observed):
        case Condition.ABSENT if last_move == Move.CREATE:
            return Decision(Move.WAIT, "stack_vanished")
        case Condition.ABSENT:
            return Decision(Move.CREATE)
        case found if found in _NOT_TO_BE_TOUCHED:
            return _NOT_TO_BE_TOUCHED[found]
        case _ if not is_ours:
            return Decision(Move.ASK, "name_taken")
        case Condition.UPDATE_STUCK:
            return Decision(Move.ASK, "update_stuck")
        case Condition.LIVE_AFTER_FAILED_UPDATE if last_move == Move.UPDATE:
            return Decision(Move.FAIL, "update_failed")
        case Condition.LIVE | Condition.LIVE_AFTER_FAILED_UPDATE:
            return _of_a_live_stack(last_move, wanted=wanted)
        case blocked:
            return _of_a_failed_stack(observed, blocked, last_move)


def _of_a_failed_stack(observed: Stack | None, found: Condition, last_move: Move | None) -> Decision:
    """A failed earlier attempt holds the name: it goes first. This step's own failure is its outcome."""
    match last_move:
        case Move.CREATE if found == Condition.BLOCKED:
            return Decision(Move.FAIL, "create_failed")
        case Move.DELETE if found == Condition.DELETE_FAILED:
            return Decision(Move.FAIL, "delete_failed")
        case Move.DELETE:
            return _after_an_unheeded_deletion(observed)
        case _:
            return _delete(observed)


def _of_a_live_stack(last_move: Move | None, *, wanted: bool) -> Decision:
    if wanted:
        return Decision(Move.FINISH)
    if last_move == Move.UPDATE:
        return Decision(Move.WAIT, "update_without_effect")
    return Decision(Move.UPDATE)


def _delete(observed: Stack | None) -> Decision:
    if observed is not None and observed.is_termination_protected:
        return Decision(Move.ASK, "termination_protected")
    return Decision(Move.DELETE)


def _after_an_unheeded_deletion(observed: Stack | None) -> Decision:
    """AWS accepted the deletion and the stack stands there as if nothing had been said."""
    if observed is not None and observed.status_reason.startswith("Delete canceled"):
        return Decision(Move.FAIL, "export_in_use")
    return Decision(Move.WAIT, "delete_without_effect")


def _what_region_lacks(observed: Stack | None) -> str:
    match condition_of(observed):
        case Condition.ABSENT:
            return "region_stack_missing"
        case Condition.LIVE | Condition.LIVE_AFTER_FAILED_UPDATE:
            return "not_logging"
        case Condition.BUSY:
            return "stack_busy"
        case Condition.IN_REVIEW:
            return "change_set_waiting"
        case Condition.UNKNOWN:
            return "unknown_stack_status"
        case _:
            return "region_stack_failed"
