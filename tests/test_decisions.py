"""Every combination of goal, status and last move has one answer, and each answer can be explained."""

from itertools import product
from typing import Any

import botocore.session
import pytest

from onboarding.decisions import CONDITIONS, Decision, condition, decide
from onboarding.observed import Stack
from onboarding.remedies import REMEDIES
from onboarding.states import Condition, Goal, Move

STATUSES = (*CONDITIONS, "SOMETHING_NEW_IN_PROGRESS")
LAST_MOVES = (None, Move.CREATE, Move.UPDATE, Move.DELETE)
WRITES = {Move.CREATE, Move.UPDATE, Move.DELETE}
BOTH = (True, False)


def make_stack(status: str, *, reason: str = "", is_protected: bool = False) -> Stack:
    return Stack(
        stack_id="arn:aws:cloudformation:us-west-2:484535289196:stack/Some/1",
        name="Some",
        region="us-west-2",
        status=status,
        status_reason=reason,
        is_termination_protected=is_protected,
    )


OBSERVED = (None, *(make_stack(status) for status in STATUSES))


def test_the_map_knows_exactly_botocores_statuses() -> None:
    model = botocore.session.get_session().get_service_model("cloudformation")
    statuses: Any = model.shape_for("StackStatus")
    assert set(CONDITIONS) == set(statuses.enum)
    assert len(CONDITIONS) == 23


def test_statuses_are_matched_by_their_whole_words() -> None:
    assert condition("ROLLBACK_COMPLETE") == Condition.BLOCKED
    assert condition("UPDATE_ROLLBACK_COMPLETE") == Condition.LIVE_AFTER_FAILED_UPDATE
    assert condition("REVIEW_IN_PROGRESS") == Condition.IN_REVIEW
    assert condition("") == Condition.UNKNOWN


@pytest.mark.parametrize("goal", Goal)
def test_every_combination_is_decided_and_explained(goal: Goal) -> None:
    for observed, last_move, wanted, is_ours, is_late in product(OBSERVED, LAST_MOVES, BOTH, BOTH, BOTH):
        decision = decide(goal, observed, last_move, wanted=wanted, is_ours=is_ours, is_late=is_late)
        if decision.move in {Move.FAIL, Move.ASK}:
            assert decision.reason_code in REMEDIES, (observed, decision)
        if is_late:
            assert decision.move in {Move.FINISH, Move.FAIL, Move.ASK}
        if decision.reason_code:
            assert decision.reason_code in REMEDIES


@pytest.mark.parametrize("goal", [Goal.LOGGING, Goal.ADMITTED, Goal.VERIFIED])
def test_goals_that_others_work_towards_never_lead_to_a_write(goal: Goal) -> None:
    for observed, last_move, wanted, is_late in product(OBSERVED, LAST_MOVES, BOTH, BOTH):
        assert decide(goal, observed, last_move, wanted=wanted, is_late=is_late).move not in WRITES


def test_nothing_is_ever_created_or_updated_on_the_way_to_absence() -> None:
    for observed, last_move, is_late in product(OBSERVED, LAST_MOVES, BOTH):
        move = decide(Goal.ABSENT, observed, last_move, is_late=is_late).move
        assert move not in {Move.CREATE, Move.UPDATE}


def test_a_stack_that_is_not_ours_is_never_written_to() -> None:
    for observed, last_move, wanted in product(OBSERVED, LAST_MOVES, BOTH):
        decision = decide(Goal.PRESENT, observed, last_move, wanted=wanted, is_ours=False)
        if decision.move in WRITES:
            assert observed is None or condition(observed.status) == Condition.ABSENT
            assert decision.move == Move.CREATE


def test_a_live_stack_is_never_deleted_on_the_way_to_presence() -> None:
    live = [make_stack(status) for status in STATUSES if condition(status).startswith("live")]
    for observed, last_move, wanted in product(live, LAST_MOVES, BOTH):
        assert decide(Goal.PRESENT, observed, last_move, wanted=wanted).move != Move.DELETE


def test_while_aws_is_at_work_or_unclear_nothing_is_written() -> None:
    untouchable = (Condition.BUSY, Condition.UNKNOWN, Condition.IN_REVIEW)
    busy = [make_stack(status) for status in STATUSES if condition(status) in untouchable]
    for goal, observed, last_move, wanted in product(Goal, busy, LAST_MOVES, BOTH):
        assert decide(goal, observed, last_move, wanted=wanted).move not in WRITES


def test_a_protected_stack_is_never_deleted() -> None:
    for goal, status, last_move in product(Goal, STATUSES, LAST_MOVES):
        observed = make_stack(status, is_protected=True)
        assert decide(goal, observed, last_move).move != Move.DELETE


