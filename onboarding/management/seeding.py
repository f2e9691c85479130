"""How does a made-up fleet get into the tables, with its summaries, counts and days as they would be?"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User

from onboarding.management.loading import go_on_counting, load, next_id
from onboarding.management.made_up import MadeAccount, MadeRegion, MadeRun
from onboarding.models import (
    AccountSummary,
    AwsAccount,
    Event,
    FleetDay,
    Grant,
    Ownership,
    OwnershipRole,
    RegionReading,
    Run,
    Step,
    Tally,
    standing,
)
from onboarding.models.recounting import counted
from onboarding.models.standing import KEY, LatestRun, coverage_of, standing_of
from onboarding.states import SETTLED_RUN_STATUSES, RegionState, RunStatus, StepStatus

DAYS_OF_HISTORY = 730

# The steps of every run that was approved, but for the regions': stage, kind, goal, whether it has a stack.
_STEPS = (
    ("admit", "admit_account", "admitted", False),
    ("roles", "deploy_roles", "present", True),
    ("trails", "deploy_trails", "present", True),
    ("verify", "verify_roles", "verified", False),
)
_APPROVED = frozenset(
    {RunStatus.RUNNING, RunStatus.VERIFYING, RunStatus.VERIFIED, RunStatus.PARTLY_DONE, RunStatus.FAILED}
)


class Seeder:
    """Gives the rows their ids, and counts on from one batch to the next."""

    def __init__(self, owner_ids: Sequence[int], now: datetime) -> None:
        self.owner_ids = owner_ids
        self.now = now
        self.events = 0
        self.account_id = next_id(AwsAccount)
        self.grant_id = next_id(Grant)
        self.emails = dict(User.objects.filter(pk__in=owner_ids).values_list("pk", "email"))

    def add(self, made: Sequence[MadeAccount]) -> None:
        """Load a batch: each table once."""
        ids = range(self.account_id, self.account_id + len(made))
        self.account_id += len(made)
        accounts = list(zip(ids, made, strict=True))
        runs = [(pk, account, run) for pk, account in accounts for run in account.runs]
        granted = [(pk, account, run) for pk, account, run in runs if run.status != RunStatus.DRAFT]
        grant_ids = dict(zip((run.id for _pk, _account, run in granted), _from(self.grant_id), strict=False))
        self.grant_id += len(granted)
        load(
            AwsAccount,
            ("id", "number", "name", "contact_email", "ticket_url", "external_id", "alias", "registered_at"),
            (
                (
                    pk,
                    account.number,
                    account.name,
                    self._contact(account),
                    account.ticket_url,
                    account.external_id,
                    account.name.lower().replace(" ", "-"),
                    account.registered_at,
                )
                for pk, account in accounts
            ),
        )
        load(Ownership, ("account", "user", "role", "since"), self._ownerships(accounts))
        load(
            Grant,
            ("id", "account", "kind", "label", "handed_over_by", "handed_over_at", "destroyed_at"),
            (
                (
                    grant_ids[run.id],
                    pk,
                    "role",
                    f"arn:aws:iam::{account.number}:role/InfosecOnboardingHandover",
                    self._owner_id(account),
                    run.created_at,
                    run.status_since,
                )
                for pk, account, run in granted
            ),
        )
        load(
            Run,
            (
                "id", "account", "grant", "status", "home_region", "plan", "plan_digest", "approved_digest",
                "approved_by", "approved_at", "reason_code", "last_event_number", "started_by", "created_at",
                "status_since", "finished_at",
            ),
            (self._run(pk, account, run, grant_ids.get(run.id)) for pk, account, run in runs),
        )  # fmt: skip
        load(Event, ("run", "number", "at", "kind", "region", "data"), self._events(runs))
        load(
            Step,
            (
                "run", "ordinal", "stage", "kind", "goal", "region", "target", "stack_id", "template_digest",
                "status", "aws_status", "reason_code", "started_at", "finished_at",
            ),
            (step for _pk, account, run in runs for step in _steps(account, run)),
        )  # fmt: skip
        load(
            RegionReading,
            (
                "account", "region", "outcome", "state", "stack_status", "stack_id", "trail_arn",
                "is_logging", "latest_delivery_at", "reason_code", "read_at",
            ),
            (_reading(pk, account.number, each) for pk, account in accounts for each in account.regions),
        )  # fmt: skip
        load(AccountSummary, _SUMMARY_COLUMNS, (self._summary(pk, account) for pk, account in accounts))

    def finish(self, rng: Random) -> None:
        """What is counted over all of it, and the days before."""
        go_on_counting(AwsAccount, Ownership, Grant, Event, Step, RegionReading)
        Tally.objects.all().delete()
        Tally.objects.bulk_create(
            Tally(**dict(zip(KEY, key, strict=True)), **entry) for key, entry in counted().items()
        )
        today = self.now.date()
        FleetDay.objects.filter(day__gte=today - timedelta(days=DAYS_OF_HISTORY)).delete()
        standing.note_day(today)
        FleetDay.objects.bulk_create(_days_before(rng, FleetDay.objects.get(day=today)))

    def _owner_id(self, account: MadeAccount) -> int | None:
        return None if account.owner is None else self.owner_ids[account.owner]

    def _contact(self, account: MadeAccount) -> str:
        owner_id = self._owner_id(account)
        return "unknown@example.org" if owner_id is None else self.emails[owner_id]

    def _ownerships(self, accounts: Sequence[tuple[int, MadeAccount]]) -> Iterator[tuple[Any, ...]]:
        for pk, account in accounts:
            owner_id = self._owner_id(account)
            if owner_id is not None:
                yield pk, owner_id, OwnershipRole.OWNER, account.registered_at
            if account.co_owner is not None:
                yield pk, self.owner_ids[account.co_owner], OwnershipRole.CO_OWNER, account.registered_at

    def _run(self, pk: int, account: MadeAccount, run: MadeRun, grant_id: int | None) -> tuple[Any, ...]:
        is_approved = run.status in _APPROVED
        owner_id = self._owner_id(account)
        return (
            run.id,
            pk,
            grant_id,
            run.status,
            "us-west-2" if is_approved else "",
            {"blueprint_digest": run.blueprint} if is_approved else None,
            "d" * 64 if is_approved else "",
            "d" * 64 if is_approved else "",
            owner_id if is_approved else None,
            run.created_at if is_approved else None,
            run.reason,
            len(run.events),
            owner_id,
            run.created_at,
            run.status_since,
            run.status_since if run.status in SETTLED_RUN_STATUSES else None,
        )

    def _events(self, runs: Sequence[tuple[int, MadeAccount, MadeRun]]) -> Iterator[tuple[Any, ...]]:
        for _pk, _account, run in runs:
            self.events += len(run.events)
            for number, each in enumerate(run.events, 1):
                yield run.id, number, each.at, each.kind, each.region, each.data

    def _summary(self, pk: int, account: MadeAccount) -> tuple[Any, ...]:
        """As `models.standing` would draw it: a test compares the two."""
        runs = account.runs
        latest = runs[-1] if runs else None
        told = standing_of(
            registered_at=account.registered_at,
            has_owner=account.owner is not None,
            run=None
            if latest is None
            else LatestRun(
                latest.id, latest.status, latest.status_since, latest.reason, is_first=len(runs) == 1
            ),
        )
        covers = coverage_of({each.region: each.state for each in account.regions})
        owner_id = self._owner_id(account)
        emails = [self.emails[owner_id]] if owner_id is not None else []
        if account.co_owner is not None:
            emails.append(self.emails[self.owner_ids[account.co_owner]])
        row = AwsAccount(
            number=account.number,
            name=account.name,
            contact_email=self._contact(account),
            ticket_url=account.ticket_url,
            alias=account.name.lower().replace(" ", "-"),
        )
        deployed = [run for run in runs if run.status in {RunStatus.VERIFIED, RunStatus.PARTLY_DONE}]
        values: dict[str, Any] = {
            **asdict(told),
            **asdict(covers),
            "account": pk,
            "number": account.number,
            "name": account.name,
            "owner_email": emails[0] if emails else "",
            "search": standing.search_text(row, emails),
            "moved_at": max((run.events[-1].at for run in runs if run.events), default=account.registered_at),
            "latest_run": latest.id if latest else None,
            "blueprint_digest": deployed[-1].blueprint if deployed else "",
        }
        return tuple(values[name] for name in _SUMMARY_COLUMNS)


_SUMMARY_COLUMNS = (
    "account", "number", "name", "owner_email", "search", "state", "blocked_on", "since", "remedy",
    "moved_at", "latest_run", "blueprint_digest", "regions_enabled", "regions_covered", "regions_uncovered",
    "regions",
)  # fmt: skip


def _from(first: int) -> Iterator[int]:
    while True:
        yield first
        first += 1


def _steps(account: MadeAccount, run: MadeRun) -> Iterator[tuple[Any, ...]]:
    """The parents' steps, and those of regions that failed."""
    if run.status not in _APPROVED:
        return
    names = {
        "deploy_roles": settings.COMPANY.roles.stack_name,
        "deploy_trails": settings.COMPANY.trails.parent_stack_name,
    }
    has_failed = run.status == RunStatus.FAILED
    is_going_on = run.status in {RunStatus.RUNNING, RunStatus.VERIFYING}
    for ordinal, (stage, kind, goal, has_stack) in enumerate(_STEPS, 1):
        is_last = ordinal > 1 and has_failed
        status = StepStatus.FAILED if is_last else StepStatus.FINISHED
        if is_going_on and stage == "verify":
            status = StepStatus.WAITING
        name = names.get(kind, account.number)
        stack_id = (
            _stack_id(account.number, "us-west-2", name, run.id) if has_stack and not has_failed else ""
        )
        yield (
            run.id, ordinal, stage, kind, goal, "us-west-2" if has_stack else "", name, stack_id,
            run.blueprint, status, "CREATE_COMPLETE" if has_stack and not has_failed else "",
            run.reason if is_last else "",
            run.created_at, None if status == StepStatus.WAITING else run.status_since,
        )  # fmt: skip
    if run is not account.runs[-1]:
        return
    failed = (each for each in account.regions if each.state == RegionState.FAILED)
    for ordinal, each in enumerate(failed, len(_STEPS) + 1):
        yield (
            run.id, ordinal, "trails", "region_trail", "logging", each.region,
            settings.COMPANY.trails.regional_stack_name, "", run.blueprint, StepStatus.FAILED,
            "CREATE_FAILED", each.reason, run.created_at, run.status_since,
        )  # fmt: skip


