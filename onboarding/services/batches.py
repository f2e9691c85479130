"""How does an act on many accounts come to be done? Judged, confirmed, and then carried out by the worker.

Each kind of act says how one chunk of lines is carried out; here is what they share. A chunk is one
transaction under the batch's lease: a worker that dies or is overtaken leaves nothing half done, nor twice.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from onboarding import wake
from onboarding.models import Batch, BatchKind, BatchLine, LineState
from onboarding.models.audit import AuditKind, append
from onboarding.models.batch import JUDGED_FOR
from onboarding.models.people import STARTS_WORK_AGAIN, role_of
from onboarding.services.refusals import Refused

LINES_PER_CHUNK = 100
LEASE = timedelta(seconds=60)

# Carries out some lines of a batch, and leaves each in another state than APPLIES.
Act = Callable[[Batch, User, Sequence[BatchLine]], None]


class NoLongerThere(Refused):
    def __init__(self) -> None:
        super().__init__(
            "batch_forgotten",
            _("This was judged more than an hour ago, or has changed since. Judge it again."),
        )


def confirm(by: User, batch: Batch, digest: str) -> bool:
    """Let the worker begin; False when it was confirmed before. Raises NoLongerThere."""
    if role_of(by) not in STARTS_WORK_AGAIN or batch.by_id != by.pk:
        raise NoLongerThere
    now = timezone.now()
    with transaction.atomic():
        begun = Batch.objects.filter(
            pk=batch.pk, digest=digest, confirmed_at=None, created_at__gt=now - JUDGED_FOR
        ).update(confirmed_at=now)
        if not begun:
            if (
                digest
                and Batch.objects.filter(pk=batch.pk, digest=digest, confirmed_at__isnull=False).exists()
            ):
                return False
            raise NoLongerThere
        append(
            AuditKind.BATCH_CONFIRMED,
            actor_id=by.pk,
            kind_of_act=batch.kind,
            batch=batch.pk,
            accounts=counts_of(batch).get(LineState.APPLIES, 0),
            **{name: value for name, value in batch.arguments.items() if value},
        )
        wake.wake_desk()
    return True


def counts_of(batch: Batch) -> dict[str, int]:
    return dict(batch.lines.order_by().values_list("state").annotate(Count("pk")))


def work(acts: Mapping[BatchKind, Act], until: datetime) -> None:
    """The worker's part: go on with what was confirmed, as long as there is time."""
    while timezone.now() < until:
        batch = _claim(timezone.now())
        if batch is None:
            return
        while timezone.now() < until:
            if not _carry_out_chunk(batch, acts[BatchKind(batch.kind)]):
                break
        else:
            Batch.objects.filter(pk=batch.pk, holder=batch.holder).update(lease_until=None, holder="")


def forget(now: datetime) -> None:
    """Drop what nobody confirmed in time, and old results."""
    for pk in list(Batch.objects.forgotten(now).values_list("pk", flat=True)[:5]):
        BatchLine.objects.filter(batch_id=pk).delete()
        Batch.objects.filter(pk=pk).delete()


def settle(line: BatchLine, state: LineState, reason: str = "") -> None:
    """What came of a line; stored with the others of its chunk."""
    line.state, line.reason = state, reason


def _claim(now: datetime) -> Batch | None:
    for batch in Batch.objects.to_be_done(now).order_by("confirmed_at")[:5]:
        batch.holder, batch.lease_until = str(uuid.uuid4()), now + LEASE
        if (
            Batch.objects.to_be_done(now)
            .filter(pk=batch.pk)
            .update(holder=batch.holder, lease_until=batch.lease_until)
        ):
            return batch
    return None


def _carry_out_chunk(batch: Batch, act: Act) -> bool:
    """One chunk; False when nothing is left, or another worker has taken over."""
    with transaction.atomic():
        # The batch's row is held until the chunk is written: nobody else is at it.
        held = Batch.objects.select_for_update().filter(pk=batch.pk, holder=batch.holder)
        if not held.update(lease_until=timezone.now() + LEASE):
            return False
        lines = list(
            batch.lines.filter(state=LineState.APPLIES)
            .select_related("account")
            .order_by("place")[:LINES_PER_CHUNK]
        )
        if not lines:
            held.update(finished_at=timezone.now(), holder="", lease_until=None)
            return False
        by = User.objects.get(pk=batch.by_id)
        if role_of(by) in STARTS_WORK_AGAIN:
            act(batch, by, lines)
        else:
            # Whoever lost the role since lost this too.
            for line in lines:
                settle(line, LineState.REFUSED, "not_operator")
        _write(lines)
    return True


def _write(lines: Sequence[BatchLine]) -> None:
    """One update for each outcome: there are few of them, and a CASE over all lines is slow."""
    outcomes: dict[tuple[str, str], list[int]] = {}
    for line in lines:
        outcomes.setdefault((line.state, line.reason), []).append(line.pk)
    for (state, reason), pks in outcomes.items():
        BatchLine.objects.filter(pk__in=pks).update(state=state, reason=reason)
