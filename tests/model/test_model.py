"""Whatever owners do, whenever workers die, however AWS answers: does a run stay true to what was
approved?

Hypothesis drives one account through arbitrary interleavings: acts of its owner, work by workers of whom
any may die before a request, after it or before recording it, leases that end under a worker who goes on,
somebody who acts between two calls of a worker, time that passes. After each step the invariants are
asked; at the end everything is let go well, and the run has to come to rest.
"""

import itertools
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from onboarding.credentials import TemporaryCredentials
from onboarding.engine import claims, defects, intents, sessions, sweeping
from onboarding.engine.claims import ACTIVE_RUN_STATUSES, Claim
from onboarding.engine.work import work
from onboarding.models import AuditRecord, AwsAccount, Event, Grant, Run, WorkItem
from onboarding.models.audit import AuditKind
from onboarding.services import accounts, approval, cancelling, hand_over, retrying
from onboarding.services.refusals import Refused
from onboarding.states import (
    OPEN_RUN_STATUSES,
    SETTLED_RUN_STATUSES,
    UNSETTLED_STEP_STATUSES,
    RunStatus,
    StepStatus,
)
from tests.model.world import HOWS, Sabotage, WorkerDied, World

numbers = itertools.count(100_000_000_000)

ACTS = (
    "hand over credentials",
    "hand over a role",
    "read the plan",
    "approve",
    "approve what was read before",
    "cancel",
    "leave",
    "start again",
)


class Clock:
    """Time goes on a little whenever somebody looks, and in leaps when told to."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 25, 12, tzinfo=UTC)

    def now(self) -> datetime:
        self.time += timedelta(milliseconds=1)
        return self.time


@contextmanager
def another_process() -> Iterator[None]:
    """What a worker keeps in memory is its own. With the same, its only thread would wait for itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sessions, "_kept", {})
        patch.setattr(sessions, "_making", {})
        patch.setattr(sessions, "_not_to_be_narrowed", set())
        yield


