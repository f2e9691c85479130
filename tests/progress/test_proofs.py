"""A verified run names the first log of each region; what was not verified is not named."""

from onboarding.models import Step
from onboarding.progress.proofs import first_logs
from onboarding.states import StepKind, StepStatus


def step(region: str, status: StepStatus, **outputs: str) -> Step:
    return Step(kind=StepKind.VERIFY_REGION, region=region, status=status, outputs=outputs)


def test_each_verified_region_tells_its_trail_and_its_first_log() -> None:
    trail = "arn:aws:cloudtrail:us-west-2:1:trail/MozillaSecuredCloudTrail-Trail-1"
    at = "2026-11-25T13:00:00+00:00"
    found = first_logs(
        [
            step("us-west-2", StepStatus.FINISHED, trail_arn=trail, first_log_at=at),
            step("eu-west-1", StepStatus.FINISHED, first_log_at=at),
            step("eu-west-2", StepStatus.FAILED, first_log_at=at),
            step("eu-west-3", StepStatus.FINISHED),
            Step(kind=StepKind.VERIFY_ROLES, status=StepStatus.FINISHED, outputs={"first_log_at": at}),
        ]
    )
    assert [log.region for log in found] == ["eu-west-1", "us-west-2"]
    assert (found[1].trail, found[1].place) == ("MozillaSecuredCloudTrail-Trail-1", "Oregon")
    assert found[1].at.isoformat() == at
