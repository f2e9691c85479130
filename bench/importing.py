"""How long does a list of 10,000 accounts take, and how much memory? `python -m bench.importing [LINES]`

Judged, taken in, and judged again, on a database of its own: SQLite, or the one that DATABASE_URL names.
"""

# ruff: noqa: PLC0415 - Django is set up first

import io
import os
import sys
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")


@contextmanager
def told(what: str) -> Iterator[None]:
    begun, used = time.perf_counter(), time.process_time()
    yield
    print(
        f"{what:<14} {time.perf_counter() - begun:6.1f} s, {time.process_time() - used:6.1f} s of processor"
    )


def main() -> None:
    django.setup()
    from django.contrib.auth.models import User
    from django.db import connection
    from django.test.utils import setup_databases, teardown_databases
    from django.utils import timezone

    from onboarding.models import AwsAccount, Member, StaffRole
    from onboarding.services import batches, importing
    from onboarding.services.bulk import ACTS
    from tests.services.test_importing import long_list

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    old = setup_databases(verbosity=0, interactive=False)
    try:
        by = User.objects.create_user("bench", "bench@example.org")
        Member.objects.create(user=by, role=StaffRole.OPERATOR)
        text = long_list(count - count // 20, count // 20).encode()
        print(f"{connection.vendor}: {count} lines, {count // 20} of them faulty, {len(text):,} bytes")
        with told("judged"):
            batch, _shape = importing.judge_list(by, io.BytesIO(text), invite=True)
        batches.confirm(by, batch, batch.digest)
        with told("taken in"):
            batches.work(ACTS, until=timezone.now() + timedelta(hours=1))
        print(batches.counts_of(batch), AwsAccount.objects.count(), "accounts")
        tracemalloc.start()
        with told("judged again"):
            again, _shape = importing.judge_list(by, io.BytesIO(text), invite=True)
        print(
            batches.counts_of(again),
            f"peak {tracemalloc.get_traced_memory()[1] / 1e6:.1f} MB beside the list",
        )
    finally:
        teardown_databases(old, verbosity=0)


if __name__ == "__main__":
    main()
