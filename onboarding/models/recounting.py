"""Do the summaries and the tally say what the tables that they sum up say? And if not, make them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Sum

from onboarding.models import standing
from onboarding.models.account import AwsAccount
from onboarding.models.standing import KEY, SUMS
from onboarding.models.summary import AccountSummary, Tally

Sums = dict[tuple[str, ...], dict[str, int]]


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that was not as drawn anew."""

    what: str
    column: str
    was: Any
    should_be: Any

    def __str__(self) -> str:
        return f"{self.what}: {self.column} was {self.was!r}, is {self.should_be!r}"


def recount(*, write: bool) -> Iterator[Drift]:
    """Account by account, each in a transaction of its own, then the tally."""
    for account_id in AwsAccount.objects.order_by("pk").values_list("pk", flat=True).iterator():
        yield from _recount_account(account_id, write=write)
    yield from _recount_tally(write=write)


@transaction.atomic
def _recount_account(account_id: int, *, write: bool) -> list[Drift]:
    summary = AccountSummary.objects.select_for_update().filter(pk=account_id).first()
    account = AwsAccount.objects.filter(pk=account_id).first()
    if account is None:
        return []
    values = {**standing.drawn(account), "moved_at": standing.last_movement(account)}
    if summary is None:
        drifts = [Drift(account.number, "summary", None, "drawn")]
        columns: list[str] = []
    else:
        columns = [name for name, value in values.items() if getattr(summary, name) != value]
        drifts = [Drift(account.number, name, getattr(summary, name), values[name]) for name in columns]
    if write and summary is None:
        standing.bring_up_to_date(account_id)
    elif write and columns:
        # Past the tally: it is recounted afterwards.
        AccountSummary.objects.filter(pk=account_id).update(**{name: values[name] for name in columns})
    return drifts


def tallied() -> Sums:
    """What the ledger adds up to."""
    rows = Tally.objects.values(*KEY).annotate(**{f"{name}__sum": Sum(name) for name in SUMS})
    found = {tuple(row[name] for name in KEY): {name: row[f"{name}__sum"] for name in SUMS} for row in rows}
    return {key: entry for key, entry in found.items() if any(entry.values())}


def counted() -> Sums:
    """The same, counted from the summaries."""
    found: Sums = {}
    for summary in AccountSummary.objects.defer("search", "regions").iterator():
        one = standing.entry_of(summary)
        entry = found.setdefault(tuple(one[name] for name in KEY), dict.fromkeys(SUMS, 0))
        for name in SUMS:
            entry[name] += one[name]
    return found


@transaction.atomic
def _recount_tally(*, write: bool) -> list[Drift]:
    """Nobody changes a summary meanwhile: each is held until the ledger is written."""
    if write:
        list(AccountSummary.objects.select_for_update().order_by("pk").values_list("pk", flat=True))
    was, should_be = tallied(), counted()
    drifts = [
        Drift("/".join(filter(None, key)), "tally", was.get(key), should_be.get(key))
        for key in sorted(was.keys() | should_be.keys())
        if was.get(key) != should_be.get(key)
    ]
    if write and drifts:
        Tally.objects.all().delete()
        Tally.objects.bulk_create(
            Tally(**dict(zip(KEY, key, strict=True)), **entry) for key, entry in should_be.items()
        )
    return drifts