def _reading(account_id: int, number: str, made: MadeRegion) -> tuple[Any, ...]:
    name = settings.COMPANY.trails.regional_stack_name
    is_on = made.state in {RegionState.COVERED, RegionState.LOGGING}
    has_failed = made.state == RegionState.FAILED
    status = "CREATE_COMPLETE" if is_on else "ROLLBACK_COMPLETE" if has_failed else ""
    return (
        account_id,
        made.region,
        made.outcome,
        made.state,
        status,
        _stack_id(number, made.region, name, UUID(int=account_id)) if status else "",
        f"arn:aws:cloudtrail:{made.region}:{number}:trail/{name}" if is_on else "",
        True if is_on else None,
        made.read_at if made.state == RegionState.COVERED else None,
        made.reason,
        made.read_at,
    )


def _stack_id(number: str, region: str, name: str, unique: UUID) -> str:
    return f"arn:aws:cloudformation:{region}:{number}:stack/{name}/{unique}"


def _days_before(rng: Random, today: FleetDay) -> Iterator[FleetDay]:
    """Two years in which the fleet grew and came under protection, up to what it is today."""
    for back in range(1, DAYS_OF_HISTORY):
        share = 1 - back / DAYS_OF_HISTORY
        known = share**0.7
        covered = known * (0.05 + 0.95 * share**0.9) * (1 - 0.006 * rng.random())
        yield FleetDay(
            day=today.day - timedelta(days=back),
            accounts=round(today.accounts * known),
            verified=round(today.verified * covered),
            regions_enabled=round(today.regions_enabled * known),
            regions_covered=round(today.regions_covered * covered),
        )
