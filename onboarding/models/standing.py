"""Where does an account stand now? Drawn from its owners, runs and readings, and written to its summary.

The one writer of summaries and of the tally. It is called in the transaction of whatever changed, after the
account or the run is held, so that a summary is never seen to contradict what it sums up. It locks the
summary's row alone and asks for no other afterwards: whoever waits for it waits in no circle.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Max, Sum

from onboarding import remedies
from onboarding.blueprint import account_digest
from onboarding.models.account import AwsAccount, Ownership, OwnershipRole
from onboarding.models.deployment import BlueprintPart, Deployment
from onboarding.models.event import Event
from onboarding.models.reading import RegionReading
from onboarding.models.run import Run
from onboarding.models.summary import AccountSummary, FleetDay, Tally
from onboarding.remedies import Who
from onboarding.states import AccountState, BlockedOn, RegionState, RunStatus

_WORKING = frozenset({RunStatus.SURVEYING, RunStatus.RUNNING, RunStatus.VERIFYING, RunStatus.CANCELLING})
_SETTLED = {
    RunStatus.VERIFIED: AccountState.VERIFIED,
    RunStatus.PARTLY_DONE: AccountState.PARTLY,
    RunStatus.FAILED: AccountState.FAILED,
    RunStatus.CANCELLED: AccountState.CANCELLED,
}
# In these a run has put the blueprint's stacks into the account, or found them there.
_DEPLOYED = frozenset({RunStatus.VERIFIED, RunStatus.PARTLY_DONE})

# What the tally counts by, and what it adds up.
KEY = ("state", "blocked_on", "remedy")
SUMS = ("accounts", "with_uncovered", "regions_enabled", "regions_covered")


@dataclass(frozen=True, slots=True)
class LatestRun:
    """What is asked of an account's latest run."""

    pk: UUID
    status: RunStatus
    status_since: datetime
    reason_code: str
    is_first: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """The part of a summary that is decided and not copied."""

    state: AccountState
    blocked_on: BlockedOn
    since: datetime
    remedy: str


@dataclass(frozen=True, slots=True)
class Coverage:
    regions_enabled: int
    regions_covered: int
    regions_uncovered: int
    regions: str


def standing_of(*, registered_at: datetime, has_owner: bool, run: LatestRun | None) -> Standing:
    """Pure. Without an owner nothing can go on, whatever was done before."""
    since = run.status_since if run else registered_at
    remedy = run.reason_code if run else ""
    if run is None:
        if has_owner:
            return Standing(AccountState.NOT_STARTED, BlockedOn.OWNER, since, "")
        return Standing(AccountState.NO_OWNER, BlockedOn.INFOSEC, since, "")
    if run.status in _WORKING:
        return Standing(AccountState.WORKING, BlockedOn.NOBODY, since, "")
    if run.status == RunStatus.VERIFIED:
        return Standing(AccountState.VERIFIED, BlockedOn.NOBODY, since, "")
    if not has_owner:
        return Standing(AccountState.NO_OWNER, BlockedOn.INFOSEC, since, remedy)
    if run.status == RunStatus.DRAFT:
        state = AccountState.NOT_STARTED if run.is_first else AccountState.WAITING
        return Standing(state, BlockedOn.OWNER, since, "")
    if run.status == RunStatus.CANCELLED:
        return Standing(AccountState.CANCELLED, BlockedOn.OWNER, since, "")
    return Standing(_SETTLED.get(run.status, AccountState.WAITING), who_is_asked(remedy), since, remedy)


def who_is_asked(remedy: str) -> BlockedOn:
    """Who does the one thing to do. Of what needs nothing done, the owner still has to start again."""
    if not remedy:
        return BlockedOn.OWNER
    match remedies.REMEDIES.get(remedy, remedies.UNKNOWN).who:
        case Who.INFOSEC:
            return BlockedOn.INFOSEC
        case Who.PORTAL:
            return BlockedOn.PORTAL
        case _:
            return BlockedOn.OWNER