@pytest.mark.parametrize(
    ("status", "last_move", "expected"),
    [
        (None, None, Decision(Move.FINISH)),
        (None, Move.DELETE, Decision(Move.FINISH)),
        ("DELETE_COMPLETE", Move.DELETE, Decision(Move.FINISH)),
        ("CREATE_COMPLETE", None, Decision(Move.DELETE)),
        ("UPDATE_ROLLBACK_COMPLETE", None, Decision(Move.DELETE)),
        ("ROLLBACK_COMPLETE", None, Decision(Move.DELETE)),
        ("DELETE_FAILED", None, Decision(Move.DELETE)),
        ("DELETE_FAILED", Move.DELETE, Decision(Move.FAIL, "delete_failed")),
        ("DELETE_IN_PROGRESS", Move.DELETE, Decision(Move.WAIT, "stack_busy")),
        ("UPDATE_IN_PROGRESS", None, Decision(Move.WAIT, "stack_busy")),
        ("CREATE_COMPLETE", Move.DELETE, Decision(Move.WAIT, "delete_without_effect")),
        ("REVIEW_IN_PROGRESS", None, Decision(Move.ASK, "change_set_waiting")),
    ],
)
def test_how_a_stack_goes(status: str | None, last_move: Move | None, expected: Decision) -> None:
    observed = make_stack(status) if status else None
    assert decide(Goal.ABSENT, observed, last_move) == expected


def test_a_deletion_that_aws_cancelled_says_who_uses_the_export() -> None:
    observed = make_stack(
        "CREATE_COMPLETE", reason="Delete canceled. Cannot delete export E as it is in use by S."
    )
    assert decide(Goal.ABSENT, observed, Move.DELETE) == Decision(Move.FAIL, "export_in_use")


@pytest.mark.parametrize(
    ("status", "last_move", "wanted", "expected"),
    [
        (None, None, False, Decision(Move.CREATE)),
        (None, Move.DELETE, False, Decision(Move.CREATE)),
        (None, Move.CREATE, False, Decision(Move.WAIT, "stack_vanished")),
        ("CREATE_IN_PROGRESS", Move.CREATE, False, Decision(Move.WAIT, "stack_busy")),
        ("CREATE_COMPLETE", Move.CREATE, True, Decision(Move.FINISH)),
        ("CREATE_COMPLETE", None, True, Decision(Move.FINISH)),
        ("CREATE_COMPLETE", None, False, Decision(Move.UPDATE)),
        ("UPDATE_COMPLETE", Move.UPDATE, True, Decision(Move.FINISH)),
        ("UPDATE_COMPLETE", Move.UPDATE, False, Decision(Move.WAIT, "update_without_effect")),
        ("UPDATE_ROLLBACK_COMPLETE", None, False, Decision(Move.UPDATE)),
        ("UPDATE_ROLLBACK_COMPLETE", Move.UPDATE, False, Decision(Move.FAIL, "update_failed")),
        ("ROLLBACK_COMPLETE", None, False, Decision(Move.DELETE)),
        ("ROLLBACK_COMPLETE", Move.CREATE, False, Decision(Move.FAIL, "create_failed")),
        ("ROLLBACK_COMPLETE", Move.DELETE, False, Decision(Move.WAIT, "delete_without_effect")),
        ("ROLLBACK_FAILED", None, False, Decision(Move.DELETE)),
        ("CREATE_FAILED", None, False, Decision(Move.DELETE)),
        ("DELETE_FAILED", None, False, Decision(Move.DELETE)),
        ("DELETE_FAILED", Move.DELETE, False, Decision(Move.FAIL, "delete_failed")),
        ("UPDATE_ROLLBACK_FAILED", None, False, Decision(Move.ASK, "update_stuck")),
        ("REVIEW_IN_PROGRESS", None, False, Decision(Move.ASK, "change_set_waiting")),
    ],
)
def test_how_a_stack_comes(
    status: str | None, last_move: Move | None, wanted: bool, expected: Decision
) -> None:
    observed = make_stack(status) if status else None
    assert decide(Goal.PRESENT, observed, last_move, wanted=wanted) == expected


@pytest.mark.parametrize(
    ("status", "reason_code"),
    [
        (None, "region_stack_missing"),
        ("ROLLBACK_COMPLETE", "region_stack_failed"),
        ("CREATE_COMPLETE", "not_logging"),
        ("CREATE_IN_PROGRESS", "stack_busy"),
    ],
)
def test_a_region_that_is_late_says_what_it_lacks(status: str | None, reason_code: str) -> None:
    observed = make_stack(status) if status else None
    assert decide(Goal.LOGGING, observed, None, is_late=True) == Decision(Move.FAIL, reason_code)
    assert decide(Goal.LOGGING, observed, None).move == Move.WAIT
