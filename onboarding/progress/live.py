"""What does the live page of a run show? All of it, from one look at the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from onboarding.models import Event, RegionReading, Run, Step
from onboarding.notices.comment import comment_on
from onboarding.progress.acts import Act, may_be_cancelled, next_act, waiting_for
from onboarding.progress.expected import usual_durations
from onboarding.progress.failures import Trouble, trouble_of
from onboarding.progress.headlines import headline_of
from onboarding.progress.proofs import FirstLog, first_logs
from onboarding.progress.regions import RegionCounts, RegionRow, count_regions, region_rows
from onboarding.progress.stages import StageProgress, has_step_failed, stages_of
from onboarding.progress.telling import Told, tell
from onboarding.progress.usable_access import command_after
from onboarding.states import RegionState, RunStatus, Stage, StepKind
from onboarding.stored import survey_from_json

TIMELINE_LENGTH = 120
RECENT_LENGTH = 12

# The outputs of the role stack, by the template's names for them.
_ROLES = {
    "SecurityAuditRoleArn": gettext_lazy("Security audit"),
    "IncidentResponseRoleArn": gettext_lazy("Incident response"),
}


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
    # Newest first; the earlier part is folded away.
    recent: tuple[Told, ...]
    earlier: tuple[Told, ...]
    trouble: Trouble | None
    # Steps that failed without being a region's: each with its own remedy.
    failed_steps: tuple[tuple[Step, Trouble | None], ...]
    act: Act | None
    waiting_for: str | Promise
    may_be_cancelled: bool
    role_arns: tuple[tuple[str | Promise, str], ...]
    # The command that deletes the hand-over role's stack; empty where no role was handed over.
    clean_up: str
    # Of a verified run: the first log that was seen from each region.
    first_logs: tuple[FirstLog, ...]
    # For the ticket: that both stacks exist, and where. Empty unless the run is verified.
    comment: str
    # The command that gives usable access, where what was handed over is of a kind that isn't; or empty.
    usable: str

    @property
    def has_begun(self) -> bool:
        """Whether counting regions says anything: before the work they all wait."""
        before = {RunStatus.DRAFT, RunStatus.SURVEYING, RunStatus.PLANNED}
        if self.run.approved_at is None:
            before |= {RunStatus.NEEDS_OWNER, RunStatus.NEEDS_ACCESS}
        return self.run.status not in before

    @property
    def shows_status(self) -> bool:
        """Whether the status says something beside the headline, which often says the same."""
        return self.run.status in {RunStatus.RUNNING, RunStatus.VERIFIED, RunStatus.PARTLY_DONE}

    @property
    def lead_says_all(self) -> bool:
        """Whether the sentence below the headline already says why it stopped, and what to do."""
        return self.trouble is not None and self.trouble.code == "owner_must_decide"

    @property
    def wanted_regions(self) -> tuple[RegionRow, ...]:
        return tuple(row for row in self.regions if row.state != RegionState.SKIPPED)

    @property
    def skipped_regions(self) -> tuple[RegionRow, ...]:
        return tuple(row for row in self.regions if row.state == RegionState.SKIPPED)

    @property
    def done(self) -> int:
        """While the work goes on, regions that log; after it, regions that are covered."""
        return _done(self.run, self.counts)


def look_at(run_id: UUID) -> Progress:
    """Read a run and everything around it. Raises Run.DoesNotExist.

    The run is read first: what is read after it can only be newer than its event number, and is told again.
    """
    run = Run.objects.select_related("account").get(pk=run_id)
    steps = list(run.steps.all())
    readings = list(RegionReading.objects.filter(account=run.account_id))
    events = list(run.events.exclude(kind="region.reading").order_by("-number")[:TIMELINE_LENGTH])
    return progress_of(run, steps, readings, events, usual_durations())


def progress_of(
    run: Run,
    steps: Sequence[Step],
    readings: Sequence[RegionReading],
    events: Sequence[Event],
    usual: Mapping[Stage, timedelta] | None = None,
) -> Progress:
    """The page's content, from rows already read. `events` newest first."""
    # Of a cancelled run the owner may still be asked whether to leave or undo it.
    is_over = run.is_settled or (run.status == RunStatus.CANCELLING and all(one.is_settled for one in steps))
    regions = region_rows(readings, steps, is_over=is_over)
    counts = count_regions(regions)
    stages = stages_of(run, steps, usual)
    told = tell(events)
    headline, lead = headline_of(run, counts, stages)
    return Progress(
        run=run,
        number=run.last_event_number,
        headline=headline,
        lead=lead,
        title=f"{_short(run, counts)} · {run.account.number}",
        stages=stages,
        regions=regions,
        counts=counts,
        recent=told[:RECENT_LENGTH],
        earlier=told[RECENT_LENGTH:],
        trouble=_trouble(run, steps),
        failed_steps=tuple(
            (step, trouble_of(step.reason_code, step.failure, step=step, account=run.account))
            for step in steps
            if has_step_failed(step) and step.kind not in {StepKind.REGION_TRAIL, StepKind.VERIFY_REGION}
        ),
        act=next_act(run.account, run),
        waiting_for=waiting_for(run),
        may_be_cancelled=may_be_cancelled(run),
        role_arns=_role_arns(run, steps),
        clean_up=_clean_up(run),
        first_logs=first_logs(steps) if run.status == RunStatus.VERIFIED else (),
        comment=comment_on(run, steps) if run.status == RunStatus.VERIFIED else "",
        usable=_usable(run),
    )


def _trouble(run: Run, steps: Sequence[Step]) -> Trouble | None:
    """Why the run stands where it stands, by the names of the step whose reason it is."""
    step = next((one for one in steps if run.reason_code and one.reason_code == run.reason_code), None)
    return trouble_of(run.reason_code, run.failure, step=step, account=run.account)


def _short(run: Run, counts: RegionCounts) -> str:
    if run.status in {RunStatus.RUNNING, RunStatus.VERIFYING} and counts.wanted:
        return _("%(done)s of %(all)s") % {"done": _done(run, counts), "all": counts.wanted}
    return str(RunStatus(run.status).label)


def _done(run: Run, counts: RegionCounts) -> int:
    return counts.covered + (counts.logging if run.status == RunStatus.RUNNING else 0)


def _role_arns(run: Run, steps: Sequence[Step]) -> tuple[tuple[str | Promise, str], ...]:
    """Both roles, (output's name, ARN): from the step that deployed them, or as the survey found them."""
    deployed = next(
        (step.outputs for step in steps if step.kind == StepKind.DEPLOY_ROLES and step.outputs), None
    )
    outputs = deployed if deployed is not None else _outputs_found(run)
    return tuple(
        (_ROLES.get(name, name), str(value))
        for name, value in sorted(outputs.items())
        if ":role/" in str(value)
    )


def _outputs_found(run: Run) -> Mapping[str, str]:
    if run.survey is None:
        return {}
    stacks = (stack for region in survey_from_json(run.survey).regions for stack in region.stacks)
    name = settings.COMPANY.roles.stack_name
    return next((stack.outputs for stack in stacks if stack.name == name and stack.outputs), {})


def _usable(run: Run) -> str:
    is_asked_for = run.status == RunStatus.NEEDS_ACCESS
    return command_after(run.reason_code, run.account.number) if is_asked_for else ""


def _clean_up(run: Run) -> str:
    if not run.account.last_role_arn:
        return ""
    company = settings.COMPANY
    return (
        f"aws cloudformation delete-stack --region {company.home.regions[0]} "
        f"--stack-name {company.portal.handover_stack_name}"
    )
