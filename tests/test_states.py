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


@pytest.mark.parametrize("status", sorted(SETTLED_RUN_STATUSES))
def test_nothing_follows_a_settled_run(status: RunStatus) -> None:
    assert not any(may_follow(status, after) for after in RunStatus)


def test_nothing_is_written_before_the_plan_was_ready() -> None:
    assert not may_follow(RunStatus.DRAFT, RunStatus.RUNNING)
    assert not may_follow(RunStatus.SURVEYING, RunStatus.RUNNING)
