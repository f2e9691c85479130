"""From hand-over to verified, against the stand-in cloud over HTTP."""

from collections.abc import Callable

from onboarding.engine.drive import drive
from onboarding.models import RegionReading
from onboarding.states import RegionState, RunStatus
from tests.engine.conftest import Owner

OwnerOf = Callable[..., Owner]


def test_a_role_handed_over_leads_to_every_region_verified(owner_of: OwnerOf) -> None:
    owner = owner_of("old-stack", everywhere=True, region="sa-east-1", stack_name="audit-role-of-2014")
    run = drive(owner.hand_over_role().pk)
    assert run.status == RunStatus.PLANNED, (run.reason_code, run.failure)

    owner.approve(run)
    run = drive(run.pk)

    assert run.status == RunStatus.VERIFIED, (run.reason_code, run.failure)
    assert owner.status("sa-east-1", "audit-role-of-2014") == ""
    assert owner.status("us-west-2", "InfosecClientRoles") == "CREATE_COMPLETE"
    assert owner.status("us-east-1", "InfosecClientRoles") == ""
    assert owner.status("us-west-2", "DeployCloudTrailCloudFormationStacks") == "CREATE_COMPLETE"
    for region in owner.regions:
        assert owner.status(region, "MozillaSecuredCloudTrail") == "CREATE_COMPLETE"
        assert len(owner.logging_trails(region)) == 1
    assert not run.account.grants.filter(destroyed_at=None).exists()
    covered = RegionReading.objects.filter(account=run.account, state=RegionState.COVERED)
    assert set(covered.values_list("region", flat=True)) == set(owner.regions)
