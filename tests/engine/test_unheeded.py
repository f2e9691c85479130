"""AWS accepts a request and shows nothing of it: that is waited for, but not for an hour."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from onboarding.blueprint import build_blueprint
from onboarding.decisions import UNHEEDED, Decision
from onboarding.engine import deadlines, deployment, intents
from onboarding.engine.deployment import Wanted
from onboarding.models import AwsAccount, Event, Run, Step
from onboarding.models.history import record
from onboarding.observed import Stack
from onboarding.remedies import REMEDIES
from onboarding.states import Goal, Move, Stage, StepKind

WAIT = Decision(Move.WAIT, "update_without_effect")


@pytest.fixture
def step(db: None) -> Step:
    account = AwsAccount.objects.create(number="484535289196", name="IT", contact_email="it@example.org")
    made = Step.objects.create(
        run=Run.objects.create(account=account),
        ordinal=1,
        stage=Stage.ROLES,
        kind=StepKind.DEPLOY_ROLES,
        goal=Goal.PRESENT,
        last_move=Move.UPDATE,
        token="onb-1",
    )
    record(made.run_id, "aws.write", step_id=made.pk, token="onb-1")
    return made


def let_pass(time: timedelta) -> None:
    Event.objects.update(at=timezone.now() - time)


def test_what_aws_has_just_accepted_is_waited_for(step: Step) -> None:
    assert intents.unless_unheeded(step, WAIT) == WAIT


def test_what_shows_no_effect_for_long_has_failed_with_its_reason(step: Step) -> None:
    let_pass(deadlines.unheeded_limit() + timedelta(seconds=1))
    assert intents.unless_unheeded(step, WAIT) == Decision(Move.FAIL, "update_without_effect")


def test_a_stack_at_work_may_take_longer(step: Step) -> None:
    let_pass(timedelta(minutes=40))
    busy = Decision(Move.WAIT, "stack_busy")
    assert intents.unless_unheeded(step, busy) == busy


def test_a_stack_is_stuck_once_cloudformation_should_have_given_up(step: Step) -> None:
    plan = build_blueprint(settings.COMPANY)
    wanted = Wanted(plan.roles, {}, timeout_minutes=15)

    def decided(status: str) -> str:
        stack = Stack(
            stack_id="arn:aws:cloudformation:us-west-2:484535289196:stack/x/1",
            name=plan.roles.stack_name,
            region="us-west-2",
            status=status,
        )
        return deployment.next_move(step, stack, wanted, is_met=False).reason_code

    let_pass(timedelta(minutes=19))
    assert decided("CREATE_IN_PROGRESS") == "stack_busy"
    let_pass(timedelta(minutes=21))
    assert decided("CREATE_IN_PROGRESS") == "took_too_long"
    assert decided("ROLLBACK_IN_PROGRESS") == "stack_busy"


def test_each_has_a_remedy() -> None:
    assert set(REMEDIES) >= UNHEEDED