def coverage_of(states: Mapping[str, str]) -> Coverage:
    """Pure: the counts of an account's regions, from each region's stored state."""
    enabled = sum(state != RegionState.SKIPPED for state in states.values())
    covered = sum(state == RegionState.COVERED for state in states.values())
    packed = " ".join(f"{region}:{states[region]}" for region in sorted(states))
    return Coverage(enabled, covered, enabled - covered, packed)


def search_text(account: AwsAccount, emails: Iterable[str]) -> str:
    parts = (account.number, account.name, account.contact_email, account.ticket_url, account.alias, *emails)
    return " ".join(dict.fromkeys(part for part in parts if part)).lower()


@transaction.atomic(savepoint=False)
def bring_up_to_date(account_id: int, *, moved_at: datetime | None = None) -> None:
    """All of an account's summary, after its run, owners or details changed; made if it isn't there yet."""
    summary = _held(account_id)
    values = drawn(AwsAccount.objects.get(pk=account_id))
    if moved_at is not None:
        values["moved_at"] = max(moved_at, summary.moved_at) if summary else moved_at
    _write(account_id, summary, values)


@transaction.atomic(savepoint=False)
def bring_regions_up_to_date(account_id: int) -> None:
    """The regions' part alone, after a reading changed."""
    summary = _held(account_id)
    if summary is None:
        _write(account_id, None, drawn(AwsAccount.objects.get(pk=account_id)))
        return
    states = dict(RegionReading.objects.filter(account_id=account_id).values_list("region", "state"))
    _write(account_id, summary, asdict(coverage_of(states)))


def note_movement(account_id: int, at: datetime) -> None:
    """Something happened in a run of the account."""
    AccountSummary.objects.filter(pk=account_id, moved_at__lt=at).update(moved_at=at)


def last_movement(account: AwsAccount) -> datetime:
    """When the last event of any of its runs was; or when it came to be known."""
    at: datetime | None = Event.objects.filter(run__account=account).aggregate(at=Max("at"))["at"]
    return at or account.registered_at


def drawn(account: AwsAccount) -> dict[str, Any]:
    """The columns of the account's summary, but for its movement, from the tables that it sums up."""
    runs = list(
        account.runs.order_by("-created_at", "-pk").values_list("pk", "status", "status_since", "reason_code")
    )
    latest = (
        LatestRun(runs[0][0], RunStatus(runs[0][1]), *runs[0][2:], is_first=len(runs) == 1) if runs else None
    )
    emails = list(Ownership.objects.filter(account=account).order_by("pk").values_list("role", "user__email"))
    standing = standing_of(registered_at=account.registered_at, has_owner=bool(emails), run=latest)
    states = dict(RegionReading.objects.filter(account=account).values_list("region", "state"))
    return {
        **asdict(standing),
        **asdict(coverage_of(states)),
        **_deployed(account, [(pk, status) for pk, status, *_ in runs]),
        "number": account.number,
        "name": account.name,
        "owner_email": next((email for role, email in emails if role == OwnershipRole.OWNER), ""),
        "search": search_text(account, [email for _role, email in emails]),
        "latest_run_id": latest.pk if latest else None,
    }


def _deployed(account: AwsAccount, runs: list[tuple[UUID, str]]) -> dict[str, str]:
    """The blueprint that was seen in the account, or else that of the latest run that put it there."""
    seen = {part: (digest, version) for part, digest, version in _parts_of(account)}
    if seen:
        digests = [seen.get(part, ("", ""))[0] for part in (BlueprintPart.ROLES, BlueprintPart.TRAILS)]
        versions = sorted({version or "?" for _digest, version in seen.values()})
        return {
            "blueprint_version": "" if versions == ["?"] else " / ".join(versions)[:32],
            "blueprint_digest": account_digest(*digests),
        }
    run_id = next((pk for pk, status in runs if status in _DEPLOYED), None)
    if run_id is None:
        return {"blueprint_version": "", "blueprint_digest": ""}
    found = (
        Run.objects.filter(pk=run_id).values_list("plan__blueprint_version", "plan__blueprint_digest").get()
    )
    return {"blueprint_version": str(found[0] or ""), "blueprint_digest": str(found[1] or "")}


