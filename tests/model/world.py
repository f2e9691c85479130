"""An AWS in memory, behind the functions of `onboarding.aws`: one account, two regions, much that may fail.

It answers as AWS does where the engine depends on it: a token asked again is the same request, a taken
name is a conflict, a busy stack can't be changed. And it is a witness: what is asked of it is judged at
that moment, by what the database says then.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from onboarding.aws import account, central, handover, roles, simulation, stacks, trails
from onboarding.aws.account import Regions
from onboarding.aws.errors import AwsFailure
from onboarding.aws.handover import TrustReport
from onboarding.aws.session import AnsweredCall
from onboarding.blueprint import BLUEPRINT_TAG, DIGEST_TAG, build_blueprint
from onboarding.decisions import condition
from onboarding.engine import answers, sessions, survey, together
from onboarding.engine.verification import AUDIT_ROLE, RESPONSE_ROLE, SECURITY_AUDIT_POLICY
from onboarding.models import Event, Run, Step
from onboarding.observed import (
    AccountSurvey,
    Check,
    Failure,
    Identity,
    RegionSurvey,
    Role,
    Stack,
    Trail,
)
from onboarding.planning import Plan
from onboarding.states import Condition, FailureKind, Move, RegionOutcome, RunStatus, StepKind
from tests.surveys import OLD_ROLE, old_template

REGIONS = ("eu-west-1", "us-west-2")
HOME = "us-west-2"


class WorkerDied(BaseException):
    """As SIGKILL ends a worker: nothing of ours may catch it."""


class Violation(AssertionError):
    """AWS was asked what it must never be asked."""


@dataclass(slots=True)
class Session:
    """Whoever asks; the worker's own identity has no key."""

    key: str = ""
    expires_at: datetime | None = None
    cloud: object = None
    clients: object = None


@dataclass(slots=True)
class Sabotage:
    """What goes wrong at the `at`-th call from now: a death, a refusal, or somebody who acts in between."""

    at: int
    how: str
    act: Callable[[], None] | None = None


