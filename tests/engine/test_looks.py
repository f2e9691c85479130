"""When a region is looked at: not before anything can have changed, and one of them ahead of the others."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from onboarding.engine import advancing, deadlines
from onboarding.models import AwsAccount, Run, WorkItem
from onboarding.models.stages import open_stage
from onboarding.states import Goal, RunStatus, Stage, StepKind, StepStatus

pytestmark = pytest.mark.django_db(transaction=True)

REGIONS = ("eu-west-1", "us-east-1", "us-west-2")


@pytest.fixture
def run() -> Run:
    account = AwsAccount.objects.create(number="1" * 12, name="An account", contact_email="owner@example.org")
    made = Run.objects.create(account=account, status=RunStatus.RUNNING)
    plan = [(Stage.TRAILS, StepKind.DEPLOY_TRAILS, "us-west-2")]
    plan += [(Stage.TRAILS, StepKind.REGION_TRAIL, region) for region in REGIONS]
    plan += [(Stage.VERIFY, StepKind.VERIFY_REGION, region) for region in REGIONS]
    for ordinal, (stage, kind, region) in enumerate(plan):
        goal = Goal.PRESENT if kind == StepKind.DEPLOY_TRAILS else Goal.LOGGING
        made.steps.create(ordinal=ordinal, stage=stage, kind=kind, region=region, goal=goal, target="a stack")
    return made


def due_now(run: Run, stage: Stage) -> set[str]:
    items = run.work_items.filter(stage=stage, due_at__lte=timezone.now())
    return set(items.values_list("region", flat=True))


def test_regions_rest_until_their_parent_has_begun(run: Run) -> None:
    open_stage(run, Stage.TRAILS)
    assert due_now(run, Stage.TRAILS) == {""}
    run.steps.filter(kind=StepKind.DEPLOY_TRAILS).update(stack_id="arn:of-the-parent")
    open_stage(run, Stage.TRAILS)
    assert due_now(run, Stage.TRAILS) == {"", *REGIONS}


def test_of_new_trails_one_is_asked_for_its_log_first_and_then_all(run: Run) -> None:
    run.steps.filter(stage=Stage.TRAILS).update(status=StepStatus.FINISHED)
    advancing.go_on(run, Stage.TRAILS)
    assert due_now(run, Stage.VERIFY) == {REGIONS[0]}
    advancing.first_log_came(run, REGIONS[0])
    assert due_now(run, Stage.VERIFY) == set(REGIONS)


def test_trails_that_were_there_before_are_all_asked_at_once(run: Run) -> None:
    run.steps.filter(stage=Stage.TRAILS).delete()
    advancing.go_on(run, Stage.VERIFY)
    assert due_now(run, Stage.VERIFY) == set(REGIONS)


def test_where_no_log_comes_the_others_are_asked_all_the_same(run: Run) -> None:
    run.steps.filter(stage=Stage.TRAILS).update(status=StepStatus.FINISHED)
    advancing.go_on(run, Stage.TRAILS)
    assert not WorkItem.objects.filter(stage=Stage.VERIFY, due_at=None).exists()
    latest = timezone.now() + 1.3 * deadlines.first_log_look()
    assert not WorkItem.objects.filter(stage=Stage.VERIFY, due_at__gt=latest + timedelta(seconds=30)).exists()


def test_workers_that_cannot_keep_up_look_less_often(settings: Settings) -> None:
    settings.CLOUD_POLL_SECONDS = 5
    assert deadlines.next_look(0) <= timedelta(seconds=6)
    for _claim in range(200):
        deadlines.note_lateness(40)
    assert deadlines.next_look(0) >= timedelta(seconds=30)
    for _claim in range(200):
        deadlines.note_lateness(0)
    assert deadlines.next_look(0) <= timedelta(seconds=6.1)
