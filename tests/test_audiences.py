"""Finished, failed and waiting are told, to owners and infosec alike; everything else is told to nobody."""

from datetime import timedelta

import pytest

from onboarding.audiences import TOLD, Audience, Channel, told_of
from onboarding.states import RunStatus

FINISHED_OR_FAILED = {RunStatus.VERIFIED, RunStatus.PARTLY_DONE, RunStatus.FAILED}
BOTH = {Audience.OWNERS, Audience.INFOSEC}
WAITING = {RunStatus.NEEDS_ACCESS, RunStatus.NEEDS_OWNER, RunStatus.PLANNED}


@pytest.mark.parametrize("status", RunStatus)
def test_each_status_is_told_to_both_or_to_nobody(status: RunStatus) -> None:
    mailed = {telling.audience for telling in told_of(status) if telling.channel == Channel.MAIL}
    assert mailed == (BOTH if status in FINISHED_OR_FAILED | WAITING else set())


@pytest.mark.parametrize("status", sorted(TOLD))
def test_what_is_over_is_told_at_once_and_a_wait_only_while_it_lasts(status: RunStatus) -> None:
    for telling in told_of(status):
        assert telling.is_of_a_wait == (status in WAITING)
        assert (telling.after > timedelta(0)) == (status in WAITING)


def test_nobody_is_reminded_of_a_plan_within_the_hour() -> None:
    assert all(telling.after >= timedelta(hours=1) for telling in told_of(RunStatus.PLANNED))


def test_a_ticket_hears_of_nothing_but_that_everything_is_done() -> None:
    told = [status for status in RunStatus if Channel.TICKET in {each.channel for each in told_of(status)}]
    assert told == [RunStatus.VERIFIED]
