"""Is what a stage usually takes learned from the runs that went well, and said beside the stage?"""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache

from onboarding.models import AwsAccount, Run, Step
from onboarding.progress.expected import usual_durations
from onboarding.progress.live import look_at
from onboarding.states import Goal, RunStatus, Stage, StepKind
from onboarding.views.fragments import fragments_of
from tests.services.conftest import account, owner, planned, surveying

__all__ = ["account", "owner", "planned", "surveying"]

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _nothing_learned(db: None) -> None:
    cache.clear()


def past_run(account: AwsAccount, status: RunStatus, *minutes: float) -> None:
    """A settled run, in whose trail stage each step took so many minutes, one after the other."""
    run = Run.objects.create(account=account, status=status, finished_at=NOON)
    began = NOON
    for ordinal, each in enumerate(minutes, 1):
        ended = began + timedelta(minutes=each)
        Step.objects.create(
            run=run,
            ordinal=ordinal,
            stage=Stage.TRAILS,
            kind=StepKind.REGION_TRAIL,
            goal=Goal.LOGGING,
            region=f"eu-west-{ordinal}",
            target="Trail",
            status="finished",
            started_at=began,
            finished_at=ended,
        )
        began = ended


def test_the_middle_of_verified_runs_counts_and_one_that_took_hours_does_not(planned: Run) -> None:
    for minutes in ((1, 2), (2, 2), (300, 300)):
        past_run(planned.account, RunStatus.VERIFIED, *minutes)
    past_run(planned.account, RunStatus.FAILED, 1)
    assert usual_durations() == {Stage.TRAILS: timedelta(minutes=4)}


def test_before_any_run_nothing_is_said(planned: Run) -> None:
    assert usual_durations() == {}


def test_the_stage_says_it(planned: Run) -> None:
    past_run(planned.account, RunStatus.VERIFIED, 1.5, 2)
    page = fragments_of(look_at(planned.pk)).pieces["run-stages"]
    assert page.count("usually") == 1
    assert "usually 3 min 30 s" in page
