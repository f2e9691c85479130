"""What does a believable fleet look like? Accounts, their owners and two years of history, drawn by lot.

Pure: the same seed and the same moment give the same fleet. Nothing of it is real: addresses end in
example.org, and nothing was ever handed over that would open anything.
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from onboarding.progress.places import PLACES
from onboarding.states import RegionOutcome, RegionState, RunStatus, StepStatus

REGIONS = tuple(sorted(PLACES))
# Enabled in every account; the others where somebody wanted them.
_BY_DEFAULT = frozenset(
    {
        "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1",
        "ap-southeast-2", "ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3",
        "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
    }
)  # fmt: skip

# How an account's latest run ended, or where it stands; None for no run. Of a thousand accounts so many.
_OUTCOMES: tuple[tuple[RunStatus | None, int], ...] = (
    (RunStatus.VERIFIED, 690),
    (None, 90),
    (RunStatus.PARTLY_DONE, 55),
    (RunStatus.FAILED, 45),
    (RunStatus.DRAFT, 40),
    (RunStatus.NEEDS_ACCESS, 28),
    (RunStatus.PLANNED, 14),
    (RunStatus.NEEDS_OWNER, 6),
    (RunStatus.CANCELLED, 16),
    (RunStatus.RUNNING, 8),
    (RunStatus.VERIFYING, 5),
    (RunStatus.SURVEYING, 3),
)
_WITHOUT_OWNER_PERCENT = 30  # of those without a run

_REASONS: dict[RunStatus, tuple[tuple[str, int], ...]] = {
    RunStatus.PARTLY_DONE: (
        ("region_denied_by_organization", 30),
        ("bucket_policy", 18),
        ("too_many_trails", 14),
        ("not_logging", 12),
        ("no_first_log", 10),
        ("delivery_failing", 9),
        ("region_unreachable", 7),
    ),
    RunStatus.FAILED: (
        ("not_admitted", 28),
        ("denied_by_organization", 22),
        ("create_failed", 16),
        ("role_exists", 12),
        ("rollback_stuck", 8),
        ("took_too_long", 8),
        ("unknown", 6),
    ),
    RunStatus.NEEDS_ACCESS: (
        ("expired_credentials", 40),
        ("missing_permissions", 30),
        ("role_not_assumable", 20),
        ("kept_too_long", 10),
    ),
    RunStatus.NEEDS_OWNER: (("old_role_has_attachments", 60), ("termination_protected", 40)),
    RunStatus.CANCELLED: (("cancelled_by_owner", 1),),
}

_TEAMS = (
    "Payments", "Search", "Identity", "Data Platform", "Telemetry", "Mobile", "Community IT", "Releases",
    "Localization", "Add-ons", "Marketing", "Support", "Machine Learning", "Finance", "Legal", "Sync",
    "Accounts", "Push", "Video", "Ads", "Recruiting", "Facilities", "Security Lab", "QA",
)  # fmt: skip
_PLACES_OF_WORK = ("prod", "staging", "dev", "sandbox", "backup", "analytics", "shared", "ci")
_FIRST = (
    "ada", "ben", "chen", "dina", "elif", "farid", "grace", "hugo", "ines", "jun", "kofi", "lena", "mira",
    "noor", "omar", "petra", "quentin", "rosa", "sven", "tara", "umar", "vera", "wanda", "yuki", "zoe",
)  # fmt: skip
_LAST = (
    "abbott", "bauer", "castro", "diallo", "eriksen", "fischer", "gupta", "haddad", "ito", "jensen", "kim",
    "lopez", "moreau", "novak", "okafor", "petrov", "quinn", "rossi", "silva", "tanaka",
)  # fmt: skip

_PATH: dict[RunStatus, tuple[RunStatus, ...]] = {
    RunStatus.DRAFT: (),
    RunStatus.SURVEYING: (RunStatus.DRAFT,),
    RunStatus.PLANNED: (RunStatus.DRAFT, RunStatus.SURVEYING),
    RunStatus.NEEDS_ACCESS: (RunStatus.DRAFT, RunStatus.SURVEYING),
    RunStatus.NEEDS_OWNER: (RunStatus.DRAFT, RunStatus.SURVEYING),
    RunStatus.CANCELLED: (RunStatus.DRAFT, RunStatus.SURVEYING, RunStatus.PLANNED),
}
_WHOLE_PATH = (RunStatus.DRAFT, RunStatus.SURVEYING, RunStatus.PLANNED, RunStatus.RUNNING)
_STILL_GOING = frozenset({RunStatus.SURVEYING, RunStatus.RUNNING, RunStatus.VERIFYING})
_WAITING_AT_MOST = {RunStatus.PLANNED: 3, RunStatus.NEEDS_OWNER: 3, RunStatus.NEEDS_ACCESS: 14}

BLUEPRINTS = ("0" * 63 + "1", "0" * 63 + "2", "a3f1" * 16)


@dataclass(frozen=True, slots=True)
class Happened:
    at: datetime
    kind: str
    region: str
    data: dict[str, Any]


@dataclass(slots=True)
class MadeRun:
    id: uuid.UUID
    status: RunStatus
    created_at: datetime
    status_since: datetime
    reason: str
    blueprint: str
    events: list[Happened] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MadeRegion:
    region: str
    state: RegionState
    outcome: RegionOutcome
    reason: str
    read_at: datetime


@dataclass(frozen=True, slots=True)
class MadeAccount:
    number: str
    name: str
    # Which of the owners; None where nobody answers for it.
    owner: int | None
    co_owner: int | None
    ticket_url: str
    external_id: str
    registered_at: datetime
    # The oldest first.
    runs: tuple[MadeRun, ...]
    regions: tuple[MadeRegion, ...]


def owner_addresses(rng: Random, count: int) -> list[str]:
    names = [f"{first}.{last}" for first in _FIRST for last in _LAST]
    rng.shuffle(names)
    rounds = -(-count // len(names))
    return [f"{name}{turn or ''}@example.org" for turn in range(rounds) for name in names][:count]


def fleet(rng: Random, count: int, owners: int, now: datetime, *, events_each: int) -> Iterator[MadeAccount]:
    numbers = rng.sample(range(10**11, 10**12), count)
    outcomes, weights = zip(*_OUTCOMES, strict=True)
    drawn = rng.choices(outcomes, weights, k=count)
    # The first dozen show one of each, however small the fleet is.
    drawn[: len(outcomes)] = outcomes[:count]
    for number, outcome in zip(numbers, drawn, strict=True):
        yield _account(rng, f"{number:012}", outcome, owners, now, events_each)


def _account(
    rng: Random, number: str, outcome: RunStatus | None, owners: int, now: datetime, events_each: int
) -> MadeAccount:
    registered_at = now - timedelta(days=2 + 720 * rng.random() ** 0.8, seconds=rng.randrange(86_400))
    if outcome in _STILL_GOING or outcome in _WAITING_AT_MOST:
        registered_at = max(registered_at, now - timedelta(days=200))
    runs = _runs(rng, outcome, registered_at, now, events_each)
    # A few teams have most of the accounts.
    owner = int(owners * rng.random() ** 1.7)
    has_owner = bool(runs) or rng.randrange(100) >= _WITHOUT_OWNER_PERCENT
    team = _TEAMS[owner % len(_TEAMS)]
    return MadeAccount(
        number=number,
        name=f"{team} {rng.choice(_PLACES_OF_WORK)} - {rng.randrange(1000, 9999)}",
        owner=owner if has_owner else None,
        co_owner=(owner + 1) % owners if has_owner and owners > 1 and rng.random() < 0.3 else None,
        ticket_url=f"https://bugs.example.org/{rng.randrange(10**6, 2 * 10**6)}"
        if rng.random() < 0.8
        else "",
        external_id=f"onb-{rng.getrandbits(160):040x}",
        registered_at=registered_at,
        runs=runs,
        regions=_regions(rng, runs),
    )


def _runs(
    rng: Random, outcome: RunStatus | None, registered_at: datetime, now: datetime, events_each: int
) -> tuple[MadeRun, ...]:
    if outcome is None:
        return ()
    earlier = [status for status in (RunStatus.FAILED, RunStatus.PARTLY_DONE) if rng.random() < 0.13]
    if outcome == RunStatus.DRAFT and rng.random() < 0.6:
        earlier = []
    age = (now - registered_at).total_seconds()
    begin = registered_at + timedelta(seconds=age * min(0.9, rng.expovariate(12)))
    runs = []
    for status in earlier:
        runs.append(_run(rng, status, begin, events_each))
        begin = runs[-1].status_since + timedelta(hours=1 + 72 * rng.random())
    last_begin = now - timedelta(minutes=30)
    if outcome in _STILL_GOING:
        begin = now - timedelta(minutes=rng.randrange(4, 55))
    elif outcome in _WAITING_AT_MOST:
        begin = now - timedelta(days=_WAITING_AT_MOST[outcome] * rng.random(), hours=1)
    elif outcome in {RunStatus.FAILED, RunStatus.PARTLY_DONE} and rng.random() < 0.25:
        # What broke lately is what people come for.
        begin = now - timedelta(hours=1 + 120 * rng.random())
    runs.append(_run(rng, outcome, min(begin, last_begin), events_each))
    return tuple(runs)


def _run(rng: Random, status: RunStatus, begin: datetime, events_each: int) -> MadeRun:
    reasons = _REASONS.get(status, (("", 1),))
    reason = rng.choices([code for code, _weight in reasons], [weight for _code, weight in reasons])[0]
    blueprint = BLUEPRINTS[-1] if rng.random() < 0.7 else rng.choice(BLUEPRINTS[:-1])
    run = MadeRun(uuid.UUID(int=rng.getrandbits(128), version=4), status, begin, begin, reason, blueprint)
    for at, kind, region, data in _story(rng, status, reason, begin, events_each):
        run.events.append(Happened(at, kind, region, data))
        if kind == "run.status":
            run.status_since = at
    return run


def _story(
    rng: Random, status: RunStatus, reason: str, begin: datetime, events_each: int
) -> Iterator[tuple[datetime, str, str, dict[str, Any]]]:
    """The run's events in order."""
    path = [*_PATH.get(status, _WHOLE_PATH[: 3 if status == RunStatus.RUNNING else 4]), status]
    if status in {RunStatus.VERIFIED, RunStatus.PARTLY_DONE}:
        path.insert(-1, RunStatus.VERIFYING)
    at, before, made = begin, "", 0
    for each in path:
        # The last word of a run that failed carries its reason.
        why = reason if each == status else ""
        moved = {"before": before, "status": str(each), "reason_code": why, "failure": None, "by_id": None}
        yield at, "run.status", "", moved
        before, made = str(each), made + 1
        if each != path[-1]:
            for kind, region, data in _between(rng, each, events_each - len(path) - 4):
                at += timedelta(seconds=5 + 40 * rng.random())
                yield at, kind, region, data
        at += timedelta(seconds=20 + 200 * rng.random())


