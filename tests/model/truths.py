"""What always holds of what is stored, whoever has just acted, and what of a run that has come to rest?

Each is stated once, and says itself what is wrong. What AWS must never be asked, the witness says.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from onboarding import remedies
from onboarding.engine import intents
from onboarding.engine.claims import ACTIVE_RUN_STATUSES, HEAVY
from onboarding.models import AccountSummary, AwsAccount, Event, Grant, Run, WorkItem, undoing
from onboarding.states import (
    OPEN_RUN_STATUSES,
    SETTLED_RUN_STATUSES,
    UNSETTLED_STEP_STATUSES,
    BlockedOn,
    RunStatus,
    StepStatus,
    may_follow,
)
from tests.model.cloud import Cloud
from tests.model.witness import Violation, Witness

# In these a run has, or may have, access that was handed over.
_WITH_ACCESS = OPEN_RUN_STATUSES - {RunStatus.DRAFT, RunStatus.VERIFYING, RunStatus.NEEDS_ACCESS}
_FAILED_AT_AWS = ("create_failed", "update_failed", "delete_failed")
_EXPLAINED = frozenset({RunStatus.FAILED, RunStatus.PARTLY_DONE, RunStatus.NEEDS_ACCESS})


@dataclass
class Told:
    """What a run's events, replayed, say of it and its steps."""

    number: int = 0
    status: str = ""
    reason_code: str = ""
    steps: dict[int, tuple[Any, ...]] = field(default_factory=dict)

    def go_on(self, event: Event) -> Iterator[str]:
        if event.number != self.number + 1:
            yield f"event {event.number} follows {self.number}: numbers have a gap"
        self.number = event.number
        if event.kind == "run.status":
            before, status = event.data.get("before", ""), event.data["status"]
            if self.status and (
                before != self.status or not may_follow(RunStatus(before), RunStatus(status))
            ):
                yield f"event {event.number} tells a move from {before} to {status}, after {self.status}"
            self.status, self.reason_code = status, event.data.get("reason_code", "")
        elif event.kind == "step.status" and event.step_id is not None:
            told = (event.data[name] for name in ("status", "last_move", "aws_status", "reason_code"))
            self.steps[event.step_id] = tuple(told)


