"""What does AWS answer to the engine's questions, and what befalls them on the way?

Stands behind the functions of `onboarding.aws` by which the engine asks, in front of one `Cloud`. Each write
is shown to the witness before it is carried out.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from onboarding.aws import account, central, handover, roles, simulation, stacks, trails
from onboarding.aws.account import Regions
from onboarding.aws.handover import TrustReport
from onboarding.aws.session import AnsweredCall
from onboarding.engine import answers, sessions, survey, together
from onboarding.observed import AccountSurvey, Check, Identity, RegionSurvey, Role, Stack, Trail
from onboarding.states import FailureKind, Move, RegionOutcome
from tests.model.cloud import HOME, REGIONS, Cloud, failure
from tests.model.troubles import CALL, STATEMENT, Troubles
from tests.model.witness import Violation, Witness, Write


@dataclass(slots=True)
class Session:
    """Whoever asks; the worker's own identity has no key."""

    key: str = ""
    expires_at: datetime | None = None
    cloud: object = None
    clients: object = None


class Done(Future[Any]):
    """In a set it stands where its number says, and not by chance."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def __hash__(self) -> int:
        return self._number


class OneByOne(Executor):
    """Does what it is given at once on this thread, where the test's database is, and nothing beside it."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future = Done(next(self._numbers))
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - told to whoever asks for the result
            future.set_exception(error)
        return future