class Onboarding(RuleBasedStateMachine):
    patch: pytest.MonkeyPatch
    clock: Clock

    @initialize(
        has_old_stack=st.booleans(), at=st.sampled_from(("the beginning", "approval", "work", "work"))
    )
    def begin(self, *, has_old_stack: bool, at: str = "the beginning") -> None:
        """Often where it is dangerous: a plan was approved, and nothing of it is done."""
        number = str(next(numbers))
        self.world = World(number)
        self.world.behind(self.patch)
        if has_old_stack:
            self.world.bring_old_stack()
        self.user = User.objects.create_user(f"owner-{number}", f"{number}@example.org")
        self.account = accounts.register(
            self.user, number=number, name="An account", contact_email=self.user.email
        )
        self.read_digest = ""
        self.keys = 0
        if at != "the beginning":
            self.do("hand over credentials")
            self.all_that_is_due_is_worked_on()
        if at == "work":
            self.do("approve")

    # --- the owner, perhaps in two tabs ---

    @rule(act=st.sampled_from(ACTS))
    def owner_acts(self, act: str) -> None:
        self.do(act)

    def do(self, act: str) -> None:
        run = self.run()
        try:
            match act:
                case "hand over credentials":
                    self.keys += 1
                    keys = TemporaryCredentials(f"ASIA{self.keys:016}", "secret", "token")
                    hand_over.hand_over_credentials(self.user, self.account, keys)
                case "hand over a role":
                    arn = f"arn:aws:iam::{self.world.number}:role/InfosecOnboardingHandover"
                    hand_over.hand_over_role(self.user, self.account, arn)
                case "read the plan" if run is not None:
                    self.read_digest = run.plan_digest
                case "approve" if run is not None:
                    approval.approve(self.user, run, run.plan_digest)
                case "approve what was read before" if run is not None:
                    approval.approve(self.user, run, self.read_digest)
                case "cancel" if run is not None:
                    cancelling.cancel(self.user, run)
                case "leave" if run is not None:
                    cancelling.leave_as_is(self.user, run)
                case "start again":
                    retrying.start_again(self.user, self.account)
                case _:
                    pass
        except Refused:
            pass

    # --- workers ----------------------------------------------------------------------------------

    @rule()
    def a_worker_works(self) -> None:
        self.work_on_something()

    @rule(how=st.sampled_from(HOWS), at=st.integers(0, 7))
    def a_worker_meets_trouble(self, how: str, at: int) -> None:
        self.world.sabotage.append(Sabotage(at, how))
        self.work_on_something()
        self.world.sabotage.clear()

    @rule(act=st.sampled_from(ACTS), at=st.integers(0, 7))
    def the_owner_acts_while_a_worker_works(self, act: str, at: int) -> None:
        self.world.sabotage.append(Sabotage(at, "act", lambda: self.do(act)))
        self.work_on_something()
        self.world.sabotage.clear()

    @rule(at=st.integers(0, 7))
    def a_lease_ends_under_a_worker_and_another_takes_over(self, at: int) -> None:
        def take_over() -> None:
            self.leases_end()
            with another_process():
                self.work_on_something()

        self.world.sabotage.append(Sabotage(at, "act", take_over))
        self.work_on_something()
        self.world.sabotage.clear()

    @rule()
    def all_that_is_due_is_worked_on(self) -> None:
        for _ in range(8):
            if not self.work_on_something():
                break

    def work_on_something(self) -> bool:
        claimed = claims.claim_due(timezone.now(), 1, run_id=self.run_id())
        if not claimed:
            # Nothing is due yet: then it is later now.
            self.wait()
            claimed = claims.claim_due(timezone.now(), 1, run_id=self.run_id())
        for claim in claimed:
            self._work(claim)
        return bool(claimed)

    def _work(self, claim: Claim) -> None:
        """As a task does, but for what a death leaves undone."""
        try:
            work(claim)
        except WorkerDied:
            pass
        except AssertionError:
            raise
        except Exception:
            defects.give_back(claim)
            raise

    # --- time -------------------------------------------------------------------------------------

    @rule()
    def wait(self) -> None:
        """What was put off falls due; what is held stays held."""
        WorkItem.objects.filter(run__account=self.account, lease_until=None, due_at__isnull=False).update(
            due_at=timezone.now()
        )

    @rule()
    def leases_end(self) -> None:
        WorkItem.objects.filter(run__account=self.account, lease_until__isnull=False).update(
            lease_until=timezone.now(), due_at=timezone.now()
        )

    @rule(hours=st.sampled_from((0.2, 0.6, 1.6, 5, 25, 24 * 15)))
    def much_time_passes(self, hours: float) -> None:
        self.clock.time += timedelta(hours=hours)
        sweeping.sweep(timezone.now())

    @rule()
    def somebody_sweeps(self) -> None:
        sweeping.sweep(timezone.now())

    # --- AWS --------------------------------------------------------------------------------------

    @rule(goes_well=st.sampled_from((True, True, True, False)))
    def stacks_settle(self, *, goes_well: bool) -> None:
        self.world.settle(goes_well=goes_well)

    @rule()
    def somebody_changes_the_account(self) -> None:
        """What was surveyed is so no more: an old stack comes, or ours is taken away."""
        self.world.meddle()

    @rule()
    def credentials_end(self) -> None:
        self.world.dead_keys |= {f"ASIA{number:016}" for number in range(self.keys + 1)}

    # --- what always holds ------------------------------------------------------------------------

    def run(self) -> Run | None:
        return self.account.runs.order_by("-created_at").first()

    def run_id(self) -> uuid.UUID | None:
        run = self.run()
        return run.pk if run is not None else uuid.uuid4()

    @invariant()
    def all_holds(self) -> None:
        self.every_status_is_explained_by_an_event()
        self.events_are_numbered_without_gaps()
        self.what_is_over_holds_and_waits_for_nothing()
        self.nothing_is_intended_after_a_cancel()
        self.attempts_are_counted()
        self.there_is_one_of_what_there_may_be_one_of()
        self.a_run_at_work_has_something_due()

    def every_status_is_explained_by_an_event(self) -> None:
        for run in self._runs():
            told = self._last(run, "run.status")
            assert told is not None
            assert (told.data["status"], told.data.get("reason_code", "")) == (run.status, run.reason_code)
            for step in run.steps.all():
                last = self._last(run, "step.status", step_id=step.pk)
                if last is None:
                    assert step.status == StepStatus.WAITING or (step.status, step.attempts) == ("refused", 0)
                else:
                    assert last.data["status"] == step.status

    def events_are_numbered_without_gaps(self) -> None:
        for run in self._runs():
            stored = list(run.events.order_by("number").values_list("number", flat=True))
            assert stored == list(range(1, run.last_event_number + 1))

    def what_is_over_holds_and_waits_for_nothing(self) -> None:
        for run in self._runs():
            if run.status in SETTLED_RUN_STATUSES:
                assert not run.work_items.filter(due_at__isnull=False).exclude(stage="revoked").exists()
                assert not run.steps.filter(status__in=UNSETTLED_STEP_STATUSES).exists()
                assert run.grant is None or run.grant.destroyed_at is not None
                assert run.finished_at is not None
            if run.status in {RunStatus.FAILED, RunStatus.PARTLY_DONE, RunStatus.NEEDS_ACCESS}:
                assert run.reason_code

    def nothing_is_intended_after_a_cancel(self) -> None:
        for run in self._runs():
            cancelled = run.events.filter(kind="run.status", data__status="cancelling").first()
            if cancelled is not None:
                intended = AuditRecord.objects.filter(run_id=run.pk, kind=AuditKind.AWS_INTENDED)
                assert not intended.filter(at__gt=cancelled.at).exists()

    def attempts_are_counted(self) -> None:
        for run in self._runs():
            for step in run.steps.all():
                assert step.attempts <= intents.MOST_ATTEMPTS
                if step.token:
                    assert step.token == f"onb-{run.pk.hex[:12]}-{step.pk}-{step.attempts}"
                else:
                    assert not step.last_move

    def there_is_one_of_what_there_may_be_one_of(self) -> None:
        if not hasattr(self, "account"):
            return
        assert self.account.runs.filter(status__in=OPEN_RUN_STATUSES).count() <= 1
        assert Grant.objects.filter(account=self.account, destroyed_at=None).count() <= 1
        live = [stack.name for stack in self.world.stacks.values() if stack.status != "DELETE_COMPLETE"]
        regional = [name for name in live if name.startswith("InfosecClientRoles")]
        assert len(regional) <= 1

    def a_run_at_work_has_something_due(self) -> None:
        for run in self._runs():
            if run.status in ACTIVE_RUN_STATUSES and not run.work_items.filter(due_at__isnull=False).exists():
                sweeping.sweep(timezone.now())
                run.refresh_from_db()
                assert (
                    run.status not in ACTIVE_RUN_STATUSES
                    or run.work_items.filter(due_at__isnull=False).exists()
                )

    def teardown(self) -> None:
        """From wherever it stands, all goes well from here on: it comes to rest, or waits for its owner."""
        if not hasattr(self, "account"):
            return
        for patience in range(60):
            run = self.run()
            if run is None or run.status not in ACTIVE_RUN_STATUSES:
                return
            self.leases_end()
            for _ in range(max(1, run.work_items.filter(due_at__isnull=False).count())):
                self.work_on_something()
            self.world.settle(goes_well=True)
            # At first as in life; then past every limit, of which each has to end with a reason.
            self.clock.time += timedelta(seconds=30 if patience < 20 else 600)
            sweeping.sweep(timezone.now())
        run = self.run()
        assert run is not None
        items = list(run.work_items.values_list("stage", "region", "due_at", "faults"))
        pytest.fail(f"The run never came to rest: {run.status} {items}")

    def _runs(self) -> list[Run]:
        return list(self.account.runs.all()) if hasattr(self, "account") else []

    def _last(self, run: Run, kind: str, **more: Any) -> Event | None:
        return run.events.filter(kind=kind, **more).order_by("-number").first()


