"""What is due, and who works on it?

A claim is one work item, held under a lease by whoever set its `holder`. Every later write goes through
`holding`, which refuses it when the lease has meanwhile gone to another. A worker that dies needs no
cleaning up after: its item falls due again when the lease ends.
"""

import random
import uuid
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from django.db import connection, transaction
from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from onboarding.engine import deadlines
from onboarding.models import Run, WorkItem
from onboarding.observed import Failure
from onboarding.states import RunStatus, Stage
from onboarding.stored import failure_as_json

LEASE = timedelta(seconds=90)
# A lease with more than this left is long enough for whatever comes next.
_RENEWED_BEFORE_END = timedelta(seconds=70)

# Only in these is anything of a run to be done; in the others its items rest, whatever their work wished.
ACTIVE_RUN_STATUSES = frozenset(
    {RunStatus.SURVEYING, RunStatus.RUNNING, RunStatus.VERIFYING, RunStatus.CANCELLING}
)


# For so long after somebody's act their run goes first.
ASKED_LATELY = timedelta(seconds=30)
# With these a run begins; whatever comes later follows something that goes on at AWS.
_BEGINNING = (Stage.SURVEY, Stage.ADMIT)
_BEGINNING_SHARE = 0.125

# In these the regions of a run change at about the same time: what is due of them is looked at together.
TOGETHER = frozenset({Stage.TRAILS, Stage.VERIFY})

# What a survey found and a plan says: tens of kilobytes, which few who hold a run want to read.
HEAVY = ("survey", "plan")


class ClaimLost(Exception):
    """The item is no longer ours: the lease ended and another worker has it. Nothing may be recorded."""


class RunStopped(Exception):
    """The run is no longer in a status in which this may be written: cancelled, parked or settled."""


@dataclass(frozen=True, slots=True)
class Claim:
    item_id: int
    holder: str


@dataclass(frozen=True, slots=True)
class Due:
    """A row of what is due."""

    item_id: int
    run_id: uuid.UUID
    stage: str
    region: str
    faults: int
    breaks: int

    @property
    def is_looked_at_with_others(self) -> bool:
        return self.stage in TOGETHER and bool(self.region) and not self.faults and not self.breaks


@dataclass(frozen=True, slots=True)
class Work:
    """A claim, and what it is about, as read when the work began. `run` comes without what is HEAVY."""

    claim: Claim
    run: Run
    stage: Stage
    region: str
    looks: int
    faults: int
    breaks: int = 0
    # When the survey that the run holds was taken.
    surveyed_at: datetime | None = None

    @property
    def run_id(self) -> uuid.UUID:
        return self.run.pk

    @property
    def may_have_company(self) -> bool:
        return self.stage in TOGETHER and bool(self.region) and not self.faults and not self.breaks


def claim_due(now: datetime, limit: int, *, run_id: uuid.UUID | None = None) -> list[Claim]:
    """Up to `limit` claims on due items, in turn from all runs so that none starves, or of one run alone.

    First what somebody waits for who has just acted, the latest of them first: behind a thousand accounts
    that were approved at once, the next one moves within seconds. Then what is under way at AWS, and what is
    still to begin: so no more is begun than can be followed.
    """
    due = _due(now)
    if run_id is not None:
        return _claim(due.filter(run_id=run_id), now, limit, "due_at", "pk")
    claims = _claim(due.filter(run__asked_at__gt=now - ASKED_LATELY), now, limit, "-run__asked_at", "pk")
    # Now and then something begins even where all are busy following.
    stages = (_BEGINNING, None) if random.random() < _BEGINNING_SHARE else (None, _BEGINNING)  # noqa: S311
    for only in stages:
        left = limit - len(claims)
        if left:
            chosen = due.filter(stage__in=_BEGINNING) if only else due.exclude(stage__in=_BEGINNING)
            claims += _claim(chosen, now, left, "due_at", "pk")
    return claims


def _due(now: datetime) -> QuerySet[WorkItem]:
    return WorkItem.objects.filter(Q(lease_until__isnull=True) | Q(lease_until__lte=now), due_at__lte=now)


