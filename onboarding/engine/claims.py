"""What is due, and who works on it?

A claim is one work item, held under a lease by whoever set its `holder`. Every later write goes through
`holding`, which refuses it when the lease has meanwhile gone to another. A worker that dies needs no
cleaning up after: its item falls due again when the lease ends.
"""

import uuid
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from onboarding.models import Run, WorkItem
from onboarding.observed import Failure
from onboarding.states import RunStatus, Stage
from onboarding.stored import failure_as_json

LEASE = timedelta(seconds=90)

# Only in these is anything of a run to be done; in the others its items rest, whatever their work wished.
ACTIVE_RUN_STATUSES = frozenset(
    {RunStatus.SURVEYING, RunStatus.RUNNING, RunStatus.VERIFYING, RunStatus.CANCELLING}
)


class ClaimLost(Exception):
    """The item is no longer ours: the lease ended and another worker has it. Nothing may be recorded."""


class RunStopped(Exception):
    """The run is no longer in a status in which this may be written: cancelled, parked or settled."""


@dataclass(frozen=True, slots=True)
class Claim:
    item_id: int
    holder: str


@dataclass(frozen=True, slots=True)
class Work:
    """A claim, and what it is about, as read when the work began."""

    claim: Claim
    run_id: uuid.UUID
    stage: Stage
    region: str
    looks: int
    faults: int
    breaks: int = 0


def claim_due(now: datetime, limit: int, *, run_id: uuid.UUID | None = None) -> list[Claim]:
    """Up to `limit` claims on due items, in turn from all runs so that none starves, or of one run alone."""
    due = WorkItem.objects.filter(Q(lease_until__isnull=True) | Q(lease_until__lte=now), due_at__lte=now)
    if run_id is not None:
        due = due.filter(run_id=run_id)
    rows = list(due.order_by("due_at", "pk").values_list("pk", "run_id")[: limit * 16])
    claims: list[Claim] = []
    for item_id in _in_turn(rows):
        if len(claims) == limit:
            break
        claim = Claim(item_id, str(uuid.uuid4()))
        # Until the lease ends the item is due then, and not before: unless somebody asks for it earlier.
        ends = now + LEASE
        if due.filter(pk=item_id).update(
            holder=claim.holder, lease_until=ends, due_at=ends, claims=F("claims") + 1
        ):
            claims.append(claim)
    return claims


def _in_turn(rows: list[tuple[int, uuid.UUID]]) -> Iterator[int]:
    """One item of each run, then the next of each, in the order in which they fell due."""
    queues: dict[uuid.UUID, deque[int]] = defaultdict(deque)
    for item_id, run_id in rows:
        queues[run_id].append(item_id)
    while queues:
        for run_id in list(queues):
            yield queues[run_id].popleft()
            if not queues[run_id]:
                del queues[run_id]


def read(claim: Claim) -> Work | None:
    """What the claim is about; None when it is no longer ours."""
    item = WorkItem.objects.filter(pk=claim.item_id, holder=claim.holder).first()
    if item is None:
        return None
    return Work(claim, item.run_id, Stage(item.stage), item.region, item.claims, item.faults, item.breaks)


@contextmanager
def holding(work: Work, *, run_in: frozenset[RunStatus] | None = None) -> Iterator[Run]:
    """One transaction in which the item is certainly ours and the run, locked, is in one of `run_in`.

    Renews the lease. Raises ClaimLost or RunStopped. Never ask AWS anything inside.
    """
    with transaction.atomic():
        # The run first, then the item: the order in which people's acts lock them, too.
        run = Run.objects.select_for_update().get(pk=work.run_id)
        item = (
            WorkItem.objects.select_for_update()
            .filter(pk=work.claim.item_id, holder=work.claim.holder)
            .first()
        )
        if item is None:
            raise ClaimLost
        if run_in is not None and RunStatus(run.status) not in run_in:
            raise RunStopped
        _renew(item)
        yield run


def _renew(item: WorkItem) -> None:
    ends = timezone.now() + LEASE
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

    `faults` of AWS (the last was `trouble`), or `breaks` of ours, in a row. Answers whether anything of
    the run is due now, so that it need not wait for the next tick. Does nothing when the item is no longer
    ours. A run in which nothing is to be done keeps its items at rest.
    """
    with transaction.atomic():
        run = Run.objects.select_for_update().get(pk=work.run_id)
        item = (
            WorkItem.objects.select_for_update()
            .filter(pk=work.claim.item_id, holder=work.claim.holder)
            .first()
        )
        if item is None:
            return False
        now = timezone.now()
        asked_for_at = item.due_at if _is_asked_for(item) else None
        item.due_at = now + look_again_in if look_again_in is not None else None
        if asked_for_at is not None and (item.due_at is None or asked_for_at < item.due_at):
            item.due_at = asked_for_at
        if RunStatus(run.status) not in ACTIVE_RUN_STATUSES:
            item.due_at = None
        item.holder, item.lease_until = "", None
        item.faults, item.breaks = faults, breaks
        item.trouble = failure_as_json(trouble) if trouble else None
        item.save(update_fields=["due_at", "holder", "lease_until", "faults", "breaks", "trouble"])
        return run.work_items.filter(lease_until__isnull=True, due_at__lte=now).exists()


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