def _between(rng: Random, status: RunStatus, room: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    match status:
        case RunStatus.DRAFT:
            yield "grant.received", "", {"kind_of_grant": "role", "label": "the hand-over role"}
        case RunStatus.SURVEYING:
            yield "survey.done", "", {"regions": len(REGIONS), "knows_all_regions": True}
        case RunStatus.PLANNED:
            yield "plan.approved", "", {"digest": "d" * 64}
        case RunStatus.RUNNING:
            for kind in ("admit_account", "deploy_roles", "deploy_trails")[: max(0, room)]:
                yield "step.status", "us-west-2", _step_event(kind)
            yield "grant.destroyed", "", {"kind_of_grant": "role", "reason": "work_settled"}
        case RunStatus.VERIFYING:
            for region in rng.sample(REGIONS, max(0, min(room - 3, 30))):
                yield "step.status", region, _step_event("verify_region")
        case _:
            return


def _step_event(kind: str) -> dict[str, Any]:
    return {
        "kind_of_step": kind,
        "target": "DeployCloudTrail" if kind == "deploy_trails" else "InfosecClientRoles",
        "before": str(StepStatus.WORKING),
        "status": str(StepStatus.FINISHED),
        "last_move": "finish",
        "aws_status": "CREATE_COMPLETE",
        "reason_code": "",
        "failure": None,
    }


def _regions(rng: Random, runs: Sequence[MadeRun]) -> tuple[MadeRegion, ...]:
    """What was last read: by the latest run that got as far as reading."""
    reading = [run for run in runs if run.status != RunStatus.DRAFT]
    if not reading:
        return ()
    last = reading[-1]
    opted_in = rng.random() ** 2
    bad = max(1, int(rng.expovariate(0.35)))
    enabled = [region for region in REGIONS if region in _BY_DEFAULT or rng.random() < opted_in]
    failed = set(rng.sample(enabled, min(bad, len(enabled))))
    made = []
    for region in REGIONS:
        if region not in enabled:
            made.append(
                MadeRegion(region, RegionState.SKIPPED, RegionOutcome.NOT_ENABLED, "", last.status_since)
            )
            continue
        state = _state_in(rng, last.status, is_bad=region in failed)
        reason = last.reason if state == RegionState.FAILED else ""
        made.append(MadeRegion(region, state, RegionOutcome.READ, reason, last.status_since))
    return tuple(made)


def _state_in(rng: Random, status: RunStatus, *, is_bad: bool) -> RegionState:
    match status:
        case RunStatus.VERIFIED:
            return RegionState.COVERED
        case RunStatus.PARTLY_DONE:
            return RegionState.FAILED if is_bad else RegionState.COVERED
        case RunStatus.FAILED:
            return RegionState.FAILED if is_bad else RegionState.WAITING
        case RunStatus.RUNNING:
            return rng.choice((RegionState.WAITING, RegionState.CREATING, RegionState.LOGGING))
        case RunStatus.VERIFYING:
            return rng.choice((RegionState.LOGGING, RegionState.COVERED))
        case RunStatus.SURVEYING:
            return RegionState.UNKNOWN if is_bad else RegionState.WAITING
        case _:
            return RegionState.WAITING