def _claim(due: QuerySet[WorkItem], now: datetime, limit: int, *order: str) -> list[Claim]:
    columns = ("pk", "run_id", "stage", "region", "faults", "breaks")
    rows = [Due(*row) for row in due.order_by(*order).values_list(*columns)[: limit * 16]]
    chosen = list(islice(_in_turn(rows), limit))
    if not chosen:
        return []
    # Of each claim its own: what is taken along with it later is given back with it.
    lot = uuid.uuid4().hex[:20]
    with transaction.atomic():
        # Who claims at the same moment takes the others. Checked again: since then it may have been claimed.
        taken = _take(due.filter(pk__in=chosen), now, Concat(Value(f"{lot}-"), Cast("pk", CharField())))
    return [Claim(item_id, f"{lot}-{item_id}") for item_id in chosen if item_id in taken]


def _take(due: QuerySet[WorkItem], now: datetime, holder: str | Concat) -> set[int]:
    """Which of these could be had, and are held now. Inside a transaction."""
    free = due.order_by().select_for_update(
        skip_locked=connection.features.has_select_for_update_skip_locked, of=("self",)
    )
    taken = dict(free.values_list("pk", "due_at"))
    # Until the lease ends the items are due then, and not before: unless somebody asks for it earlier.
    ends = now + LEASE
    WorkItem.objects.filter(pk__in=taken).update(
        holder=holder, lease_until=ends, due_at=ends, claims=F("claims") + 1
    )
    for due_at in taken.values():
        if due_at is not None:
            deadlines.note_lateness((now - due_at).total_seconds())
    return set(taken)


def _in_turn(rows: list[Due]) -> Iterator[int]:
    """One item of each run, then the next of each, in the order in which they fell due.

    Of regions that are looked at together one: whoever has it takes the others along.
    """
    queues: dict[uuid.UUID, deque[int]] = defaultdict(deque)
    has_one: set[tuple[uuid.UUID, str]] = set()
    for row in rows:
        if row.is_looked_at_with_others:
            if (row.run_id, row.stage) in has_one:
                continue
            has_one.add((row.run_id, row.stage))
        queues[row.run_id].append(row.item_id)
    while queues:
        for run_id in list(queues):
            yield queues[run_id].popleft()
            if not queues[run_id]:
                del queues[run_id]


def take_along(work: Work) -> list[Work]:
    """Claim the other regions of the work's run and stage that are due, with it and under its holder.

    One that had faults is left to itself: it may be slow to answer, or break what is done with it.
    """
    if not work.may_have_company:
        return []
    now = timezone.now()
    due = _due(now).filter(run_id=work.run_id, stage=work.stage, faults=0, breaks=0).exclude(region="")
    with transaction.atomic():
        taken = _take(due, now, work.claim.holder)
    items = WorkItem.objects.filter(pk__in=taken).order_by("pk")
    return [
        replace(
            work,
            claim=Claim(item.pk, work.claim.holder),
            region=item.region,
            looks=item.claims,
        )
        for item in items
    ]


def held_under(claim: Claim) -> list[int]:
    """The claimed item, and what was taken along with it, as far as it is still held."""
    items = WorkItem.objects.filter(run__work_items=claim.item_id, holder=claim.holder)
    return list(items.order_by("pk").values_list("pk", flat=True))


def read(claim: Claim) -> Work | None:
    """What the claim is about; None when it is no longer ours."""
    item = (
        WorkItem.objects.filter(pk=claim.item_id, holder=claim.holder)
        .select_related("run__account", "run__grant")
        .defer(*(f"run__{name}" for name in HEAVY))
        .annotate(surveyed_at=F("run__survey__taken_at"))
        .first()
    )
    if item is None:
        return None
    return Work(
        claim,
        item.run,
        Stage(item.stage),
        item.region,
        item.claims,
        item.faults,
        item.breaks,
        datetime.fromisoformat(item.surveyed_at) if item.surveyed_at else None,
    )


@contextmanager
def holding(work: Work, *, run_in: frozenset[RunStatus] | None = None) -> Iterator[Run]:
    """One transaction in which the item is certainly ours and the run, locked, is in one of `run_in`.

    Renews the lease. Raises ClaimLost or RunStopped. Never ask AWS anything inside.
    """
    with transaction.atomic():
        # The run first, then the item: the order in which people's acts lock them, too.
        run = Run.objects.defer(*HEAVY).select_for_update().get(pk=work.run_id)
        item = (
            WorkItem.objects.select_for_update()
            .filter(pk=work.claim.item_id, holder=work.claim.holder)
            .first()
        )
        if item is None:
            raise ClaimLost
        if run_in is not None and RunStatus(run.status) not in run_in:
            raise RunStopped
        _extend(item)
        yield run


