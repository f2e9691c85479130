"""Nothing is handed over: the account is admitted, its owner says what is done, and asks for proof."""

import pytest
from django.contrib.auth.models import User

from onboarding.models import AuditRecord, AwsAccount, Run
from onboarding.models.history import move_run, move_step
from onboarding.services import by_hand
from onboarding.services.accounts import register
from onboarding.services.cancelling import cancel
from onboarding.services.hand_over import HandOverRefused, RunInProgress, hand_over_role
from onboarding.services.refusals import NotOwner
from onboarding.states import RunStatus, StepKind, StepStatus
from tests.services.conftest import NUMBER, ROLE_ARN

AUDIT_ROLE = f"arn:aws:iam::{NUMBER}:role/InfosecClientRoles-SecurityAuditRole-ABC"


@pytest.fixture
def waiting(owner: User, account: AwsAccount) -> Run:
    run = by_hand.begin(owner, account, "us-west-2")
    assert move_run(run, RunStatus.NEEDS_OWNER, expect=[RunStatus.RUNNING], reason_code="by_hand")
    return run


def test_choosing_it_has_the_account_admitted_and_nothing_else(owner: User, account: AwsAccount) -> None:
    run = by_hand.begin(owner, account, "us-east-1")
    assert (run.status, run.home_region, run.is_by_hand) == (RunStatus.RUNNING, "us-east-1", True)
    assert list(run.work_items.exclude(due_at=None).values_list("stage", flat=True)) == ["admit"]
    assert list(run.steps.values_list("kind", flat=True)) == [StepKind.ADMIT_ACCOUNT, StepKind.VERIFY_ROLES]
    assert by_hand.begin(owner, account, "us-west-2") == run, "a second tab changes nothing"
    assert AuditRecord.objects.filter(kind="owner.note", actor_id=owner.pk).count() == 1


def test_only_an_owner_chooses_and_only_a_home_region(
    owner: User, stranger: User, account: AwsAccount
) -> None:
    with pytest.raises(NotOwner):
        by_hand.begin(stranger, account, "us-west-2")
    with pytest.raises(by_hand.NotAHome):
        by_hand.begin(owner, account, "eu-west-1")
    assert not account.runs.exists()


def test_who_proves_nothing_has_only_so_many_accounts_admitted_a_day(
    owner: User, account: AwsAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_hand, "MOST_UNPROVEN", 2)
    runs = [
        by_hand.begin(
            owner,
            register(owner, number=f"{n:012}", name="Mine?", contact_email="o@example.org"),
            "us-west-2",
        )
        for n in (1, 2)
    ]
    # Given up, it has been admitted all the same.
    cancel(owner, runs[0])
    with pytest.raises(by_hand.TooManyUnproven):
        by_hand.begin(owner, account, "us-west-2")
    assert not account.runs.exists()
    roles = runs[1].steps.get(kind=StepKind.VERIFY_ROLES)
    assert move_step(roles, StepStatus.FINISHED)
    assert by_hand.begin(owner, account, "us-west-2").is_by_hand


def test_a_run_at_work_is_left_alone(owner: User, account: AwsAccount, surveying: Run) -> None:
    with pytest.raises(RunInProgress):
        by_hand.begin(owner, account, "us-west-2")


def test_each_tick_is_told_once_and_may_be_taken_back(owner: User, waiting: Run) -> None:
    by_hand.tick(owner, waiting, ["old"])
    by_hand.tick(owner, waiting, ["old", "roles", "made-up"])
    assert waiting.choices["ticked"] == ["old", "roles"]
    by_hand.tick(owner, waiting, ["roles"])
    assert waiting.choices["ticked"] == ["roles"]
    notes = waiting.events.filter(kind="owner.note").values_list("data__done", flat=True)
    assert list(notes) == ["begin", "old", "roles"]


def test_asking_for_proof_names_the_role_through_which_it_is_looked_for(owner: User, waiting: Run) -> None:
    by_hand.verify(owner, waiting, f" {AUDIT_ROLE} ")
    assert waiting.status == RunStatus.RUNNING
    roles = waiting.steps.get(kind=StepKind.VERIFY_ROLES)
    assert roles.outputs == {"SecurityAuditRoleArn": AUDIT_ROLE}
    assert waiting.work_items.filter(stage="verify").exclude(due_at=None).exists()
    with pytest.raises(by_hand.NotWaiting):
        by_hand.verify(owner, waiting, AUDIT_ROLE)


@pytest.mark.parametrize("arn", ["", "nonsense", AUDIT_ROLE.replace(NUMBER, "111111111111")])
def test_a_role_of_another_account_or_none_proves_nothing(owner: User, waiting: Run, arn: str) -> None:
    with pytest.raises(HandOverRefused):
        by_hand.verify(owner, waiting, arn)
    assert Run.objects.get(pk=waiting.pk).status == RunStatus.NEEDS_OWNER


def test_whoever_hands_over_after_all_gets_a_plan_like_anybody(owner: User, waiting: Run) -> None:
    run = hand_over_role(owner, waiting.account, ROLE_ARN)
    assert (run.pk, run.status, run.is_by_hand) == (waiting.pk, RunStatus.SURVEYING, False)
