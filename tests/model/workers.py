"""How do workers go about what is due, and how do they come to grief?

Each is a process of its own: what it keeps in memory is its own, and gone when it dies. What others do, they
do while one of them is in the middle of a look.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from onboarding.engine import claims, defects, sessions
from onboarding.engine.claims import Claim
from onboarding.engine.work import work
from onboarding.models import Run, WorkItem
from tests.model.cloud import Cloud
from tests.model.owner import Owner
from tests.model.troubles import WorkerDied
from tests.model.wire import Wire
from tests.model.witness import Witness

# So often at most is worked on something until nothing more is due.
MOST_LOOKS = 12


@contextmanager
def another_process() -> Iterator[None]:
    """With the same memory, its only thread would wait for itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sessions, "_kept", {})
        patch.setattr(sessions, "_making", {})
        patch.setattr(sessions, "_not_to_be_narrowed", set())
        yield


@dataclass
class Workers:
    owner: Owner
    cloud: Cloud
    wire: Wire
    witness: Witness
    lost_leases: int = 0
    deaths: int = 0

    # --- looks ------------------------------------------------------------------------------------

    def look(self, *, items: int = 1) -> bool:
        """Claim what is due, later if nothing is due yet, and work on it; False when nothing will be."""
        claimed = self.claim(items)
        if not claimed and self.wait_until_something_is_due():
            claimed = self.claim(items)
        for claim in claimed:
            self.work_on(claim)
        return bool(claimed)

    def work_until_something_is_in_flight(self) -> None:
        for _ in range(MOST_LOOKS):
            if self.cloud.busy() or not self.look():
                return

    def claim(self, items: int = 1) -> list[Claim]:
        run = self.owner.run()
        if run is None:
            return []
        return claims.claim_due(timezone.now(), items, run_id=run.pk)

    def work_on(self, claim: Claim) -> None:
        """As a task does, but for what a death leaves undone."""
        was_at_work, self.wire.is_at_work = self.wire.is_at_work, True
        try:
            work(claim)
        except WorkerDied:
            self.deaths += 1
            sessions._kept.clear()
        except AssertionError:
            raise
        except Exception:
            defects.give_back(claim)
            raise
        finally:
            self.wire.is_at_work = was_at_work
            self._judge_what_was_lost(claim)

    # --- what others do meanwhile -----------------------------------------------------------------

    def meanwhile(self, act: Callable[[], object]) -> Callable[[], None]:
        """Something done in the middle of a look; and what then stands there, if the look's item was lost."""

        def done() -> None:
            was_at_work, self.wire.is_at_work = self.wire.is_at_work, False
            try:
                act()
            finally:
                self.wire.is_at_work = was_at_work
            self._mark = self._stored()

        return done

    def takes_over(self, *, works: bool) -> Callable[[], None]:
        """The lease ends, and another worker has the item: still at it, or done with it."""

        def take_over() -> None:
            self.end_leases()
            with another_process():
                for claim in self.claim(4):
                    self.lost_leases += 1
                    if works:
                        self.work_on(claim)
                    elif (held := claims.read(claim)) is not None:
                        claims.take_along(held)

        return self.meanwhile(take_over)

    def look_beside(self) -> None:
        """Another worker looks at what falls due next, be it that the lease of the first ends before."""
        with another_process():
            self.look()

    _mark: Any = None

    def _judge_what_was_lost(self, claim: Claim) -> None:
        """Whoever lost its item meanwhile has recorded nothing more, and left alone what is another's."""
        mark, self._mark = self._mark, None
        if mark is None or claim.holder in mark["holders"]:
            return
        if mark != self._stored():
            self.witness.accuse("a worker that had lost its item went on recording, or touched the item")

    def _stored(self) -> dict[str, object]:
        runs = Run.objects.filter(account=self.owner.account)
        items = WorkItem.objects.filter(run__account=self.owner.account).order_by("pk")
        return {
            "runs": list(runs.order_by("pk").values_list("pk", "status", "last_event_number")),
            "items": list(items.values_list("pk", "due_at", "lease_until", "faults")),
            "holders": list(items.values_list("holder", flat=True)),
        }

    # --- time -------------------------------------------------------------------------------------

    def wait_until_something_is_due(self) -> bool:
        """Time passes until then; False when nothing ever will be due by itself."""
        run = self.owner.run()
        due = WorkItem.objects.filter(run=run, due_at__isnull=False) if run else WorkItem.objects.none()
        # Who holds an item, and died, keeps it until the lease ends.
        times = [max(filter(None, both)) for both in due.values_list("due_at", "lease_until")]
        if not times:
            return False
        self.cloud.clock.time = max(self.cloud.clock.time, min(times))
        return True

    def end_leases(self) -> None:
        held = WorkItem.objects.filter(run__account=self.owner.account, lease_until__isnull=False)
        held.update(lease_until=timezone.now(), due_at=timezone.now())
        self.cloud.clock.time += timedelta(milliseconds=2)