@contextmanager
def holding_all(works: Sequence[Work]) -> Iterator[tuple[Run, list[Work]]]:
    """The same for items of one claim, to be released in it: their run, and those that are still ours."""
    with transaction.atomic():
        run = Run.objects.defer(*HEAVY).select_for_update().get(pk=works[0].run_id)
        ours = set(_held(works).values_list("pk", flat=True))
        yield run, [work for work in works if work.claim.item_id in ours]


def _held(works: Sequence[Work]) -> QuerySet[WorkItem]:
    """Of one claim the items that are still ours, locked."""
    items = WorkItem.objects.select_for_update(of=("self",)).order_by("pk")
    return items.filter(pk__in=[work.claim.item_id for work in works], holder=works[0].claim.holder)


def renew(work: Work) -> None:
    """Renew the lease, between two parts of a look that may take long together. Raises ClaimLost."""
    with holding(work):
        pass


def _extend(item: WorkItem) -> None:
    now = timezone.now()
    if item.lease_until is not None and item.lease_until - now > _RENEWED_BEFORE_END:
        return
    ends = now + LEASE
    if not _is_asked_for(item):
        item.due_at = ends
    item.lease_until = ends
    item.save(update_fields=["due_at", "lease_until"])


def _is_asked_for(item: WorkItem) -> bool:
    """Whether somebody made the held item due before its lease ends."""
    return item.due_at is not None and item.lease_until is not None and item.due_at < item.lease_until


def release(
    work: Work,
    look_again_in: timedelta | None,
    *,
    faults: int = 0,
    trouble: Failure | None = None,
    breaks: int = 0,
) -> bool:
    """Give the item back, due again after `look_again_in`; None: not by itself.

    `faults` of AWS (the last was `trouble`), or `breaks` of ours, in a row. Answers whether it is due
    at once again. Does nothing when the item is no longer ours. A run in which nothing is to be done keeps
    its items at rest.
    """
    with transaction.atomic():
        # The item alone is locked. Should the run stop at this very moment, the item is looked at once more,
        # and rests then.
        item = _held([work]).annotate(run_status=F("run__status")).first()
        if item is None:
            return False
        now = timezone.now()
        item.due_at = _due_again(item, item.run_status, look_again_in, now)
        item.holder, item.lease_until = "", None
        item.faults, item.breaks = faults, breaks
        item.trouble = failure_as_json(trouble) if trouble else None
        item.save(update_fields=["due_at", "holder", "lease_until", "faults", "breaks", "trouble"])
        return item.due_at is not None and item.due_at <= now


def release_all(waits: Sequence[tuple[Work, timedelta | None]]) -> bool:
    """The same for several items of one claim, none of which met trouble."""
    again: dict[datetime | None, list[int]] = defaultdict(list)
    asked = {work.claim.item_id: wait for work, wait in waits}
    with transaction.atomic(savepoint=False):
        now = timezone.now()
        for item in _held([work for work, _wait in waits]).annotate(run_status=F("run__status")):
            again[_due_again(item, item.run_status, asked[item.pk], now)].append(item.pk)
        for due_at, keys in again.items():
            WorkItem.objects.filter(pk__in=keys).update(
                due_at=due_at, holder="", lease_until=None, faults=0, breaks=0, trouble=None
            )
    return any(due_at is not None and due_at <= now for due_at in again)


def _due_again(
    item: WorkItem, run_status: str, look_again_in: timedelta | None, now: datetime
) -> datetime | None:
    if RunStatus(run_status) not in ACTIVE_RUN_STATUSES:
        return None
    asked_for_at = item.due_at if _is_asked_for(item) else None
    due_at = now + look_again_in if look_again_in is not None else None
    if asked_for_at is not None and (due_at is None or asked_for_at < due_at):
        return asked_for_at
    return due_at


def make_due(run: Run, stage: Stage, region: str, *, after: timedelta = timedelta(0)) -> None:
    """See that the item exists and is due within `after`. Inside the caller's transaction on the run."""
    due_at = timezone.now() + after
    item, is_new = WorkItem.objects.get_or_create(
        run=run, stage=stage, region=region, defaults={"due_at": due_at}
    )
    if not is_new and (item.due_at is None or item.due_at > due_at):
        WorkItem.objects.filter(pk=item.pk).update(due_at=due_at)


def rest(run: Run, *stages: Stage) -> None:
    """Let no item of the run (of these stages, if any are named) be due. Inside the caller's transaction."""
    items = WorkItem.objects.filter(run=run)
    (items.filter(stage__in=stages) if stages else items).update(due_at=None)
