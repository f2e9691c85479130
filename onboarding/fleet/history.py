"""What was done in an account so far: its runs, what was handed over, and the stacks that it has now?"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.functional import Promise

from onboarding.models import AwsAccount, Grant, RegionReading, Run, Step
from onboarding.states import StepKind

RUNS_SHOWN = 20
# Of a run: it has wide columns, and its people have many.
RUN_SHOWN = (
    "account", "status", "created_at", "finished_at", "started_by__email", "approved_by__email",
)  # fmt: skip
GRANTS_SHOWN = 10
# Never what was sealed in it.
GRANT_SHOWN = ("account", "kind", "label", "handed_over_at", "destroyed_at", "handed_over_by__email")


@dataclass(frozen=True, slots=True)
class DeployedStack:
    """A stack that a run put there, found there or took away."""

    what: str | Promise
    name: str
    region: str
    stack_id: str
    template: str
    status: str


@dataclass(frozen=True, slots=True)
class History:
    runs: Sequence[Run]
    # Never with what was sealed in them.
    grants: Sequence[Grant]
    stacks: tuple[DeployedStack, ...]


def history_of(account: AwsAccount) -> History:
    runs = list(account.runs.select_related("started_by", "approved_by").only(*RUN_SHOWN)[:RUNS_SHOWN])
    grants = account.grants.select_related("handed_over_by").only(*GRANT_SHOWN).order_by("-handed_over_at")
    return History(
        runs=runs,
        grants=list(grants[:GRANTS_SHOWN]),
        stacks=_stacks(list(runs[0].steps.all()) if runs else [], list(account.readings.all())),
    )


def _stacks(steps: Sequence[Step], readings: Sequence[RegionReading]) -> tuple[DeployedStack, ...]:
    """The parents as the latest run knows them, then the regional ones as they were last read."""
    parents = [
        DeployedStack(
            what=StepKind(step.kind).label,
            name=step.target,
            region=step.region,
            stack_id=step.stack_id,
            template=step.template_digest[:12],
            status=step.aws_status or str(step.get_status_display()),
        )
        for step in steps
        if step.kind in {StepKind.REMOVE_STACK, StepKind.DEPLOY_ROLES, StepKind.DEPLOY_TRAILS}
    ]
    templates = {
        step.region: step.template_digest[:12] for step in steps if step.kind == StepKind.REGION_TRAIL
    }
    regional = [
        DeployedStack(
            what=StepKind.REGION_TRAIL.label,
            name=reading.stack_id.partition(":stack/")[2].partition("/")[0],
            region=reading.region,
            stack_id=reading.stack_id,
            template=templates.get(reading.region, ""),
            status=reading.stack_status,
        )
        for reading in readings
        if reading.stack_id
    ]
    return (*parents, *regional)
