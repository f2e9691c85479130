"""What does the live page of a run show? All of it, from one look at the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from onboarding.models import Event, RegionReading, Run, Step
from onboarding.progress.acts import Act, may_be_cancelled, next_act, waiting_for
from onboarding.progress.failures import Trouble, trouble_of
from onboarding.progress.regions import RegionCounts, RegionRow, count_regions, region_rows
from onboarding.progress.stages import StageProgress, StageState, stages_of
from onboarding.progress.telling import Told, tell
from onboarding.states import RunStatus, StepKind, StepStatus
from onboarding.stored import survey_from_json

TIMELINE_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Progress:
    """One state of one run, under the number of the event that it includes at least."""

    run: Run
    number: int
    headline: str
    lead: str
    # For the tab, which people glance at: "12 of 17 · 484535289196".
    title: str
    stages: tuple[StageProgress, ...]
    regions: tuple[RegionRow, ...]
    counts: RegionCounts
    timeline: tuple[Told, ...]
    trouble: Trouble | None
    # Steps that failed without being a region's: each with its own remedy.
    failed_steps: tuple[tuple[Step, Trouble | None], ...]
    act: Act | None
    waiting_for: str | Promise
    may_be_cancelled: bool
    role_arns: tuple[tuple[str, str], ...]
    # The command that deletes the hand-over role's stack; empty where no role was handed over.
    clean_up: str


def look_at(run_id: object) -> Progress:
    """Read a run and everything around it. Raises Run.DoesNotExist.

    The run is read first: what is read after it can only be newer than its event number, and is then told again.
    """
    run = Run.objects.select_related("account").get(pk=run_id)
    steps = list(run.steps.all())
    readings = list(RegionReading.objects.filter(account=run.account_id))
    events = list(run.events.exclude(kind="region.reading").order_by("-number")[:TIMELINE_LENGTH])
    return progress_of(run, steps, readings, events)


def progress_of(
    run: Run, steps: Sequence[Step], readings: Sequence[RegionReading], events: Sequence[Event]
) -> Progress:
    """The page's content, from rows already read. `events` newest first."""
    regions = region_rows(readings, steps)
    counts = count_regions(regions)
    stages = stages_of(run, steps)
    headline, lead = _headline(run, counts, stages)
    return Progress(
        run=run,
        number=run.last_event_number,
        headline=headline,
        lead=lead,
        title=f"{_short(run, counts)} · {run.account.number}",
        stages=stages,
        regions=regions,
        counts=counts,
        timeline=tell(events),
        trouble=trouble_of(run.reason_code, run.failure),
        failed_steps=tuple(
            (step, trouble_of(step.reason_code, step.failure))
            for step in steps
            if step.status in {StepStatus.FAILED, StepStatus.REFUSED}
            and step.kind not in {StepKind.REGION_TRAIL, StepKind.VERIFY_REGION}
        ),
        act=next_act(run.account, run),
        waiting_for=waiting_for(run),
        may_be_cancelled=may_be_cancelled(run),
        role_arns=_role_arns(run, steps),
        clean_up=_clean_up(run),
    )


def _short(run: Run, counts: RegionCounts) -> str:
    if run.status in {RunStatus.RUNNING, RunStatus.VERIFYING} and counts.wanted:
        done = counts.covered if run.status == RunStatus.VERIFYING else counts.covered + counts.logging
        return _("%(done)s of %(all)s") % {"done": done, "all": counts.wanted}
    return str(RunStatus(run.status).label)


def _headline(run: Run, counts: RegionCounts, stages: Sequence[StageProgress]) -> tuple[str, str]:
    """What is going on, in one line, and one sentence more."""
    numbers = {"covered": counts.covered, "all": counts.wanted, "missing": counts.wanted - counts.covered}
    match RunStatus(run.status):
        case RunStatus.DRAFT:
            return _("Waiting for the hand-over"), _("Nothing has been looked at yet.")
        case RunStatus.SURVEYING:
            return _("Looking at the account"), _("Every region is read. Nothing is changed.")
        case RunStatus.PLANNED:
            return _("The plan is ready"), _("Nothing is changed until you have read and approved it.")
        case RunStatus.RUNNING:
            current = next((one for one in stages if one.state == StageState.WORKING), None)
            headline = str(current.stage.label) if current else _("Working")
            return headline, _("The approved plan is being carried out, step by step.")
        case RunStatus.VERIFYING:
            return (
                _("Verifying from outside: %(covered)s of %(all)s regions covered") % numbers,
                _("The access you gave is destroyed. The new audit role now looks whether logs arrive."),
            )
        case RunStatus.VERIFIED:
            return (
                _("Done: all %(all)s regions are covered") % numbers,
                _("Both roles are in place, and a first log has arrived from every enabled region."),
            )
        case RunStatus.NEEDS_ACCESS:
            return (
                _("The portal needs access to go on"),
                _("What is done stays done. After a new hand-over the run goes on where it stopped."),
            )
        case RunStatus.NEEDS_OWNER:
            return _("The portal needs your decision"), _("Nothing goes on until you have decided.")
        case RunStatus.PARTLY_DONE:
            return (
                _("%(covered)s of %(all)s regions are covered") % numbers,
                _("What is done stays done. Starting again touches only what is missing."),
            )
        case RunStatus.FAILED:
            return _("The run failed"), _("What is done stays done. Starting again does the rest.")
        case RunStatus.CANCELLING:
            return (
                _("Cancelling"),
                _("Nothing new is begun. What AWS is already doing can't be stopped and is left to settle."),
            )
        case RunStatus.CANCELLED:
            return _("Cancelled"), _("The access you gave is destroyed. Nothing more will happen by itself.")


def _role_arns(run: Run, steps: Sequence[Step]) -> tuple[tuple[str, str], ...]:
    """Both roles, (output's name, ARN): from the step that deployed them, or as the survey found them."""
    deployed = next(
        (step.outputs for step in steps if step.kind == StepKind.DEPLOY_ROLES and step.outputs), None
    )
    outputs = deployed if deployed is not None else _outputs_found(run)
    return tuple((name, str(value)) for name, value in sorted(outputs.items()) if ":role/" in str(value))


def _outputs_found(run: Run) -> Mapping[str, str]:
    if run.survey is None:
        return {}
    stacks = (stack for region in survey_from_json(run.survey).regions for stack in region.stacks)
    name = settings.COMPANY.roles.stack_name
    return next((stack.outputs for stack in stacks if stack.name == name and stack.outputs), {})


def _clean_up(run: Run) -> str:
    if not run.account.last_role_arn:
        return ""
    company = settings.COMPANY
    return (
        f"aws cloudformation delete-stack --region {company.home.regions[0]} "
        f"--stack-name {company.portal.handover_stack_name}"
    )