@contextmanager
def a_clock_of_its_own(patch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    patch.setattr(timezone, "now", clock.now)
    yield clock


@pytest.mark.django_db
def test_a_run_stays_true_to_what_was_approved(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_clock_of_its_own(monkeypatch) as clock:
        Onboarding.patch, Onboarding.clock = monkeypatch, clock
        run_state_machine_as_test(
            Onboarding,
            settings=settings(
                max_examples=15,
                stateful_step_count=30,
                deadline=None,
                # A failure's steps are printed as they came: shrinking them takes minutes.
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )


def _reached(account: AwsAccount) -> set[str]:
    return {
        event.data["status"] for run in account.runs.all() for event in run.events.filter(kind="run.status")
    }


@pytest.mark.django_db
def test_the_model_reaches_the_end_when_all_goes_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """The world is no wall: without trouble a run is verified, and so the invariants were asked of all of
    it.
    """
    with a_clock_of_its_own(monkeypatch) as clock:
        Onboarding.patch, Onboarding.clock = monkeypatch, clock
        model = Onboarding()
        model.begin(has_old_stack=True)
        model.do("hand over credentials")
        model.teardown()
        model.do("approve")
        model.teardown()
        run = model.run()
        assert run is not None
        assert run.status == RunStatus.VERIFIED, list(
            run.steps.values_list("kind", "region", "status", "reason_code")
        )
        assert _reached(model.account) == {
            "draft",
            "surveying",
            "planned",
            "running",
            "verifying",
            "verified",
        }
        moves = [move for move, _name, _token in model.world.writes]
        assert moves == ["admit", "delete", "create", "create"]


@pytest.mark.django_db
def test_a_slow_survey_keeps_its_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it together takes longer than a lease: nobody else takes it over for that, again and again."""
    with a_clock_of_its_own(monkeypatch) as clock:
        Onboarding.patch, Onboarding.clock = monkeypatch, clock
        model = Onboarding()
        model.begin(has_old_stack=True)
        model.do("hand over credentials")
        claimed: list[Claim] = []

        def wait() -> None:
            clock.time += claims.LEASE * 0.3
            claimed.extend(claims.claim_due(timezone.now(), 1, run_id=model.run_id()))

        model.world.waits, began = wait, clock.time
        model.work_on_something()
        assert clock.time - began > claims.LEASE
        assert claimed == []
        run = model.run()
        assert run is not None
        assert run.status == RunStatus.PLANNED
