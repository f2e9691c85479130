"""How does a record look to those who take the log elsewhere? One JSON object on a line.

Unsealed records are exported too, without sequence and MAC. The address somebody came from is for auditors
only.
"""

import json
from collections.abc import Iterator
from datetime import datetime

from onboarding.models.audit import OF_THE_DESK, AuditRecord, AuditRecords

CHUNK = 2000


def chosen(
    *, account_id: int | None = None, since: datetime | None = None, for_owner: bool = False
) -> AuditRecords:
    """Of one account, or all; from a time on, or from the beginning. In the order of writing.

    An owner isn't told of what infosec keeps for itself.
    """
    records = AuditRecord.objects.order_by("id")
    if for_owner:
        records = records.exclude(kind__in=OF_THE_DESK)
    if account_id is not None:
        records = records.of_account(account_id)
    if since is not None:
        records = records.filter(at__gte=since)
    return records


def chunks(records: AuditRecords, *, with_address: bool) -> Iterator[str]:
    """The lines, some thousands at a time, each chunk by a query of its own: none is held open."""
    after = 0
    while True:
        rows = list(records.filter(id__gt=after)[:CHUNK])
        if not rows:
            return
        yield "".join(as_line(row, with_address=with_address) for row in rows)
        after = rows[-1].pk


def as_line(record: AuditRecord, *, with_address: bool) -> str:
    told = {
        "id": record.pk,
        "sequence": record.sequence,
        "at": record.at.isoformat(),
        "kind": record.kind,
        "actor_id": record.actor_id,
        "actor": record.actor,
        "account": record.account_number,
        "run": str(record.run_id) if record.run_id else None,
        "ip": record.ip,
        "data": record.data,
        "mac": record.mac,
        "key_id": record.key_id,
    }
    if not with_address:
        del told["ip"]
    return json.dumps(told, ensure_ascii=False) + "\n"
