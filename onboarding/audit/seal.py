"""How do committed records get into the chain? One sealer at a time, in batches, each in a transaction.

Table-wide ids commit out of order on PostgreSQL: a record may become visible after others with higher ids
were sealed. So the chain has its own order, that of sealing, and a record waits until it is seen.
"""

import logging
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from onboarding.audit.chain import START, Keys, keys, link
from onboarding.audit.encoding import CONTENT, encode
from onboarding.audit.heads import Head, last_head, publish
from onboarding.models.audit import AuditHead, AuditRecord, Seal

logger = logging.getLogger(__name__)

BATCH = 1000
MOST_BATCHES = 20


def head_file() -> Path | None:
    return Path(settings.AUDIT_HEAD_FILE) if settings.AUDIT_HEAD_FILE else None


def seal_committed(*, most_batches: int = MOST_BATCHES) -> int:
    """Seal what is committed and not sealed, up to a bound; how many that were. Raises NoAuditKey.

    While another seals there is nothing to do. The head is published after each batch has committed, so that
    what is outside is never ahead of the database.
    """
    ring, file, total = keys(), head_file(), 0
    for _batch in range(most_batches):
        sealed, head = _seal_batch(ring, file)
        total += sealed
        if head is not None:
            publish(head, file)
        if sealed < BATCH:
            break
    return total


def _seal_batch(ring: Keys, file: Path | None) -> tuple[int, Head | None]:
    AuditHead.objects.bulk_create([AuditHead(pk=1)], ignore_conflicts=True)
    with transaction.atomic():
        stored = AuditHead.objects.select_for_update(skip_locked=True).filter(pk=1).first()
        if stored is None:
            return 0, None
        rows = list(AuditRecord.objects.unsealed().order_by("id").values_list(*CONTENT)[:BATCH])
        if not rows:
            return 0, None
        sequence, mac = _end_of_chain(stored, ring, file)
        seals = []
        for row in rows:
            sequence += 1
            mac = link(ring.by_id[ring.sealing], mac, sequence, encode(*row))
            seals.append(Seal(row[0], sequence, mac, ring.sealing))
        AuditRecord.objects.write_seals(seals)
        head = _store(ring, sequence, mac, timezone.now())
    return len(rows), head


def _end_of_chain(stored: AuditHead, ring: Keys, file: Path | None) -> tuple[int, str]:
    """Where to go on: after the highest head that the sealer wrote, whatever is left in the table.

    A table that was cut keeps its gap for ever this way, instead of having its numbers given out again. Only
    when the stored head isn't the sealer's does the table's own end count.
    """
    ends = [(0, START)]
    own = Head.from_row(stored)
    if own is not None and own.is_ours(ring):
        ends.append((own.sequence, own.mac))
    else:
        last = AuditRecord.objects.exclude(sequence=None).order_by("-sequence").first()
        if last is not None and last.sequence is not None:
            logger.error("audit.head_lost")
            ends.append((last.sequence, last.mac))
    known = last_head(file, ring)
    if known is not None and known.sequence > max(ends)[0]:
        logger.error("audit.set_back to=%s known=%s", max(ends)[0], known.sequence)
        ends.append((known.sequence, known.mac))
    return max(ends)


def _store(ring: Keys, sequence: int, mac: str, at: datetime) -> Head:
    head = Head.at_end(ring, sequence, mac, at)
    AuditHead.objects.filter(pk=1).update(
        sequence=head.sequence, mac=head.mac, key_id=head.key_id, at=head.at, proof=head.proof
    )
    return head
