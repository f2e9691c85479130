"""What must AWS never be asked, and what must never be stored about it?

Sees each commit and each write as it happens, and remembers what was so at that moment: the plan that was
approved when an intent was stored, the digests that an owner has really agreed to, who created a stack. What
it finds wrong it keeps, as the product may catch what is raised inside it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings

from onboarding.blueprint import BLUEPRINT_TAG, DIGEST_TAG
from onboarding.engine.claims import LEASE
from onboarding.models import AuditRecord, AwsAccount, Event, Run, Step, WorkItem
from onboarding.models.audit import AuditKind
from onboarding.observed import Stack
from onboarding.planning import Plan, PlannedStep
from onboarding.planning.questions import DELETE, LIFT, REMOVE
from onboarding.states import SETTLED_RUN_STATUSES, Move, RunStatus, StepKind, StepStatus
from tests.model.cloud import Cloud, is_busy, is_gone

_DEPLOYING = frozenset({StepKind.DEPLOY_ROLES, StepKind.DEPLOY_TRAILS})


class Violation(AssertionError):
    """What must never be has been."""


@dataclass(frozen=True)
class Write:
    move: Move
    region: str
    name_or_id: str
    token: str
    tags: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.move} of {self.name_or_id} in {self.region} ({self.token})"


@dataclass(frozen=True)
class Intent:
    """What was so when it was stored."""

    move: Move
    token: str
    step_id: int
    run: Run
    planned: PlannedStep | None
    plan: Plan


@dataclass
class Witness:
    cloud: Cloud
    account: AwsAccount | None = None
    # The plans that an owner has really agreed to, by run and digest.
    agreed: set[tuple[Any, str]] = field(default_factory=set)
    surveyed_at: datetime | None = None
    # The old stacks that the account held then.
    surveyed: frozenset[str] = frozenset()
    intents: dict[tuple[str, str], Intent] = field(default_factory=dict)
    created_by: dict[str, Intent] = field(default_factory=dict)
    admissions: int = 0
    writes: list[tuple[Write, Intent | None]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    has_news: bool = True
    # Whether what is asked of the database just now is asked by the witness.
    is_asking: bool = False
    _settled: set[int] = field(default_factory=set)
    # Each step's last move and its token, as they were stored last.
    _intended: dict[int, tuple[str, str]] = field(default_factory=dict)
    _held: dict[int, tuple[str, datetime | None, datetime | None]] = field(default_factory=dict)

    # --- what was committed -----------------------------------------------------------------------

    @contextmanager
    def asking(self) -> Iterator[None]:
        was_asking, self.is_asking = self.is_asking, True
        try:
            yield
        finally:
            self.is_asking = was_asking

    def see_what_was_committed(self) -> None:
        if self.account is not None:
            with self.asking():
                self._see_steps()

    def _see_steps(self) -> None:
        known = {token for _move, token in self.intents}
        for step in Step.objects.filter(run__account=self.account).exclude(
            pk__in=self._settled, status=StepStatus.FINISHED
        ):
            # A parent that was finished works once more when a region is tried again.
            self._settled.discard(step.pk)
            before, self._intended[step.pk] = self._intended.get(step.pk), (step.last_move, step.token)
            if before is not None and step.last_move == before[0] and step.token != before[1]:
                self._judge_new_token(step, before[1])
            if step.token and (step.last_move, step.token) not in self.intents:
                self._judge_intent(step, is_token_new=step.token not in known)
            if step.status == StepStatus.FINISHED:
                self._settled.add(step.pk)
                self._judge_finished(step)

    def see_who_holds_what(self) -> None:
        """A worker's item may be taken from it by people's acts, or when its lease has ended. What rests, or
        isn't due yet, is nobody's.
        """
        items = WorkItem.objects.filter(run__account=self.account)
        with self.asking():
            rows = list(items.values_list("pk", "holder", "lease_until", "due_at"))
        held = {item_id: (holder, lease_until, due_at) for item_id, holder, lease_until, due_at in rows}
        now = self.cloud.clock.time
        for item_id, (holder, _lease_until, _due_at) in held.items():
            before, ends, due_at = self._held.get(item_id, ("", None, now))
            if holder and before and holder != before and ends is not None and ends > now:
                self.accuse("an item was taken by a worker while the lease of another on it ran")
            if holder not in {"", before} and (due_at is None or due_at > now):
                self.accuse("an item was taken by a worker before it was due")
        self._held = held

    def _judge_new_token(self, step: Step, before: str) -> None:
        """What is asked again, as its answer was lost, is asked with the same token."""
        answers = Event.objects.filter(run_id=step.run_id, step_id=step.pk, kind="aws.write")
        if before and step.last_move and not answers.filter(data__token=before).exists():
            self.accuse(f"the intent {before} was never answered, and {step.token} took its place")

    def _judge_intent(self, step: Step, *, is_token_new: bool) -> None:
        run = Run.objects.select_related("grant").get(pk=step.run_id)
        plan = Plan.from_json(run.plan or {})
        planned = next((each for each in plan.steps if each.ordinal == step.ordinal), None)
        intent = Intent(Move(step.last_move), step.token, step.pk, run, planned, plan)
        self.intents[step.last_move, step.token] = intent
        what = f"the intent to {step.last_move} {step.target} ({step.token})"
        if not is_token_new:
            self.accuse(f"{what} has the token of another")
        if run.status != RunStatus.RUNNING:
            self.accuse(f"{what} was stored in a run that is {run.status}, and not running")
        if not run.approved_digest or not run.approved_digest == run.plan_digest == plan.digest:
            self.accuse(f"{what} was stored without an approval of the plan as it is")
        if (run.pk, run.approved_digest) not in self.agreed:
            self.accuse(f"{what} was stored for a plan that its owner never agreed to")
        if planned is None or not _is_of_the_plan(planned, step):
            self.accuse(f"{what} is for a step that is not in the plan")
        times = (run.approved_at, run.grant.handed_over_at if run.grant else None)
        if self.surveyed_at is None or any(at is not None and at > self.surveyed_at for at in times):
            self.accuse(f"{what} was stored without a look at the account since the approval or hand-over")

        # What its owner leaves there is no step, and was asked about.
        asked = {question.fields.get("stack_id") for question in plan.questions}
        unknown = self.surveyed - {each.stack_id for each in plan.steps} - asked
        if unknown and run.undoes_id is None:
            self.accuse(f"{what} was stored for a plan that knows nothing of {sorted(unknown)}")

    def _judge_finished(self, step: Step) -> None:
        """AWS is the truth: what is told as finished has been so."""
        if step.kind in _DEPLOYING and step.stack_id not in self.cloud.completed:
            self.accuse(f"{step} is told as finished, and its stack was never complete")
        if step.kind == StepKind.REMOVE_STACK and not is_gone(self.cloud.stacks.get(step.stack_id)):
            self.accuse(f"{step} is told as finished, and its stack is not gone")

    # --- what AWS is asked ------------------------------------------------------------------------

    def judge(self, write: Write) -> None:
        """Judge a write at the moment at which AWS has it."""
        with self.asking():
            self._judge(write)

    def _judge(self, write: Write) -> None:
        self.see_what_was_committed()
        intent = self.intents.get((write.move, write.token))
        self.writes.append((write, intent))
        if intent is None or intent.planned is None:
            self.accuse(f"{write} was asked without an intent stored before")
            return
        self._judge_late_request(write, intent)
        stack = self.cloud.find(write.region, write.name_or_id)
        if intent.planned.region != write.region or not self._is_covered(write, intent, stack):
            self.accuse(f"{write} is not covered by the approved plan")
        if stack is not None and is_busy(stack):
            self._judge_second_request(write, self.cloud.busy_with.get(stack.stack_id, ""), intent)

    def _judge_late_request(self, write: Write, intent: Intent) -> None:
        """Whoever stored an intent before a cancel has the time of its lease to send it."""
        run = Run.objects.get(pk=intent.run.pk)
        cancelled = (
            run.events.filter(kind="run.status", data__status=RunStatus.CANCELLING).order_by("number").last()
        )
        is_late = cancelled is not None and cancelled.at + LEASE < self.cloud.clock.time
        if run.status in SETTLED_RUN_STATUSES and not is_late:
            self.accuse(f"{write} was asked, and the run was told as over: {run.status}")

    def _judge_second_request(self, write: Write, before: str, intent: Intent) -> None:
        other = next((each for (_move, token), each in self.intents.items() if token == before), None)
        if before != write.token and other is not None and other.step_id == intent.step_id:
            self.accuse(f"{write} is a second request of a step whose first is under way: {before}")

    def _is_covered(self, write: Write, intent: Intent, stack: Stack | None) -> bool:
        planned = intent.planned
        assert planned is not None
        match planned.kind, write.move:
            case StepKind.REMOVE_STACK, (Move.DELETE | Move.UNPROTECT):
                if stack is None or planned.stack_id != stack.stack_id:
                    return False
                return self._may_be_removed(write, intent, stack)
            case ((StepKind.DEPLOY_ROLES | StepKind.DEPLOY_TRAILS), Move.CREATE):
                return write.name_or_id == planned.target and _is_as_planned(write, intent.plan, planned)
            case ((StepKind.DEPLOY_ROLES | StepKind.DEPLOY_TRAILS), Move.UPDATE):
                is_ours = stack is not None and stack.name == planned.target and BLUEPRINT_TAG in stack.tags
                return is_ours and _is_as_planned(write, intent.plan, planned)
            case ((StepKind.DEPLOY_ROLES | StepKind.DEPLOY_TRAILS), Move.DELETE):
                return stack is None or self._may_be_cleared(stack, intent)
            case _:
                return False

    def _may_be_removed(self, write: Write, intent: Intent, stack: Stack) -> bool:
        if intent.run.undoes_id is not None:
            made = self.created_by.get(stack.stack_id)
            return made is not None and made.run.pk == intent.run.undoes_id
        allowed = _allowed(intent.plan, stack)
        if write.move == Move.UNPROTECT:
            return LIFT in allowed
        changed, read = (at.get(stack.stack_id) for at in (self.cloud.changed_at, self.cloud.read_at))
        if changed is not None and read is not None and changed > read:
            # Changed behind the back of whoever has just read it: that is not to be noticed.
            return True
        kinds = [resource.type for resource in stack.resources or ()]
        holds_old_role = "AWS::IAM::Role" in kinds
        return holds_old_role and (len(kinds) == 1 or REMOVE in allowed)

    def _may_be_cleared(self, stack: Stack, intent: Intent) -> bool:
        """A dead stack that holds a name goes when this run made it, or its owner said so."""
        made = self.created_by.get(stack.stack_id)
        return (made is not None and made.run.pk == intent.run.pk) or DELETE in _allowed(intent.plan, stack)

    def judge_admission(self) -> None:
        with self.asking():
            self._judge_admission()

    def _judge_admission(self) -> None:
        self.see_what_was_committed()
        assert self.account is not None
        run = Run.objects.filter(account=self.account).latest("created_at")
        step = run.steps.filter(kind=StepKind.ADMIT_ACCOUNT).first()
        recorded = AuditRecord.objects.filter(run_id=run.pk, kind=AuditKind.AWS_INTENDED)
        again = sum(str(record.details).count("-admitted-again") for record in recorded)
        is_first = step is not None and (step.last_move, step.token) in self.intents
        if not run.approved_at or not (is_first or again > self.admissions):
            self.accuse("the account was admitted without an approval or an intent")
        self.admissions += 0 if is_first else 1

    def saw_account(self) -> None:
        self.surveyed_at = self.cloud.clock.now()
        self.surveyed = frozenset(
            stack.stack_id
            for stack in self.cloud.old_stacks()
            if any(resource.type == "AWS::IAM::Role" for resource in stack.resources or ())
        )

    # --- what is remembered -----------------------------------------------------------------------

    def saw_created(self, stack_id: str, token: str) -> None:
        intent = self.intents.get((Move.CREATE, token))
        if intent is not None:
            self.created_by.setdefault(stack_id, intent)

    def token_of(self, move: Move, region: str) -> str:
        """The token of the intent that is stored now; some of AWS's requests carry none."""
        with self.asking():
            self.see_what_was_committed()
            stored = Step.objects.filter(run__account=self.account, last_move=move, region=region)
            return stored.values_list("token", flat=True).first() or ""

    def in_flight(self, run: Run) -> list[str]:
        """What the run has asked for and AWS is at work on, by the tokens."""
        at_work = {self.cloud.busy_with.get(stack.stack_id, "") for stack in self.cloud.busy()}
        return [step.token for step in run.steps.filter(status=StepStatus.WORKING) if step.token in at_work]

    def accuse(self, what: str) -> None:
        self.violations.append(what)


def _is_of_the_plan(planned: PlannedStep, step: Step) -> bool:
    same = (planned.kind, planned.region, planned.target) == (step.kind, step.region, step.target)
    return same and not planned.refused


def _is_as_planned(write: Write, plan: Plan, planned: PlannedStep) -> bool:
    """What is sent is the approved template, for the approved regions."""
    if write.tags.get(DIGEST_TAG) != planned.template_digest:
        return False
    if planned.target != settings.COMPANY.trails.parent_stack_name:
        return True
    return write.parameters["Regions"] == ",".join(plan.regions)


def _allowed(plan: Plan, stack: Stack) -> set[str]:
    """What the owner has allowed about this very stack, beyond the safe answers."""
    return {
        plan.answers[question.key]
        for question in plan.consented
        if question.fields.get("stack_id") == stack.stack_id
    }
