"""How is each region doing? One row per region, whatever has been read of it so far."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from onboarding.models.reading import AnyReading
from onboarding.models.step import AnyStep
from onboarding.progress.failures import Trouble, trouble_of
from onboarding.progress.places import place_of
from onboarding.progress.stages import has_step_failed
from onboarding.states import RegionOutcome, RegionState, StepKind, StepStatus


@dataclass(frozen=True, slots=True)
class RegionRow:
    region: str
    place: str
    state: RegionState
    # The state in words; nothing waits any more in a run that is over.
    word: str | Promise
    # CloudFormation's word for the regional stack, the trail's name, and what AWS last said of it.
    stack_status: str
    trail: str
    is_logging: bool | None
    latest_delivery_at: datetime | None
    latest_delivery_error: str
    read_at: datetime | None
    outcome: RegionOutcome | None
    trouble: Trouble | None

    @property
    def short_word(self) -> str | Promise:
        """The same in a word or two, for the board."""
        return _SHORT.get(self.state, self.word)


_SHORT = {RegionState.CREATING: _("Creating"), RegionState.LOGGING: _("Log awaited")}


@dataclass(frozen=True, slots=True)
class RegionCounts:
    """How many regions are in which state. `wanted` leaves out those that are skipped."""

    wanted: int
    covered: int
    logging: int
    failed: int
    skipped: int


def region_rows(
    readings: Iterable[AnyReading],
    steps: Sequence[AnyStep],
    *,
    is_over: bool = False,
) -> tuple[RegionRow, ...]:
    """A row for each region that was read or is to be worked in, by their codes; those left out come last.

    `is_over`: nothing is worked on or waits for AWS any more.
    """
    by_region = {reading.region: reading for reading in readings}
    wanted = {step.region for step in steps if step.kind in {StepKind.REGION_TRAIL, StepKind.VERIFY_REGION}}
    # Of several the first.
    failed = {step.region: step for step in reversed(steps) if _is_failed_trail(step)}
    waiting: str | Promise = RegionState.WAITING.label
    if is_over:
        waiting = _("Not watched") if _is_installed(steps) else _("Not begun")
    rows = [
        _row(region, by_region.get(region), failed.get(region), waiting)
        for region in sorted(wanted | by_region.keys())
    ]
    return tuple(sorted(rows, key=lambda row: row.state == RegionState.SKIPPED))


def count_regions(rows: Iterable[RegionRow]) -> RegionCounts:
    states = [row.state for row in rows]
    skipped = states.count(RegionState.SKIPPED)
    return RegionCounts(
        wanted=len(states) - skipped,
        covered=states.count(RegionState.COVERED),
        logging=states.count(RegionState.LOGGING),
        failed=states.count(RegionState.FAILED),
        skipped=skipped,
    )


def _row(
    region: str,
    reading: AnyReading | None,
    failed: AnyStep | None,
    waiting: str | Promise,
) -> RegionRow:
    if reading is None:
        state = RegionState.FAILED if failed else RegionState.WAITING
        return RegionRow(
            region=region,
            place=place_of(region),
            state=state,
            word=waiting if state == RegionState.WAITING else state.label,
            stack_status=failed.aws_status if failed else "",
            trail="",
            is_logging=None,
            latest_delivery_at=None,
            latest_delivery_error="",
            read_at=None,
            outcome=None,
            trouble=trouble_of(failed.reason_code, failed.failure, step=failed) if failed else None,
        )
    state = RegionState(reading.state)
    if failed and state != RegionState.COVERED:
        state = RegionState.FAILED
    return RegionRow(
        region=region,
        place=place_of(region),
        state=state,
        word=waiting if state == RegionState.WAITING else state.label,
        stack_status=reading.stack_status,
        trail=reading.trail_arn.rpartition("/")[2],
        is_logging=reading.is_logging,
        latest_delivery_at=reading.latest_delivery_at,
        latest_delivery_error=reading.latest_delivery_error,
        read_at=reading.read_at,
        outcome=RegionOutcome(reading.outcome),
        trouble=_trouble(reading, failed),
    )


def _is_installed(steps: Sequence[AnyStep]) -> bool:
    """Whether the parent stack stands, whose function makes the regions' stacks, looked at or not."""
    return any(step.kind == StepKind.DEPLOY_TRAILS and step.status == StepStatus.FINISHED for step in steps)


def _is_failed_trail(step: AnyStep) -> bool:
    is_about_the_trail = step.kind in {StepKind.REGION_TRAIL, StepKind.VERIFY_REGION}
    return is_about_the_trail and has_step_failed(step)


def _trouble(reading: AnyReading, failed: AnyStep | None) -> Trouble | None:
    trouble = trouble_of(reading.reason_code, reading.failure, step=failed)
    if trouble is None and failed is not None:
        return trouble_of(failed.reason_code, failed.failure, step=failed)
    return trouble
