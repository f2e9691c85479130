"""What is due, and who works on it?

A claim is one work item, held under a lease by whoever set its `holder`. Every later write goes through
`holding`, which refuses it when the lease has meanwhile gone to another. A worker that dies needs no
cleaning up after: its item falls due again when the lease ends.
"""

import random
import uuid
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
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


def claim_due(now: datetime, limit: int, *, run_id: uuid.UUID | None = None) -> list[Claim]:
    """Up to `limit` claims on due items, in turn from all runs so that none starves, or of one run alone.

    First what somebody waits for who has just acted, the latest of them first: behind a thousand accounts
    that were approved at once, the next one moves within seconds. Then what is under way at AWS, and what is
    still to begin: so no more is begun than can be followed.
    """
    due = WorkItem.objects.filter(Q(lease_until__isnull=True) | Q(lease_until__lte=now), due_at__lte=now)
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


def _claim(due: QuerySet[WorkItem], now: datetime, limit: int, *order: str) -> list[Claim]:
    rows = list(due.order_by(*order).values_list("pk", "run_id", "due_at")[: limit * 16])
    chosen = list(islice(_in_turn(rows), limit))
    if not chosen:
        return []
    with transaction.atomic():
        # Who claims at the same moment takes the others. Checked again: since then it may have been claimed.
        free = (
            due.order_by()
            .filter(pk__in=chosen)
            .select_for_update(
                skip_locked=connection.features.has_select_for_update_skip_locked, of=("self",)
            )
        )
        taken = set(free.values_list("pk", flat=True))
        # Until the lease ends the items are due then, and not before: unless somebody asks for it earlier.
        ends, holder = now + LEASE, str(uuid.uuid4())
        WorkItem.objects.filter(pk__in=taken).update(
            holder=holder, lease_until=ends, due_at=ends, claims=F("claims") + 1
        )
    for item_id, _run_id, due_at in rows:
        if item_id in taken and due_at is not None:
            deadlines.note_lateness((now - due_at).total_seconds())
    return [Claim(item_id, holder) for item_id in chosen if item_id in taken]


def _in_turn(rows: list[tuple[int, uuid.UUID, datetime | None]]) -> Iterator[int]:
    """One item of each run, then the next of each, in the order in which they fell due."""
    queues: dict[uuid.UUID, deque[int]] = defaultdict(deque)
    for item_id, run_id, _due_at in rows:
        queues[run_id].append(item_id)
    while queues:
        for run_id in list(queues):
            yield queues[run_id].popleft()
            if not queues[run_id]:
                del queues[run_id]


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
        item = (
            WorkItem.objects.select_for_update(of=("self",))
            .filter(pk=work.claim.item_id, holder=work.claim.holder)
            .annotate(run_status=F("run__status"))
            .first()
        )
        if item is None:
            return False
        now = timezone.now()
        asked_for_at = item.due_at if _is_asked_for(item) else None
        item.due_at = now + look_again_in if look_again_in is not None else None
        if asked_for_at is not None and (item.due_at is None or asked_for_at < item.due_at):
            item.due_at = asked_for_at
        if RunStatus(item.run_status) not in ACTIVE_RUN_STATUSES:
            item.due_at = None
        item.holder, item.lease_until = "", None
        item.faults, item.breaks = faults, breaks
        item.trouble = failure_as_json(trouble) if trouble else None
        item.save(update_fields=["due_at", "holder", "lease_until", "faults", "breaks", "trouble"])
        return item.due_at is not None and item.due_at <= now


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
