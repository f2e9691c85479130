"""What only the owner can decide is asked before anything is written, and done as answered, and no more."""

from collections.abc import Callable

import pytest

from onboarding.engine.drive import drive
from onboarding.models import AuditRecord, Run
from onboarding.services import deciding
from onboarding.states import RunStatus, StepKind, StepStatus
from tests.engine.conftest import Owner

OwnerOf = Callable[..., Owner]


def survey(owner: Owner) -> Run:
    run = drive(owner.hand_over_credentials().pk)
    assert run.status == RunStatus.NEEDS_OWNER, (run.status, run.reason_code, run.failure)
    assert owner.writes() == []
    return run


def answer(owner: Owner, run: Run, *options: str) -> Run:
    """Answer each question with whichever of `options` it has, and drive on through the approval."""
    asked = deciding.questions_of(run)
    given = {one.key: next(option for option in options if option in one.options) for one in asked}
    deciding.answer(owner.user, run, deciding.version_of(run), given)
    if run.status == RunStatus.PLANNED:
        owner.approve(run)
    return drive(run.pk)


def codes(run: Run) -> set[str]:
    return {question.code for question in deciding.questions_of(run)}


def removal_of(run: Run) -> tuple[str, str]:
    step = run.steps.get(kind=StepKind.REMOVE_STACK)
    return step.status, step.reason_code


BEFORE = {
    "termination-protected": ("old_stack_protected", "lift", ["UpdateTerminationProtection", "DeleteStack"]),
    "old-stack-with-extra-resources": ("old_stack_extras", "remove", ["DeleteStack"]),
    "foreign-policy-on-old-role": ("old_role_attachments", "detach", ["DetachRolePolicy", "DeleteStack"]),
}


@pytest.mark.parametrize("scenario", BEFORE)
def test_an_old_stack_goes_with_its_owners_consent(owner_of: OwnerOf, scenario: str) -> None:
    code, option, written = BEFORE[scenario]
    owner = owner_of(scenario)
    run = survey(owner)
    assert codes(run) == {code}
    before = run.plan_digest

    run = answer(owner, run, option)

    assert run.status == RunStatus.VERIFIED, (run.reason_code, run.failure)
    assert run.approved_digest == run.plan_digest != before
    made = owner.writes("UpdateTerminationProtection", "DetachRolePolicy", "DeleteStack")
    assert [request.action for request in made] == written
    assert removal_of(run) == (StepStatus.FINISHED, "")
    told = AuditRecord.objects.filter(run_id=run.pk, kind="owner.note").get()
    assert code in str(told.data)
    intents = AuditRecord.objects.filter(run_id=run.pk, kind="aws.intended").count()
    answered = AuditRecord.objects.filter(run_id=run.pk, kind="aws.write").count()
    assert intents <= answered


@pytest.mark.parametrize("scenario", BEFORE)
def test_an_old_stack_that_its_owner_leaves_is_not_touched(owner_of: OwnerOf, scenario: str) -> None:
    owner = owner_of(scenario)
    run = answer(owner, survey(owner), "leave")
    assert run.status == RunStatus.PARTLY_DONE
    assert run.reason_code == "old_role_in_stack"
    assert not run.steps.filter(kind=StepKind.REMOVE_STACK).exists()
    assert owner.writes("UpdateTerminationProtection", "DetachRolePolicy", "DeleteStack") == []
