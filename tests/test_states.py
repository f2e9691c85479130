"""The vocabulary hangs together: every status can be reached, and every run can end."""

import pytest

from onboarding.states import (
    OPEN_RUN_STATUSES,
    RUN_TRANSITIONS,
    SETTLED_RUN_STATUSES,
    RunStatus,
    may_follow,
)


def reachable_from(start: RunStatus) -> set[RunStatus]:
    seen: set[RunStatus] = set()
    todo = [start]
    while todo:
        status = todo.pop()
        if status not in seen:
            seen.add(status)
            todo.extend(RUN_TRANSITIONS[status])
    return seen


def test_every_status_says_what_may_follow() -> None:
    assert set(RUN_TRANSITIONS) == set(RunStatus)
    assert OPEN_RUN_STATUSES.isdisjoint(SETTLED_RUN_STATUSES)


def test_every_status_can_be_reached_from_a_draft() -> None:
    assert reachable_from(RunStatus.DRAFT) == set(RunStatus)


@pytest.mark.parametrize("status", sorted(OPEN_RUN_STATUSES))
def test_every_open_run_can_settle(status: RunStatus) -> None:
    assert reachable_from(status) & SETTLED_RUN_STATUSES


def test_what_is_verified_or_cancelled_stays_so_and_what_failed_may_only_be_tried_again() -> None:
    follows = {status: {after for after in RunStatus if may_follow(status, after)} for status in RunStatus}
    again = {RunStatus.NEEDS_ACCESS, RunStatus.VERIFYING}
    assert {status: follows[status] for status in SETTLED_RUN_STATUSES} == {
        RunStatus.VERIFIED: set(),
        RunStatus.CANCELLED: set(),
        RunStatus.PARTLY_DONE: again,
        RunStatus.FAILED: again,
    }


def test_nothing_is_written_before_the_plan_was_ready() -> None:
    """From a draft only where the owner writes with their own hands, which models.history sees to."""
    assert not may_follow(RunStatus.SURVEYING, RunStatus.RUNNING)
