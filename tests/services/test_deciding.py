"""Answers are stored once, recorded with what they are about, and refused when the questions have changed."""

import pytest
from django.contrib.auth.models import User

from onboarding.models import AuditRecord, Run
from onboarding.models.history import move_run
from onboarding.planning import plan, survey_as_json
from onboarding.services import deciding
from onboarding.services.approval import PlanChanged, approve
from onboarding.services.refusals import NotOwner
from onboarding.states import RunStatus
from tests.surveys import BLUEPRINT, make_region, make_survey, old_stack

from .conftest import PROTECTED, make_plan, put_plan

SURVEY = make_survey(
    make_region("sa-east-1", old_stack(is_termination_protected=True)),
    make_region("eu-west-1", old_stack("eu-west-1", is_termination_protected=True)),
)


@pytest.fixture
def asked(surveying: Run) -> Run:
    """A run that asks about two protected stacks, as the worker leaves it after its survey."""
    made = plan(BLUEPRINT, SURVEY, {})
    assert move_run(
        surveying,
        RunStatus.NEEDS_OWNER,
        expect=[RunStatus.SURVEYING],
        plan=made.as_json(),
        plan_digest=made.digest,
        survey=survey_as_json(SURVEY),
    )
    return surveying


def answers(run: Run, option: str) -> dict[str, str]:
    return {question.key: option for question in deciding.questions_of(run)}


def test_an_answer_makes_the_plan_anew_and_waits_for_its_approval(owner: User, asked: Run) -> None:
    before = asked.plan_digest
    deciding.answer(owner, asked, deciding.version_of(asked), answers(asked, "lift"))
    assert asked.status == RunStatus.PLANNED
    assert asked.plan_digest != before
    assert asked.approved_digest == ""
    assert asked.choices["answers"] == answers(asked, "lift")
    with pytest.raises(PlanChanged):
        approve(owner, asked, before)
    approve(owner, asked, asked.plan_digest)
    assert asked.status == RunStatus.RUNNING


def test_an_answer_is_recorded_with_what_it_is_about(owner: User, asked: Run) -> None:
    deciding.answer(owner, asked, deciding.version_of(asked), answers(asked, "lift"))
    event = asked.events.get(kind="owner.decided")
    assert event.data["by_id"] == owner.pk
    assert [about["region"] for about in event.data["about"]] == ["eu-west-1", "sa-east-1"]
    record = AuditRecord.objects.get(run_id=asked.pk, kind="owner.note")
    assert record.actor_id == owner.pk
    assert record.data["choice"] == "lift"


def test_one_of_several_may_be_answered_by_itself(owner: User, asked: Run) -> None:
    given = answers(asked, "lift")
    other = next(iter(given))
    deciding.answer(owner, asked, deciding.version_of(asked), {**given, other: "leave"})
    told = {
        event.data["choice"]: len(event.data["about"]) for event in asked.events.filter(kind="owner.decided")
    }
    assert told == {"leave": 1, "lift": 1}


def test_the_same_answers_again_have_no_effect(owner: User, asked: Run) -> None:
    version, given = deciding.version_of(asked), answers(asked, "lift")
    deciding.answer(owner, asked, version, given)
    events = asked.events.count()
    deciding.answer(owner, asked, version, given)
    assert asked.events.count() == events
    approve(owner, asked, asked.plan_digest)
    events = asked.events.count()
    deciding.answer(owner, asked, version, given)
    assert asked.events.count() == events


def test_a_stale_form_is_refused_and_changes_nothing(owner: User, asked: Run) -> None:
    version = deciding.version_of(asked)
    deciding.answer(owner, asked, version, answers(asked, "lift"))
    digest = asked.plan_digest
    with pytest.raises(deciding.QuestionsChanged):
        deciding.answer(owner, asked, version, answers(asked, "leave"))
    asked.refresh_from_db()
    assert asked.plan_digest == digest


def test_answers_may_be_changed_until_the_plan_is_approved(owner: User, asked: Run) -> None:
    deciding.answer(owner, asked, deciding.version_of(asked), answers(asked, "lift"))
    first = asked.plan_digest
    deciding.answer(owner, asked, deciding.version_of(asked), answers(asked, "leave"))
    assert asked.status == RunStatus.PLANNED
    assert asked.plan_digest != first
    approve(owner, asked, asked.plan_digest)
    with pytest.raises(deciding.NothingToDecide):
        deciding.answer(owner, asked, deciding.version_of(asked), answers(asked, "lift"))


@pytest.mark.parametrize("option", ["", "remove", None])
def test_every_question_needs_one_of_its_answers(owner: User, asked: Run, option: str | None) -> None:
    given = answers(asked, "lift")
    left_out = next(iter(given))
    del given[left_out]
    if option is not None:
        given[left_out] = option
    with pytest.raises(deciding.NotAnswered) as refusal:
        deciding.answer(owner, asked, deciding.version_of(asked), given)
    assert refusal.value.keys == (left_out,)
    asked.refresh_from_db()
    assert asked.status == RunStatus.NEEDS_OWNER


@pytest.mark.parametrize("who", ["stranger", "staff"])
def test_only_an_owner_decides(who: str, asked: Run, request: pytest.FixtureRequest) -> None:
    user = request.getfixturevalue(who)
    with pytest.raises(NotOwner):
        deciding.answer(user, asked, deciding.version_of(asked), answers(asked, "lift"))


def test_where_nothing_is_asked_nothing_is_decided(owner: User, planned: Run) -> None:
    with pytest.raises(deciding.NothingToDecide):
        deciding.answer(owner, planned, deciding.version_of(planned), {})


@pytest.mark.parametrize("option", ["leave", "lift"])
def test_an_answer_during_the_work_approves_the_plan_with_it_and_goes_on(
    owner: User, surveying: Run, option: str
) -> None:
    run = put_plan(surveying, make_plan())
    approve(owner, run, run.plan_digest)
    first, steps = run.approved_digest, set(run.steps.values_list("pk", flat=True))
    asking = make_plan(questions=(PROTECTED,)).as_json()
    move_run(run, RunStatus.NEEDS_OWNER, expect=[RunStatus.RUNNING], plan=asking)
    run.work_items.update(due_at=None)

    deciding.answer(owner, run, deciding.version_of(run), {PROTECTED.key: option})

    assert run.status == RunStatus.RUNNING
    assert run.approved_digest == run.plan_digest != first
    assert run.approved_by == owner
    assert run.events.filter(kind="plan.approved").count() == 2
    assert set(run.steps.values_list("pk", flat=True)) == steps
    assert run.work_items.exclude(due_at=None).exists()