@dataclass
class Wire:
    cloud: Cloud
    witness: Witness
    troubles: Troubles
    # Keys whose time is over, and whether the handed-over role lets nobody in any more.
    dead_keys: set[str] = field(default_factory=set)
    role_is_gone: bool = False
    assumed: int = 0
    is_at_work: bool = False
    depth: int = 0
    # At each answer so much time has passed.
    latency: timedelta = timedelta(0)
    _has_steps: bool = False
    _has_holders: bool = False

    # --- every request and every statement --------------------------------------------------------

    def call(self, session: Session, operation: str, region: str) -> None:
        if self._is_in_transaction():
            raise Violation(f"{operation} was asked while a transaction was open")
        self.troubles.before(CALL, operation, region)
        self.cloud.clock.time += self.latency
        if session.key in self.dead_keys:
            raise failure(FailureKind.EXPIRED, "ExpiredToken", operation, region)

    def _answered(self, operation: str, region: str) -> None:
        """Every write passes here after it was carried out."""
        self.troubles.after_a_write(operation, region)
        request_id = f"request-{len(self.witness.writes)}"
        answers.listen(AnsweredCall("cloudformation", operation, region, 200, request_id))

    def statement(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """As a wrapper of the database connection: who commits what, and who comes in between."""
        if self.witness.is_asking:
            # That is no statement of a worker's: nobody comes in between.
            return execute(sql, params, many, context)
        if not self._is_in_transaction():
            self._show_what_was_committed()
            if self.is_at_work:
                self.troubles.before(STATEMENT)
        result = execute(sql, params, many, context)
        if sql.startswith(("UPDATE", "INSERT", "DELETE")):
            self.witness.has_news = True
            self._has_steps = self._has_steps or "onboarding_step" in sql
            self._has_holders = self._has_holders or "onboarding_workitem" in sql
        if not self._is_in_transaction():
            self._show_what_was_committed()
        return result

    def _show_what_was_committed(self) -> None:
        if self._has_steps:
            self._has_steps = False
            self.witness.see_what_was_committed()
        if self._has_holders:
            self._has_holders = False
            self.witness.see_who_holds_what()

    def _is_in_transaction(self) -> bool:
        return len(connection.savepoint_ids) > self.depth

    # --- CloudFormation ---------------------------------------------------------------------------

    def describe(self, session: Session, region: str, name_or_id: str) -> Stack | None:
        self.call(session, "DescribeStacks", region)
        found = self.cloud.seen(region, name_or_id)
        return replace(found, resources=None, template_body=None) if found else None

    def create(
        self, session: Session, region: str, *, stack_name: str, token: str, parameters: Mapping[str, str],
        tags: Mapping[str, str], **_rest: object,
    ) -> str:  # fmt: skip
        self.call(session, "CreateStack", region)
        self.witness.judge(Write(Move.CREATE, region, stack_name, token, tags, parameters))
        stack_id = self.cloud.create(region, stack_name, token, tags=dict(tags), parameters=dict(parameters))
        self.witness.saw_created(stack_id, token)
        if self.troubles.hides_the_next_write():
            self.cloud.hide_for_a_moment(stack_id)
        self._answered("CreateStack", region)
        return stack_id

    def update(
        self, session: Session, region: str, *, stack_name: str, token: str, parameters: Mapping[str, str],
        tags: Mapping[str, str], **_rest: object,
    ) -> bool:  # fmt: skip
        self.call(session, "UpdateStack", region)
        self.witness.judge(Write(Move.UPDATE, region, stack_name, token, tags, parameters))
        changes = self.cloud.update(region, stack_name, token, tags=dict(tags), parameters=dict(parameters))
        if changes:
            self._answered("UpdateStack", region)
        return changes

    def delete(self, session: Session, region: str, stack_id: str, token: str) -> None:
        self.call(session, "DeleteStack", region)
        self.witness.judge(Write(Move.DELETE, region, stack_id, token))
        self.cloud.delete(region, stack_id, token)
        self._answered("DeleteStack", region)

    def lift_protection(self, session: Session, region: str, stack_id: str) -> None:
        self.call(session, "UpdateTerminationProtection", region)
        token = self.witness.token_of(Move.UNPROTECT, region)
        self.witness.judge(Write(Move.UNPROTECT, region, stack_id, token))
        self.cloud.lift_protection(stack_id)
        self._answered("UpdateTerminationProtection", region)

    def resources(self, session: Session, region: str, stack_id: str) -> object:
        self.call(session, "DescribeStackResources", region)
        self.cloud.read_at[stack_id] = self.cloud.clock.now()
        found = self.cloud.find(region, stack_id)
        return (found.resources if found else None) or ()

    def template(self, session: Session, region: str, stack_id: str) -> str | None:
        self.call(session, "GetTemplate", region)
        found = self.cloud.find(region, stack_id)
        return found.template_body if found else None

    # --- the rest of the account ------------------------------------------------------------------

    def survey_account(self, session: Session, _company: object, *, now: datetime) -> AccountSurvey:
        self.call(session, "ListStacks", HOME)
        surveyed = tuple(
            RegionSurvey(
                region=region, outcome=RegionOutcome.READ, trails=self.cloud.trails(region),
                stacks=tuple(
                    replace(each, resources=each.resources or ()) for each in self.cloud.standing(region)
                ),
            )
            for region in REGIONS
        )  # fmt: skip
        old_roles = self.cloud.roles_of_old_stacks()
        self.witness.saw_account()
        return AccountSurvey(
            self.cloud.number, "the-account", now, surveyed, old_roles=old_roles, stack_roles=old_roles
        )

    def read_trails(self, session: Session, region: str) -> tuple[Trail, ...]:
        self.call(session, "DescribeTrails", region)
        return self.cloud.trails(region)

    def is_logging(self, session: Session, region: str, trail_arn: str) -> bool:
        self.call(session, "GetTrailStatus", region)
        return any(trail.arn == trail_arn and trail.is_logging for trail in self.cloud.trails(region))

    def get_role(self, session: Session, name: str, **_rest: object) -> Role | None:
        self.call(session, "GetRole", "us-east-1")
        return self.cloud.role(name)

    def roles_trusting(self, session: Session, *_: object) -> tuple[Role, ...]:
        self.call(session, "ListRoles", "us-east-1")
        return self.cloud.roles_of_old_stacks()

    def identity(self, session: Session) -> Identity:
        self.call(session, "GetCallerIdentity", "us-east-1")
        return Identity(self.cloud.number, f"arn:aws:sts::{self.cloud.number}:assumed-role/Admin/owner", "id")

    def assume_role(self, session: Session, role_arn: str, **_rest: object) -> Session:
        self.call(session, "AssumeRole", "us-east-1")
        ends = timezone.now() + timedelta(hours=1)
        if not role_arn.endswith("Handover"):
            # Narrowed from the owner's keys, and over with them; or infosec's, which no owner can end.
            return Session(session.key, ends)
        if self.role_is_gone:
            raise failure(FailureKind.DENIED, "AccessDenied", "AssumeRole", "us-east-1")
        self.assumed += 1
        return Session(f"session {self.assumed}", ends)

    def check_trust(self, *_: object) -> TrustReport:
        return TrustReport(not self.role_is_gone, wrong_refused=True, none_refused=True)

    # --- infosec's side ---------------------------------------------------------------------------

    def admit(self, session: Session, *_: object) -> tuple[Check, ...]:
        self.call(session, "PutBucketPolicy", HOME)
        self.witness.judge_admission()
        self.cloud.is_admitted = True
        self._answered("PutBucketPolicy", HOME)
        return self._checks()

    def check_admission(self, session: Session, *_: object) -> tuple[Check, ...]:
        self.call(session, "GetBucketPolicy", HOME)
        return self._checks()

    def _checks(self) -> tuple[Check, ...]:
        is_ok = self.cloud.is_admitted
        return (Check("bucket policy", is_ok=is_ok, detail="" if is_ok else "not named"),)

    # --- in place of the real one -----------------------------------------------------------------

    def end_access(self, keys: Iterable[str], *, role_goes: bool) -> None:
        """These keys and every session are over, and perhaps the role is gone that would open new ones."""
        self.dead_keys |= {*keys, *(f"session {number}" for number in range(self.assumed + 1))}
        self.role_is_gone = self.role_is_gone or role_goes

    @contextmanager
    def in_place(self, patch: pytest.MonkeyPatch) -> Iterator[None]:
        """Stand behind the functions with which the engine asks AWS, and watch the database."""
        self.depth = len(connection.savepoint_ids)
        for module, name, ours in self._functions():
            patch.setattr(module, name, ours)
        sessions.own.cache_clear()
        sessions._kept.clear()
        sessions._not_to_be_narrowed.clear()
        with connection.execute_wrapper(self.statement):
            yield

    def _functions(self) -> Iterator[tuple[object, str, object]]:
        for name in ("describe", "create", "update", "delete", "lift_protection", "resources", "template"):
            yield stacks, name, getattr(self, name)
        yield stacks, "events", lambda *_, **__: ()
        yield roles, "get_role", self.get_role
        yield roles, "roles_trusting", self.roles_trusting
        yield trails, "read_trails", self.read_trails
        yield trails, "is_logging", self.is_logging
        yield central, "storage_session", lambda *_: Session()
        yield central, "auditor_session", lambda *_: Session()
        yield central, "check_admission", self.check_admission
        yield central, "admit", self.admit
        yield account, "identity", self.identity
        yield account, "alias", lambda *_: "the-account"
        yield account, "can_use_iam", lambda *_: True
        yield account, "denial_of_everything", lambda *_: None
        yield account, "enabled_regions", lambda *_: Regions(REGIONS, (), knows_all=True)
        yield account, "is_known_in", lambda *_: True
        yield handover, "check_trust", self.check_trust
        yield simulation, "principal_arn", lambda *_: f"arn:aws:iam::{self.cloud.number}:role/Admin"
        yield simulation, "simulate", lambda *_: ()
        yield survey, "survey_account", self.survey_account
        yield together, "pool", OneByOne()
        yield sessions, "own_session", lambda *_, **__: Session()
        yield sessions, "session_from", lambda _cloud, keys, **__: Session(keys.access_key_id)
        yield sessions, "assume_role", self.assume_role
