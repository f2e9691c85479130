"""What does infosec see of one account? All that is known of it, but for secrets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise

from onboarding.fleet.looks import blocked_word
from onboarding.models import AccountSummary, AwsAccount, Grant, Ownership, RegionReading, Run, Step
from onboarding.progress.failures import Trouble, trouble_of
from onboarding.progress.regions import RegionRow, region_rows
from onboarding.remedies.desk import act_of_infosec
from onboarding.remedies.remedy import Words
from onboarding.states import RegionState, StepKind

RUNS_SHOWN = 20
# Of a run: it has wide columns, and its people have many.
RUN_SHOWN = (
    "account", "status", "reason_code", "failure", "created_at", "finished_at",
    "started_by__email", "approved_by__email",
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
class AccountPage:
    account: AwsAccount
    summary: AccountSummary
    blocked_on: str
    trouble: Trouble | None
    # What to do about it, as infosec reads it.
    act: Words
    runs: Sequence[Run]
    # What is wrong first; those that are left out by themselves.
    wanted: tuple[RegionRow, ...]
    skipped: tuple[RegionRow, ...]
    # Of those wanted, the regions that are not covered.
    uncovered: tuple[str, ...]
    read_at: datetime | None
    stacks: tuple[DeployedStack, ...]
    people: Sequence[Ownership]
    # Never with what was sealed in them.
    grants: Sequence[Grant]


def page_of(summary: AccountSummary) -> AccountPage:
    """From a summary that was read with its account."""
    account = summary.account
    runs = list(account.runs.select_related("started_by", "approved_by").only(*RUN_SHOWN)[:RUNS_SHOWN])
    latest = runs[0] if runs else None
    steps = list(latest.steps.all()) if latest else []
    readings = list(RegionReading.objects.filter(account=account))
    trouble = trouble_of(latest.reason_code, latest.failure) if latest and summary.remedy else None
    regions = region_rows(readings, steps, is_over=latest is None or latest.is_settled)
    return AccountPage(
        account=account,
        summary=summary,
        blocked_on=blocked_word(summary.blocked_on),
        trouble=trouble,
        act=act_of_infosec(trouble.remedy) if trouble else "",
        runs=runs,
        wanted=tuple(
            sorted(
                (row for row in regions if row.state != RegionState.SKIPPED),
                key=lambda row: row.state != RegionState.FAILED,
            )
        ),
        uncovered=tuple(
            row.region for row in regions if row.state not in {RegionState.COVERED, RegionState.SKIPPED}
        ),
        skipped=tuple(row for row in regions if row.state == RegionState.SKIPPED),
        read_at=max((reading.read_at for reading in readings), default=None),
        stacks=_stacks(steps, readings),
        people=list(
            Ownership.objects.filter(account=account)
            .select_related("user")
            .only("role", "user__email")
            .order_by("pk")
        ),
        grants=list(
            account.grants.select_related("handed_over_by")
            .only(*GRANT_SHOWN)
            .order_by("-handed_over_at")[:GRANTS_SHOWN]
        ),
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
