"""What was proven of each region, and when did its first log arrive? From the run's own steps."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from onboarding.models import Step
from onboarding.progress.places import place_of
from onboarding.states import StepKind, StepStatus


@dataclass(frozen=True, slots=True)
class FirstLog:
    region: str
    place: str
    trail: str
    at: datetime


def first_logs(steps: Iterable[Step]) -> tuple[FirstLog, ...]:
    """The first log of each verified region, by the regions' names."""
    proven = [
        step
        for step in steps
        if step.kind == StepKind.VERIFY_REGION
        and step.status == StepStatus.FINISHED
        and step.outputs.get("first_log_at")
    ]
    return tuple(
        FirstLog(
            region=step.region,
            place=place_of(step.region),
            trail=str(step.outputs.get("trail_arn", "")).rpartition("/")[2],
            at=datetime.fromisoformat(step.outputs["first_log_at"]),
        )
        for step in sorted(proven, key=lambda step: step.region)
    )
