"""What would trying a run again do? Told before its owner says yes."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.functional import Promise

from onboarding.models import Run, Step
from onboarding.progress.failures import trouble_of
from onboarding.progress.places import named_region
from onboarding.states import GrantKind, Stage, StepKind

_OF_A_REGION = {StepKind.REGION_TRAIL, StepKind.VERIFY_REGION}


@dataclass(frozen=True, slots=True)
class Failed:
    """One thing, and where it failed: regions in which the same failed for the same reason are one line."""

    what: str | Promise
    target: str
    regions: tuple[str, ...]
    why: str | Promise


@dataclass(frozen=True, slots=True)
class Retry:
    lines: tuple[Failed, ...]
    # The role that is used again; empty where access must be handed over once more, or none is needed.
    role_arn: str
    needs_access: bool


def retry_of(run: Run, failed: Sequence[Step]) -> Retry:
    alike: dict[tuple[str, str, str], list[Step]] = {}
    for step in failed:
        # A region's verification follows its trail: one line for both.
        is_told = step.stage == Stage.VERIFY and any(
            other.region == step.region and other.kind == StepKind.REGION_TRAIL for other in failed
        )
        if not is_told:
            alike.setdefault((step.kind, step.target, step.reason_code), []).append(step)
    needs_access = any(step.stage != Stage.VERIFY for step in failed)
    was_role = run.grant is not None and run.grant.kind == GrantKind.ROLE
    return Retry(
        lines=tuple(_line(steps) for steps in alike.values()),
        role_arn=run.account.last_role_arn if needs_access and was_role else "",
        needs_access=needs_access,
    )


def _line(steps: Sequence[Step]) -> Failed:
    first = steps[0]
    trouble = trouble_of(first.reason_code, first.failure, step=first)
    return Failed(
        what=StepKind(first.kind).label,
        target=first.target,
        regions=tuple(named_region(step.region) for step in steps) if first.kind in _OF_A_REGION else (),
        why=trouble.remedy.title if trouble else "",
    )
