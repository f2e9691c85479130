"""`python -m bench.audit [RECORDS]`: how long does it take to verify the audit log?

In a database of its own: a SQLite file that is removed afterwards, or DATABASE_URL's server, where a database
is made and dropped as for tests. Machines differ, so beside the seconds stands the ratio to reading the same
columns of the same rows, in the same order, and doing nothing with them.
"""

# ruff: noqa: E402 - Django is set up first

import base64
import os
import sys
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
os.environ["AUDIT_KEYS"] = base64.b64encode(b"benchmark-" * 4).decode()
os.environ["LOG_LEVEL"] = "WARNING"
django.setup()

from django.conf import settings
from django.db import connection
from django.utils import timezone

from onboarding.audit.chain import keys
from onboarding.audit.encoding import CONTENT
from onboarding.audit.seal import seal_committed
from onboarding.audit.verify import Report, verify
from onboarding.models import AuditRecord

RECORDS = 1_000_000
LIMIT_SECONDS = 30.0
BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Time:
    """Seconds by the clock, and of this process's own work: other programs slow the first only."""

    clock: float
    work: float

    def __str__(self) -> str:
        return f"{self.clock:6.1f} s ({self.work:.1f} s of this process's time)"


def timed(act: Callable[[], object]) -> Time:
    clock, work = perf_counter(), process_time()
    act()
    return Time(perf_counter() - clock, process_time() - work)


def fill(count: int) -> None:
    """Records as a busy portal writes them: mostly AWS writes, with their fields."""

    start, run_id = datetime(2026, 1, 1, tzinfo=UTC), uuid.uuid4()
    details = (
        '{{"operation":"CreateStack","region":"us-west-2","request_id":"{0}","service":"cloudformation",'
        '"stack":"arn:aws:cloudformation:us-west-2:484535289196:stack/InfosecClientRoles/{0}"}}'
    )
    for first in range(0, count, BATCH):
        AuditRecord.objects.bulk_create(
            AuditRecord(
                at=start + timedelta(seconds=number),
                kind="aws.write",
                actor_id=None if number % 3 else number % 500 + 1,
                actor="" if number % 3 else f"owner-{number % 500}@example.org",
                account_id=number % 5000 + 1,
                account_number=f"{number % 5000:012}",
                run_id=run_id,
                ip="" if number % 3 else "192.0.2.17",
                details=details.format(uuid.UUID(int=number)),
            )
            for number in range(first, min(first + BATCH, count))
        )


def read_and_do_nothing() -> None:

    rows = AuditRecord.objects.exclude(sequence=None).order_by("sequence")
    for _row in rows.values_list("mac", "key_id", "sequence", *CONTENT).iterator(chunk_size=5000):
        pass


def measure(count: int, head_file: Path) -> bool:

    reports: list[Report] = []

    def check() -> None:
        reports.append(verify(keys(), head_file.read_text().splitlines(), now=timezone.now()))

    print(f"{count} records on {connection.vendor}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.0f}")
    print(f"  written    {timed(lambda: fill(count))}")
    print(f"  sealed     {timed(lambda: seal_committed(most_batches=count))}")
    reading = timed(read_and_do_nothing)
    print(f"  only read  {reading}")
    verifying = timed(check)
    print(f"  verified   {verifying}")
    print(f"  verifying takes {verifying.work / reading.work:.2f} times as long as reading")
    return reports[0].is_good and reports[0].sealed == count and verifying.clock < LIMIT_SECONDS


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else RECORDS
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        with tempfile.TemporaryDirectory() as directory:
            settings.AUDIT_HEAD_FILE = str(Path(directory) / "heads.jsonl")
            return 0 if measure(count, Path(settings.AUDIT_HEAD_FILE)) else 1
    finally:
        connection.creation.destroy_test_db("", verbosity=0)


if __name__ == "__main__":
    sys.exit(main())