def _parts_of(account: AwsAccount) -> list[tuple[str, str, str]]:
    return list(Deployment.objects.filter(account=account).values_list("part", "digest", "version"))


def _held(account_id: int) -> AccountSummary | None:
    """The summary, held before anything is read for it: what another has just changed is then seen."""
    return AccountSummary.objects.select_for_update().filter(pk=account_id).first()


def _write(account_id: int, summary: AccountSummary | None, values: dict[str, Any]) -> None:
    """Write what differs, and tell the tally."""
    if summary is None:
        values.setdefault("moved_at", last_movement(AwsAccount.objects.get(pk=account_id)))
        _tell_tally({}, entry_of(AccountSummary.objects.create(account_id=account_id, **values)))
        return
    before = entry_of(summary)
    changed = {name: value for name, value in values.items() if getattr(summary, name) != value}
    if changed:
        AccountSummary.objects.filter(pk=account_id).update(**changed)
        for name, value in changed.items():
            setattr(summary, name, value)
        _tell_tally(before, entry_of(summary))


def entry_of(summary: AccountSummary) -> dict[str, Any]:
    """What one account is in the tally."""
    return {
        **{name: str(getattr(summary, name)) for name in KEY},
        "accounts": 1,
        "with_uncovered": int(summary.regions_uncovered > 0),
        "regions_enabled": summary.regions_enabled,
        "regions_covered": summary.regions_covered,
    }


def _tell_tally(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    if before == after:
        return
    rows = [Tally(**after)]
    if before:
        rows.append(Tally(**{name: value if name in KEY else -value for name, value in before.items()}))
    Tally.objects.bulk_create(rows)


def fold_tally() -> None:
    """Add the ledger's rows up for good. One at a time; whoever reads meanwhile sees the one or the other."""
    with transaction.atomic():
        rows = list(Tally.objects.select_for_update(skip_locked=True).order_by("pk"))
        sums: dict[tuple[str, ...], dict[str, int]] = {}
        for row in rows:
            entry = sums.setdefault(tuple(getattr(row, name) for name in KEY), dict.fromkeys(SUMS, 0))
            for name in SUMS:
                entry[name] += getattr(row, name)
        Tally.objects.filter(pk__in=[row.pk for row in rows]).delete()
        Tally.objects.bulk_create(
            Tally(**dict(zip(KEY, key, strict=True)), **entry)
            for key, entry in sorted(sums.items())
            if any(entry.values())
        )


def note_day(day: Any) -> None:
    """Keep how the fleet stands, as that day's last word so far."""
    told = Tally.objects.aggregate(**{name: Sum(name, default=0) for name in SUMS})
    verified = Tally.objects.filter(state=AccountState.VERIFIED).aggregate(n=Sum("accounts", default=0))["n"]
    values = {name: told[name] for name in ("accounts", "regions_enabled", "regions_covered")}
    FleetDay.objects.update_or_create(day=day, defaults={**values, "verified": verified})


def make_missing(at_most: int) -> int:
    """Sum up accounts that no summary knows of, as after an upgrade. Returns how many there were."""
    missing = AwsAccount.objects.filter(summary=None).order_by("pk").values_list("pk", flat=True)
    ids = list(missing[:at_most])
    for account_id in ids:
        bring_up_to_date(account_id)
    return len(ids)


def follow_others(now: datetime) -> int:
    """Follow what changed where nobody called this module. Returns how many summaries followed.

    Owners change their address on allauth's pages. And while a new version is deployed, the workers of the
    version before still move runs.
    """
    addresses = Ownership.objects.filter(role=OwnershipRole.OWNER).exclude(
        account__summary__owner_email=F("user__email")
    )
    moved = Run.objects.filter(status_since__gt=now - timedelta(hours=1)).exclude(
        account__summary__since__gte=F("status_since")
    )
    ids = {*addresses.values_list("account_id", flat=True), *moved.values_list("account_id", flat=True)}
    for account_id in sorted(ids):
        bring_up_to_date(account_id)
    return len(ids)
