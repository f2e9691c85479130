"""How does a run go on without broker and worker? In this process, until a person is needed.

For the command line and for tests. Other workers may be at the same run: claims keep them apart.
"""

import uuid
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime
from threading import Event

from django.db import connections
from django.utils import timezone

from onboarding.engine import claims, sweeping
from onboarding.engine.claims import ACTIVE_RUN_STATUSES, Claim
from onboarding.engine.defects import give_back
from onboarding.engine.work import Next, work
from onboarding.models import Run, WorkItem, undoing
from onboarding.states import RunStatus

THREADS = 12

# Between two looks at the database while another process may be changing it.
LONGEST_PAUSE_SECONDS = 0.5
SHORTEST_PAUSE_SECONDS = 0.02


def drive(run_id: uuid.UUID, on_change: Callable[[Run], None] | None = None) -> Run:
    """Work on one run until it has settled or waits for a person; returns it as it then is.

    `on_change` is called, on this thread, after each new event of the run. What breaks in a worker thread
    is raised here, once the others have ended.
    """
    told = -1
    under_way: set[Future[Next]] = set()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="drive") as pool:
        while True:
            sweeping.sweep(timezone.now())
            run = Run.objects.select_related("account").get(pk=run_id)
            if run.last_event_number != told and on_change is not None:
                told = run.last_event_number
                on_change(run)
            free = THREADS - len(under_way)
            if free:
                due = claims.claim_due(timezone.now(), free, run_id=run_id)
                under_way |= {pool.submit(_work, claim) for claim in due}
            if not under_way and (RunStatus(run.status) not in ACTIVE_RUN_STATUSES or undoing.is_asked(run)):
                return run
            under_way = _pause(under_way, run_id)


def _work(claim: Claim) -> Next:
    done: Next | None = None
    try:
        done = work(claim)
        return done
    finally:
        if done is None:
            give_back(claim)
        # A thread's connections are its own; nobody else would close them.
        connections.close_all()


def _pause(under_way: set[Future[Next]], run_id: uuid.UUID) -> set[Future[Next]]:
    """Until a claim is done with, something is due, or a moment has passed; returns what is under way."""
    seconds = _until_due(run_id)
    if not under_way:
        # Nothing under way to wait for, only time.
        Event().wait(seconds)
        return under_way
    done, pending = wait(under_way, timeout=seconds, return_when=FIRST_COMPLETED)
    for future in done:
        future.result()
    return set(pending)


def _until_due(run_id: uuid.UUID) -> float:
    due_at: datetime | None = (
        WorkItem.objects.filter(run_id=run_id, due_at__isnull=False, lease_until__isnull=True)
        .order_by("due_at")
        .values_list("due_at", flat=True)
        .first()
    )
    if due_at is None:
        return LONGEST_PAUSE_SECONDS
    seconds = (due_at - timezone.now()).total_seconds()
    return min(max(seconds, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