@dataclass
class Truths:
    account: AwsAccount
    cloud: Cloud
    witness: Witness
    told: dict[Any, Told] = field(default_factory=dict)
    # Runs that were over when they were asked last, and how many events they had.
    over: dict[Any, int] = field(default_factory=dict)

    def all_hold(self) -> None:
        if self.witness.has_news:
            self.witness.has_news = False
            runs = Run.objects.filter(account=self.account).defer(*HEAVY)
            for wrong in self._all_that_is_wrong(list(runs.order_by("created_at"))):
                self.witness.accuse(wrong)
        if self.witness.violations:
            raise Violation("; ".join(self.witness.violations))

    def _all_that_is_wrong(self, runs: list[Run]) -> Iterator[str]:
        for run in runs:
            if run.status in SETTLED_RUN_STATUSES and self.over.get(run.pk) == run.last_event_number:
                continue
            yield from self.every_status_is_what_its_events_tell(run)
            yield from self.attempts_are_counted_and_bounded(run)
            if run.status in SETTLED_RUN_STATUSES:
                self.over[run.pk] = run.last_event_number
                yield from self.what_is_over_waits_for_nothing(run)
            if run.status in ACTIVE_RUN_STATUSES:
                yield from self.what_is_at_work_has_something_due(run)
            if run.status in _EXPLAINED and run.reason_code not in remedies.REMEDIES:
                yield f"a run is {run.status}, and no remedy knows the reason {run.reason_code!r}"
        yield from self.there_is_one_of_what_there_may_be_one_of(runs)
        yield from self.access_is_held_only_while_it_is_needed(runs)

    def every_status_is_what_its_events_tell(self, run: Run) -> Iterator[str]:
        told = self.told.setdefault(run.pk, Told())
        for event in run.events.filter(number__gt=told.number).order_by("number"):
            yield from told.go_on(event)
        if told.number != run.last_event_number:
            yield f"the run counts {run.last_event_number} events, and {told.number} are there"
        if (told.status, told.reason_code) != (run.status, run.reason_code):
            yield f"the run is {run.status} ({run.reason_code}), its events say {told.status}"
        for step in run.steps.all():
            stands = (step.status, step.last_move, step.aws_status, step.reason_code)
            said = told.steps.get(step.pk)
            if said is None and (
                step.attempts or step.status not in {StepStatus.WAITING, StepStatus.REFUSED}
            ):
                yield f"the step {step} is {step.status}, and no event says so"
            if said is not None and said != stands:
                yield f"the step {step} stands as {stands}, and its events say {said}"

    def attempts_are_counted_and_bounded(self, run: Run) -> Iterator[str]:
        retries = run.events.filter(kind="owner.note", data__choice="retry_failed").count()
        for step in run.steps.exclude(token="", attempts=0, last_move=""):
            if step.attempts > intents.MOST_ATTEMPTS * (1 + retries):
                yield f"the step {step} was begun {step.attempts} times"
            if step.token and step.token != f"onb-{run.pk.hex[:12]}-{step.pk}-{step.attempts}":
                yield f"the token {step.token} is not that of the step's attempt {step.attempts}"
            if step.last_move and not step.token:
                yield f"the step {step} has a move and no token"

    def what_is_over_waits_for_nothing(self, run: Run) -> Iterator[str]:
        if run.work_items.filter(due_at__isnull=False).exclude(stage="revoked").exists():
            yield f"a run is {run.status}, and something of it is due"
        if run.steps.filter(status__in=UNSETTLED_STEP_STATUSES).exists():
            yield f"a run is {run.status}, and a step of it is open"
        if run.finished_at is None:
            yield f"a run is {run.status}, and says not since when"

    def what_is_at_work_has_something_due(self, run: Run) -> Iterator[str]:
        if not run.work_items.filter(due_at__isnull=False).exists() and not undoing.is_asked(run):
            yield f"a run is {run.status}, and nothing of it is due"

    def there_is_one_of_what_there_may_be_one_of(self, runs: list[Run]) -> Iterator[str]:
        if sum(run.status in OPEN_RUN_STATUSES for run in runs) > 1:
            yield "two runs of one account are open"
        names = [(stack.region, stack.name) for stack in self.cloud.standing()]
        if len(names) != len(set(names)):
            yield f"a stack was made twice: {sorted(names)}"

    def access_is_held_only_while_it_is_needed(self, runs: list[Run]) -> Iterator[str]:
        held = list(Grant.objects.filter(account=self.account, destroyed_at=None))
        if len(held) > 1:
            yield "two hand-overs of one account are held"
        if held and not any(run.status in _WITH_ACCESS for run in runs):
            yield f"access is held, and the account's runs are {[str(run.status) for run in runs]}"

    # --- what holds once nothing goes on by itself ------------------------------------------------

    def it_waits_for_a_person_or_is_over(self) -> None:
        run = Run.objects.filter(account=self.account).order_by("created_at").last()
        if run is None:
            return
        if WorkItem.objects.filter(run__account=self.account).exclude(holder="").exists():
            raise Violation("at rest, and a worker holds something")
        summary = AccountSummary.objects.get(pk=self.account.pk)
        waits = run.status not in {RunStatus.VERIFIED, RunStatus.CANCELLING}
        if waits and summary.blocked_on == BlockedOn.NOBODY:
            raise Violation(f"at rest, {run.status}, and nobody is named who has to do something")

    def it_is_over_and_forgotten(self) -> None:
        """After weeks in which nobody did anything."""
        if Run.objects.filter(
            account=self.account, status__in=OPEN_RUN_STATUSES - {RunStatus.DRAFT}
        ).exists():
            raise Violation("nobody has done anything for weeks, and a run is still open")
        if Grant.objects.filter(account=self.account, sealed__isnull=False).exists():
            raise Violation("nobody has done anything for weeks, and access is still held")

    def what_goes_well_the_second_time_is_not_failed(self) -> None:
        """After what failed was tried again, and all went well."""
        run = Run.objects.filter(account=self.account).order_by("created_at").last()
        again = run.steps.filter(status=StepStatus.FAILED, reason_code__in=_FAILED_AT_AWS) if run else ()
        for step in again:
            raise Violation(f"all has gone well since it was tried again, and {step}: {step.reason_code}")

    def verified_is_true(self) -> None:
        """Of a run that nobody disturbed while it was verified, nor between that and trying it again."""
        run = Run.objects.filter(account=self.account).order_by("created_at").last()
        was_tried_again = run is not None and run.events.filter(data__choice="retry_failed").exists()
        is_verified = run is not None and run.status == RunStatus.VERIFIED
        if is_verified and not was_tried_again and not self.cloud.is_right():
            stands = [(stack.region, stack.name, stack.status) for stack in self.cloud.standing()]
            raise Violation(f"verified, and the account is not as it should be: {stands}")