class OneByOne(Executor):
    """Does what it is given at once, and nothing beside it."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - told to whoever asks for the result
            future.set_exception(error)
        return future


@dataclass(slots=True)
class World:
    number: str
    stacks: dict[str, Stack] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    busy_with: dict[str, str] = field(default_factory=dict)
    dead_keys: set[str] = field(default_factory=set)
    is_admitted: bool = False
    sabotage: list[Sabotage] = field(default_factory=list)
    # Called at each answer, as time passes until it comes.
    waits: Callable[[], None] = lambda: None
    # Readers lag behind writers: so many looks don't see these yet.
    unseen: dict[str, int] = field(default_factory=dict)
    writes: list[tuple[str, str, str]] = field(default_factory=list)
    made: int = 0
    depth: int = 0

    # --- what may go wrong ------------------------------------------------------------------------

    def call(self, session: Session, operation: str, region: str) -> None:
        """Every call passes here before it is carried out."""
        if len(connection.savepoint_ids) > self.depth:
            raise Violation(f"{operation} was asked while a transaction was open")
        for each in list(self.sabotage):
            each.at -= 1
            if each.at >= 0:
                continue
            if each.how == "act" and each.act is not None:
                self.sabotage.remove(each)
                each.act()
            elif each.how == "dies before":
                self.sabotage.remove(each)
                raise WorkerDied
            elif each.how in _REFUSALS:
                self.sabotage.remove(each)
                raise _failure(_REFUSALS[each.how], each.how, operation, region)
        self.waits()
        if session.key in self.dead_keys:
            raise _failure(FailureKind.EXPIRED, "ExpiredToken", operation, region)

    def carried_out(self, operation: str, region: str) -> None:
        """Every write passes here after it was carried out: its answer may get lost, or whoever waits for
        it.
        """
        for each in list(self.sabotage):
            if each.at >= 0 or each.how not in {"dies after", "answer lost"}:
                continue
            self.sabotage.remove(each)
            if each.how == "dies after":
                raise WorkerDied
            raise _failure(FailureKind.UNREACHABLE, "ReadTimeoutError", operation, region)
        self.made += 1
        answers.listen(
            AnsweredCall(
                "cloudformation", operation, region, http_status=200, request_id=f"request-{self.made}"
            )
        )

    # --- what must never be asked -----------------------------------------------------------------

    def witness(self, move: Move, region: str, stack: Stack | None, name: str, token: str) -> None:
        """Judge a write, at the moment at which AWS has it."""
        self.writes.append((move, name, token))
        step = Step.objects.select_related("run").filter(pk=int(token.split("-")[2])).first()
        if step is None or step.run.account.number != self.number:
            raise Violation(f"{move} of {name} with a token of no step: {token}")
        run = step.run
        if not run.approved_digest or run.approved_digest != run.plan_digest:
            raise Violation(f"{move} of {name} without a matching approval")
        if (step.token, step.last_move) != (token, move):
            raise Violation(f"{move} of {name} without its intent: {step.last_move} {step.token} is stored")
        plan = Plan.from_json(run.plan or {})
        if not any(_is_covered(planned, step, move, region, name) for planned in plan.steps):
            raise Violation(f"{move} of {name} in {region} is in no approved plan")
        if stack is not None and condition(stack.status) == Condition.BUSY:
            before = self.busy_with.get(stack.stack_id, "")
            if before != token and before.split("-")[:3] == token.split("-")[:3]:
                raise Violation(f"two live requests of one step: {before} and {token}")
        self.witness_intent(run, token)

    def witness_intent(self, run: Run, token: str) -> None:
        """Once cancelled, only an intent that was stored before may still be sent."""
        if run.status not in {RunStatus.CANCELLING, RunStatus.CANCELLED}:
            return
        cancelled = Event.objects.filter(run=run, kind="run.status", data__status="cancelling").first()
        begun = Event.objects.filter(run=run, kind="step.status", step_id=int(token.split("-")[2]))
        if cancelled is not None and not begun.filter(number__lt=cancelled.number).exists():
            raise Violation(f"an intent was stored after the run was cancelled: {token}")

    # --- how time passes in AWS -------------------------------------------------------------------

    def settle(self, *, goes_well: bool) -> None:
        """What CloudFormation is at ends, well or not."""
        for stack in list(self.stacks.values()):
            if condition(stack.status) != Condition.BUSY:
                continue
            began = stack.status.partition("_")[0]
            ended = {
                ("CREATE", True): "CREATE_COMPLETE", ("CREATE", False): "ROLLBACK_COMPLETE",
                ("UPDATE", True): "UPDATE_COMPLETE", ("UPDATE", False): "UPDATE_ROLLBACK_COMPLETE",
                ("DELETE", True): "DELETE_COMPLETE", ("DELETE", False): "DELETE_FAILED",
            }[began, goes_well]  # fmt: skip
            self._ended(stack, ended)

    def _ended(self, stack: Stack, status: str) -> None:
        company = settings.COMPANY
        outputs: Mapping[str, str] = stack.outputs
        if stack.name == company.roles.stack_name and status.endswith("E_COMPLETE"):
            outputs = {
                AUDIT_ROLE: f"arn:aws:iam::{self.number}:role/audit",
                RESPONSE_ROLE: f"arn:aws:iam::{self.number}:role/response",
            }
        self.stacks[stack.stack_id] = replace(stack, status=status, outputs=outputs)
        if stack.name == company.trails.parent_stack_name and status in {
            "CREATE_COMPLETE",
            "UPDATE_COMPLETE",
        }:
            for region in stack.parameters.get("Regions", "").split(","):
                self._install(region)

    def _install(self, region: str) -> None:
        name = settings.COMPANY.trails.regional_stack_name
        if self.find(region, name) is not None:
            return
        plan = build_blueprint(settings.COMPANY)
        storage = settings.COMPANY.storage
        self._put(
            Stack(
                stack_id=self._new_id(region, name), name=name, region=region, status="CREATE_COMPLETE",
                tags={BLUEPRINT_TAG: "regional_trail", DIGEST_TAG: plan.regional_template.digest},
                parameters={"BucketName": storage.bucket, "TopicArn": storage.topic_arn},
            )
        )  # fmt: skip

    def find(self, region: str, name_or_id: str) -> Stack | None:
        """By id whatever it is; by name what isn't deleted."""
        if name_or_id in self.stacks:
            return self.stacks[name_or_id]
        return next(
            (
                stack
                for stack in self.stacks.values()
                if (stack.region, stack.name) == (region, name_or_id) and stack.status != "DELETE_COMPLETE"
            ),
            None,
        )

    def meddle(self) -> None:
        """Take away the first stack there is and at rest, or bring an old one."""
        for stack in self.stacks.values():
            if condition(stack.status) == Condition.LIVE:
                self.stacks[stack.stack_id] = replace(stack, status="DELETE_COMPLETE", outputs={})
                return
        if self.find("eu-west-1", "opsec-old") is None:
            self.bring_old_stack()

    def bring_old_stack(self) -> None:
        stack = Stack(
            stack_id=self._new_id("eu-west-1", "opsec-old"), name="opsec-old", region="eu-west-1",
            status="CREATE_COMPLETE", description="OpSec Security Audit Role", resources=(OLD_ROLE,),
            template_body=old_template(),
        )  # fmt: skip
        self._put(stack)

    def _put(self, stack: Stack) -> None:
        self.stacks[stack.stack_id] = stack

    def _new_id(self, region: str, name: str) -> str:
        self.made += 1
        return f"arn:aws:cloudformation:{region}:{self.number}:stack/{name}/{self.made}"

    # --- onboarding.aws ---------------------------------------------------------------------------

    def describe(self, session: Session, region: str, name_or_id: str) -> Stack | None:
        self.call(session, "DescribeStacks", region)
        found = self.find(region, name_or_id)
        if found is not None and self.unseen.get(found.stack_id, 0) > 0:
            self.unseen[found.stack_id] -= 1
            return None
        return replace(found, resources=None, template_body=None) if found else None

    def create(
        self, session: Session, region: str, *, stack_name: str, token: str, parameters: Mapping[str, str],
        tags: Mapping[str, str], **_rest: object,
    ) -> str:  # fmt: skip
        self.call(session, "CreateStack", region)
        found = self.find(region, stack_name)
        self.witness(Move.CREATE, region, found, stack_name, token)
        if token in self.tokens:
            self.carried_out("CreateStack", region)
            return self.tokens[token]
        if found is not None:
            raise _failure(FailureKind.CONFLICT, "AlreadyExistsException", "CreateStack", region)
        stack_id = self._new_id(region, stack_name)
        self._put(
            Stack(
                stack_id,
                stack_name,
                region,
                "CREATE_IN_PROGRESS",
                tags=dict(tags),
                parameters=dict(parameters),
            )
        )
        self.tokens[token] = stack_id
        self.busy_with[stack_id] = token
        if any(each.how == "answer lost" for each in self.sabotage):
            self.unseen[stack_id] = 1
        self.carried_out("CreateStack", region)
        return stack_id

    def update(
        self, session: Session, region: str, *, stack_name: str, token: str, parameters: Mapping[str, str],
        tags: Mapping[str, str], **_rest: object,
    ) -> bool:  # fmt: skip
        self.call(session, "UpdateStack", region)
        found = self.find(region, stack_name)
        self.witness(Move.UPDATE, region, found, found.name if found else stack_name, token)
        if token in self.tokens:
            self.carried_out("UpdateStack", region)
            return True
        if found is None or condition(found.status) not in {
            Condition.LIVE,
            Condition.LIVE_AFTER_FAILED_UPDATE,
        }:
            raise _failure(FailureKind.CONFLICT, "ValidationError", "UpdateStack", region)
        if (dict(found.tags), dict(found.parameters)) == (dict(tags), dict(parameters)):
            return False
        self._put(replace(found, status="UPDATE_IN_PROGRESS", tags=dict(tags), parameters=dict(parameters)))
        self.tokens[token] = found.stack_id
        self.busy_with[found.stack_id] = token
        self.carried_out("UpdateStack", region)
        return True

    def delete(self, session: Session, region: str, stack_id: str, token: str) -> None:
        self.call(session, "DeleteStack", region)
        found = self.find(region, stack_id)
        self.witness(Move.DELETE, region, found, found.name if found else stack_id, token)
        if found is not None and found.status != "DELETE_COMPLETE" and token not in self.tokens:
            self._put(replace(found, status="DELETE_IN_PROGRESS"))
            self.tokens[token] = stack_id
            self.busy_with[stack_id] = token
        self.carried_out("DeleteStack", region)

    def admit(self, session: Session, *_: object) -> tuple[Check, ...]:
        self.call(session, "PutBucketPolicy", HOME)
        run = Run.objects.filter(account__number=self.number).latest("created_at")
        step = run.steps.get(kind=StepKind.ADMIT_ACCOUNT)
        if not run.approved_digest or step.last_move != Move.UPDATE:
            raise Violation("the account was admitted without an approval or an intent")
        self.witness_intent(run, step.token)
        self.writes.append(("admit", self.number, step.token))
        self.is_admitted = True
        self.carried_out("PutBucketPolicy", HOME)
        return self._checks()

    def check_admission(self, session: Session, *_: object) -> tuple[Check, ...]:
        self.call(session, "GetBucketPolicy", HOME)
        return self._checks()

    def _checks(self) -> tuple[Check, ...]:
        return (
            Check("bucket policy", is_ok=self.is_admitted, detail="" if self.is_admitted else "not named"),
        )

    def survey_account(self, session: Session, _company: object, *, now: datetime) -> AccountSurvey:
        self.call(session, "ListStacks", HOME)
        surveyed = [
            RegionSurvey(
                region=region, outcome=RegionOutcome.READ,
                stacks=tuple(
                    replace(stack, resources=stack.resources or ())
                    for stack in self.stacks.values()
                    if stack.region == region and stack.status != "DELETE_COMPLETE"
                ),
                trails=self._trails(region),
            )
            for region in REGIONS
        ]  # fmt: skip
        return AccountSurvey(self.number, "the-account", now, tuple(surveyed), old_roles=())

    def _trails(self, region: str) -> tuple[Trail, ...]:
        stack = self.find(region, settings.COMPANY.trails.regional_stack_name)
        if stack is None:
            return ()
        storage = settings.COMPANY.storage
        return (
            Trail(
                arn=f"arn:aws:cloudtrail:{region}:{self.number}:trail/ours", name="ours", region=region,
                home_region=region, bucket=storage.bucket, topic_arn=storage.topic_arn, is_logging=True,
                latest_delivery_at=timezone.now(),
            ),
        )  # fmt: skip

    def read_trails(self, session: Session, region: str) -> tuple[Trail, ...]:
        self.call(session, "DescribeTrails", region)
        return self._trails(region)

    def get_role(self, session: Session, name: str, **_rest: object) -> Role | None:
        self.call(session, "GetRole", "us-east-1")
        company = settings.COMPANY.roles
        stack = self.find(HOME, company.stack_name)
        if name not in {"audit", "response"} or stack is None or not stack.outputs:
            return None
        principal, policies = (
            (company.security_audit_principal_arn, (SECURITY_AUDIT_POLICY,))
            if name == "audit"
            else (company.incident_response_principal_arn, company.incident_response_policy_arns)
        )
        return Role(f"arn:aws:iam::{self.number}:role/{name}", name, (principal,), tuple(policies))

    def identity(self, session: Session) -> Identity:
        self.call(session, "GetCallerIdentity", "us-east-1")
        return Identity(self.number, f"arn:aws:sts::{self.number}:assumed-role/Admin/owner", "id")

    def assume_role(self, session: Session, role_arn: str, **_rest: object) -> Session:
        self.call(session, "AssumeRole", "us-east-1")
        return Session(session.key or f"role of {role_arn}", timezone.now() + timedelta(hours=1))

    def behind(self, patch: pytest.MonkeyPatch) -> None:
        """Put this world behind the functions with which the engine asks AWS."""
        self.depth = len(connection.savepoint_ids)
        nothing: Any = lambda *_, **__: None  # noqa: E731 - said once
        for name in ("describe", "create", "update", "delete"):
            patch.setattr(stacks, name, getattr(self, name))
        patch.setattr(stacks, "events", lambda *_, **__: ())
        patch.setattr(stacks, "resources", self._resources)
        patch.setattr(
            stacks, "template", lambda _session, region, name: self._field(region, name, "template_body")
        )
        patch.setattr(roles, "get_role", self.get_role)
        patch.setattr(roles, "roles_trusting", lambda *_: ())
        patch.setattr(trails, "read_trails", self.read_trails)
        patch.setattr(central, "storage_session", lambda *_: Session())
        patch.setattr(central, "auditor_session", lambda *_: Session())
        patch.setattr(central, "check_admission", self.check_admission)
        patch.setattr(central, "admit", self.admit)
        patch.setattr(account, "identity", self.identity)
        patch.setattr(account, "alias", lambda *_: "the-account")
        patch.setattr(account, "can_use_iam", lambda *_: True)
        patch.setattr(account, "denial_of_everything", nothing)
        patch.setattr(account, "enabled_regions", lambda *_: Regions(REGIONS, (), knows_all=True))
        patch.setattr(account, "is_known_in", lambda *_: True)
        patch.setattr(handover, "check_trust", lambda *_: TrustReport(True, True, True))
        patch.setattr(simulation, "principal_arn", lambda *_: f"arn:aws:iam::{self.number}:role/Admin")
        patch.setattr(simulation, "simulate", lambda *_: ())
        patch.setattr(survey, "survey_account", self.survey_account)
        patch.setattr(sessions, "own_session", lambda *_, **__: Session())
        patch.setattr(sessions, "session_from", lambda _cloud, keys, **__: Session(keys.access_key_id))
        patch.setattr(sessions, "assume_role", self.assume_role)
        patch.setattr(Session, "close", nothing, raising=False)
        # On this thread, where the test's database is and trouble may come between any two calls.
        patch.setattr(together, "pool", OneByOne())
        sessions.own.cache_clear()
        sessions._kept.clear()
        sessions._not_to_be_narrowed.clear()

    def _resources(self, _session: Session, region: str, name: str) -> object:
        return self._field(region, name, "resources") or ()

    def _field(self, region: str, name: str, wanted: str) -> object:
        found = self.find(region, name)
        return getattr(found, wanted) if found else None


_REFUSALS = {
    "throttled": FailureKind.THROTTLED,
    "unreachable": FailureKind.UNREACHABLE,
    "expired": FailureKind.EXPIRED,
    "denied": FailureKind.DENIED,
    "skewed": FailureKind.CLOCK_SKEW,
}
HOWS = (*_REFUSALS, "dies before", "dies after", "answer lost")


def _failure(kind: FailureKind, code: str, operation: str, region: str) -> AwsFailure:
    return AwsFailure(
        Failure(kind, code, "as it was told to", "cloudformation", operation, region, "request-x")
    )


def _is_covered(planned: Any, step: Step, move: Move, region: str, name: str) -> bool:
    if planned.refused or (planned.kind, planned.region, region) != (step.kind, step.region, step.region):
        return False
    if planned.kind == StepKind.REMOVE_STACK:
        return move == Move.DELETE and f":stack/{name}/" in planned.stack_id
    return planned.kind in {StepKind.DEPLOY_ROLES, StepKind.DEPLOY_TRAILS} and name == planned.target
