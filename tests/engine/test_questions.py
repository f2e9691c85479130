"""What only the owner can decide is asked before anything is written, and done as answered, and no more."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from onboarding.engine.drive import drive
from onboarding.models import AuditRecord, Run
from onboarding.planning import Plan
from onboarding.progress.acts import next_act
from onboarding.services import deciding
from onboarding.states import RunStatus, StepKind, StepStatus
from tests.engine.conftest import Owner

TAKEN_OUT = "RemoveRoleFromInstanceProfile"

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


# --- What comes up during the work -------------------------------------------------------------------------


def approved(owner: Owner) -> Run:
    run = drive(owner.hand_over_credentials().pk)
    assert run.status == RunStatus.PLANNED, (run.status, run.reason_code)
    owner.approve(run)
    return run


def old_role(owner: Owner) -> str:
    roles = owner.client("iam").list_roles()["Roles"]
    return next(str(role["RoleName"]) for role in roles if "OpSecSecurityAuditRole" in role["RoleName"])


@pytest.mark.parametrize(("option", "status"), [("detach", "finished"), ("leave", "failed")])
def test_what_is_found_when_the_deletion_fails_is_asked_and_the_run_goes_on_from_there(
    owner_of: OwnerOf, option: str, status: str
) -> None:
    owner = owner_of("old-stack")
    iam = owner.client("iam")
    iam.create_instance_profile(InstanceProfileName="web")
    iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName=old_role(owner))
    # Both surveys and the look before the deletion may not see it; the look after its failure may.
    owner.cloud.fault(
        kind="access-denied",
        service="iam",
        action="ListInstanceProfilesForRole",
        account=owner.account.number,
        count=3,
    )
    run = approved(owner)
    run = drive(run.pk)
    assert (run.status, run.reason_code) == (RunStatus.NEEDS_OWNER, "owner_must_decide")
    assert codes(run) == {"old_role_attachments"}
    (question,) = deciding.questions_of(run)
    assert question.fields["instance_profiles"] == ["web"]
    assert len(owner.writes("DeleteStack")) == 1
    steps, digest = set(run.steps.values_list("pk", flat=True)), run.approved_digest
    before = owner.cloud.last_request()

    run = answer(owner, run, option)

    assert run.approved_digest == run.plan_digest != digest
    assert set(run.steps.values_list("pk", flat=True)) == steps
    assert removal_of(run)[0] == status, removal_of(run)
    made = [request.action for request in owner.writes(TAKEN_OUT, "DeleteStack", after=before)]
    assert made == ([TAKEN_OUT, "DeleteStack"] if option == "detach" else [])
    assert run.status == (RunStatus.VERIFIED if option == "detach" else RunStatus.PARTLY_DONE)
    assert run.steps.get(kind=StepKind.DEPLOY_ROLES).status == StepStatus.FINISHED


def test_a_protection_that_is_switched_on_after_the_approval_is_asked_about(owner_of: OwnerOf) -> None:
    owner = owner_of("old-stack")
    run = approved(owner)
    owner.client("cloudformation", "sa-east-1").update_termination_protection(
        StackName="opsec-security-audit-role", EnableTerminationProtection=True
    )
    run = drive(run.pk)
    assert run.status == RunStatus.NEEDS_OWNER
    assert codes(run) == {"old_stack_protected"}
    assert owner.writes() == []
    run = answer(owner, run, "lift")
    assert run.status == RunStatus.VERIFIED, (run.reason_code, run.failure)
    made = owner.writes("UpdateTerminationProtection", "DeleteStack")
    assert [request.action for request in made] == ["UpdateTerminationProtection", "DeleteStack"]


@pytest.mark.parametrize("option", ["delete", "leave"])
def test_a_change_set_under_our_name_goes_only_with_consent(owner_of: OwnerOf, option: str) -> None:
    owner = owner_of("review-in-progress")
    run = answer(owner, survey(owner), option)
    made = [(request.action, request.region) for request in owner.writes("DeleteStack")]
    if option == "delete":
        assert run.status == RunStatus.VERIFIED, (run.reason_code, run.failure)
        assert made == [("DeleteStack", "us-west-2")]
    else:
        assert (run.status, run.reason_code) == (RunStatus.PARTLY_DONE, "blocked_name_left")
        assert made == []


@pytest.mark.parametrize("option", ["add", "skip"])
def test_an_organizations_trail_is_joined_or_left_alone(owner_of: OwnerOf, option: str) -> None:
    owner = owner_of("organization-trail")
    run = answer(owner, survey(owner), option)
    assert run.status == RunStatus.VERIFIED, (run.reason_code, run.failure)
    assert bool(owner.logging_trails("eu-north-1")) == (option == "add")
    stacks = {request.stack for request in owner.writes("CreateStack")}
    assert ("DeployCloudTrailCloudFormationStacks" in stacks) == (option == "add")


# --- The owner's own trails --------------------------------------------------------------------------------


def trail(owner: Owner, region: str, name: str) -> dict[str, str]:
    found = owner.client("cloudtrail", region).describe_trails(includeShadowTrails=False)["trailList"]
    return next((one for one in found if one["Name"] == name), {})


def test_own_trails_that_are_re_pointed_deliver_to_the_log_storage_and_nothing_is_made_beside_them(
    owner_of: OwnerOf,
) -> None:
    owner = owner_of("own-trails")
    owner = replace(owner, regions=(*owner.regions, "eu-west-1"))
    run = survey(owner)
    assert codes(run) == {"own_trail"}
    run = answer(owner, run, "repoint")

    assert run.status == RunStatus.VERIFIED, (run.reason_code, run.failure)
    for region, name in (("us-east-1", "web-team-audit"), ("eu-west-1", "all-regions")):
        assert trail(owner, region, name)["S3BucketName"] == "mozilla-cloudtrail-logs"
    changed = [
        (r.action, r.region)
        for r in owner.cloud.writes(account=owner.account.number)
        if r.action in {"UpdateTrail", "DeleteTrail", "CreateTrail"}
    ]
    assert sorted(changed) == [("UpdateTrail", "eu-west-1"), ("UpdateTrail", "us-east-1")]
    assert owner.status("eu-west-1", "MozillaSecuredCloudTrail") == ""

    # What was once consented to goes on, and is not asked about again.
    again = drive(owner.hand_over_credentials().pk)
    assert again.status == RunStatus.VERIFIED, (again.reason_code, again.failure)


@pytest.mark.parametrize("verb", ["free", "repoint", "skip"])
def test_of_five_trails_only_the_named_one_is_touched(owner_of: OwnerOf, verb: str) -> None:
    owner = owner_of("five-trails", region="eu-north-1")
    run = survey(owner)
    (question,) = deciding.questions_of(run)
    option = next(each for each in question.options if each.startswith(verb))
    assert len(question.options) == 11
    run = answer(owner, run, option)

    assert run.status == RunStatus.VERIFIED, (run.reason_code, run.failure)
    left = owner.client("cloudtrail", "eu-north-1").describe_trails(includeShadowTrails=False)["trailList"]
    ours = owner.logging_trails("eu-north-1")
    made = owner.cloud.writes(account=owner.account.number)
    touched = {r.action for r in made if r.region == "eu-north-1" and "Trail" in r.action}
    assert len(left) == 5
    match verb:
        case "free":
            assert len(ours) == 1
            assert trail(owner, "eu-north-1", "own-trail-1") == {}
        case "repoint":
            assert ours == ["own-trail-1"]
            assert "DeleteTrail" not in touched
        case _:
            assert ours == []
            assert not touched - {"CreateTrail", "StartLogging"}


# --- Regions that are enabled later ------------------------------------------------------------------------


def test_a_region_enabled_after_the_approval_is_a_gap_and_never_written_to(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = approved(owner)
    enabled: list[int] = []

    def enable_in_the_middle(now: Run) -> None:
        if not enabled and owner.writes("CreateStack"):
            enabled.append(1)
            owner.cloud.account(owner.account.number, enabled_opt_in_regions=["ap-east-1"])

    run = drive(run.pk, enable_in_the_middle)

    assert enabled
    assert (run.status, run.reason_code) == (RunStatus.PARTLY_DONE, "region_enabled_later"), run.failure
    assert run.account.readings.get(region="ap-east-1").reason_code == "region_enabled_later"
    assert owner.status("ap-east-1", "MozillaSecuredCloudTrail") == ""
    assert [r for r in owner.cloud.writes(account=owner.account.number) if r.region == "ap-east-1"] == []
    act = next_act(owner.account, run)
    assert act is not None
    assert act.url == f"/aws/{owner.account.number}/start-again/"

    again = drive(owner.hand_over_credentials().pk)
    assert again.status == RunStatus.PLANNED
    planned = Plan.from_json(again.plan or {})
    changed = {step.region for step in planned.steps if step.kind == StepKind.REGION_TRAIL}
    assert changed == {"ap-east-1"}
