"""What does the account hold, region by region?

All regions at the same time, each within its own time: one that is slow, closed or broken never fails the
others, and one that isn't enabled is never called.
"""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from onboarding.aws import account, roles, stacks, trails
from onboarding.aws.errors import AwsFailure, ask, collect
from onboarding.aws.session import AwsSession
from onboarding.company import Company
from onboarding.observed import DEFAULT_REGIONS, AccountSurvey, Failure, RegionSurvey, Role, Stack, Trail
from onboarding.states import FailureKind, RegionOutcome

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.literals import StackStatusType

T = TypeVar("T")

REGIONS_AT_ONCE = 34

# No call is started after this; the last one may still take its own time-out (see `session`).
REGION_SECONDS = 25.0
# So often a region is read that throttles, breaks off or answers nonsense, beside botocore's own attempts.
READS = 3
# A region that hasn't answered by then is reported as unreachable, and its thread left to its time-outs.
SURVEY_SECONDS = 40.0
SEARCH_SECONDS = 10.0

# So much of its stack's name at least is kept in a resource's generated name.
_NAME_KEPT = 20

_CREDENTIALS = frozenset({FailureKind.EXPIRED, FailureKind.INVALID_CREDENTIALS})
_DENIALS = frozenset({FailureKind.DENIED, FailureKind.DENIED_BY_ORGANIZATION, FailureKind.ACCOUNT_INACTIVE})

# Every status but DELETE_COMPLETE: what is gone is of no interest.
_EXISTING: "tuple[StackStatusType, ...]" = (
    "CREATE_COMPLETE",
    "CREATE_FAILED",
    "CREATE_IN_PROGRESS",
    "DELETE_FAILED",
    "DELETE_IN_PROGRESS",
    "IMPORT_COMPLETE",
    "IMPORT_IN_PROGRESS",
    "IMPORT_ROLLBACK_COMPLETE",
    "IMPORT_ROLLBACK_FAILED",
    "IMPORT_ROLLBACK_IN_PROGRESS",
    "REVIEW_IN_PROGRESS",
    "ROLLBACK_COMPLETE",
    "ROLLBACK_FAILED",
    "ROLLBACK_IN_PROGRESS",
    "UPDATE_COMPLETE",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_FAILED",
    "UPDATE_IN_PROGRESS",
    "UPDATE_ROLLBACK_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_ROLLBACK_FAILED",
    "UPDATE_ROLLBACK_IN_PROGRESS",
)


@dataclass(frozen=True, slots=True)
class _Deadline:
    """Until when calls may be started, on the monotonic clock."""

    ends_at: float

    @classmethod
    def after(cls, seconds: float) -> "_Deadline":
        return cls(time.monotonic() + seconds)

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self.ends_at

    def check(self, region: str) -> None:
        if self.is_over:
            raise AwsFailure(_too_slow(region))


def survey_account(session: AwsSession, company: Company, *, now: datetime) -> AccountSurvey:
    """Everything that matters for this company, in every enabled region.

    Raises AwsFailure only when the credentials themselves no longer work.
    """
    who = account.identity(session)
    regions = account.enabled_regions(session)
    # What is asked of the account as a whole needn't wait for its regions.
    pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="account")
    trusting = pool.submit(
        _optional, lambda: roles.roles_trusting(session, company.old.trusted_principal_arns)
    )
    alias = pool.submit(_optional, lambda: account.alias(session))
    pool.shutdown(wait=False)
    surveys = _each_region(
        regions.enabled, lambda region: survey_region(session, company, region), _unreachable, SURVEY_SECONDS
    )
    if any(survey.failure and survey.failure.kind in _CREDENTIALS for survey in surveys.values()):
        # One region's word is not enough to call the credentials bad: ask the one that needs no permission.
        account.identity(session)
    old_roles = trusting.result()
    for stack in _stacks_owning(session, old_roles or (), surveys.values()):
        surveys[stack.region] = _with_stack(surveys[stack.region], stack)
    for region in regions.not_enabled:
        surveys[region] = RegionSurvey(region=region, outcome=RegionOutcome.NOT_ENABLED)
    return AccountSurvey(
        account=who.account,
        alias=alias.result() or "",
        taken_at=now,
        regions=tuple(surveys[region] for region in sorted(surveys)),
        old_roles=old_roles,
        stack_roles=_roles_of_old_stacks(session, company, surveys.values()),
        knows_all_regions=regions.knows_all,
    )


def _roles_of_old_stacks(
    session: AwsSession, company: Company, surveys: Iterable[RegionSurvey]
) -> tuple[Role, ...]:
    """The roles of stacks that may be old ones, with whatever was attached to them by hand."""
    names = {
        resource.physical_id
        for survey in surveys
        for stack in survey.stacks
        for resource in stack.resources or ()
        if resource.type == "AWS::IAM::Role"
        and resource.logical_id in company.old.role_logical_ids
        and resource.physical_id
    }
    found = (_optional(partial(roles.get_role, session, name, with_profiles=True)) for name in sorted(names))
    return tuple(role for role in found if role is not None)


def survey_region(session: AwsSession, company: Company, region: str) -> RegionSurvey:
    """What one region holds for this company: its candidate stacks and its trails. Never raises.

    A region that is left out changes the plan, so what may pass by itself is tried again, within its time.
    """
    deadline = _Deadline.after(REGION_SECONDS)
    surveyed = _survey_once(session, company, region, deadline)
    for _again in range(READS - 1):
        if surveyed.outcome != RegionOutcome.UNREACHABLE or deadline.is_over:
            break
        surveyed = _survey_once(session, company, region, deadline)
    return surveyed


def _survey_once(session: AwsSession, company: Company, region: str, deadline: _Deadline) -> RegionSurvey:
    try:
        candidates = _candidates(session, company, region)
        found = []
        for stack in candidates:
            deadline.check(region)
            found.append(_in_full(session, stack, with_template=_may_be_old(company, stack)))
        deadline.check(region)
        seen_trails = trails.read_trails(session, region)
    except AwsFailure as refusal:
        return _unreadable(region, refusal.failure)
    return RegionSurvey(
        region=region,
        outcome=RegionOutcome.READ,
        stacks=tuple(stack for stack in found if stack is not None),
        trails=tuple(_with_owner(session, company, trail) for trail in seen_trails),
    )


def _with_owner(session: AwsSession, company: Company, trail: Trail) -> Trail:
    """The trail with the stack that made it, where it is the owner's: such a stack would change it back."""
    if trail.is_shadow or trail.is_organization or trail.bucket == company.storage.bucket:
        return trail
    return replace(trail, owning_stack=trails.owning_stack(session, trail))


def _candidates(session: AwsSession, company: Company, region: str) -> list[Stack]:
    """The existing stacks that may be old or ours, by name or description, as their listing shows them."""
    ours = {company.roles.stack_name, company.trails.parent_stack_name, company.trails.regional_stack_name}
    listed = _listed(session, region)
    if listed and not any(stack.description for stack in listed):
        listed = _optional(lambda: _described(session, region, listed)) or listed
    return [stack for stack in listed if stack.name in ours or _may_be_old(company, stack)]


def _listed(session: AwsSession, region: str) -> list[Stack]:
    """Every existing stack of the region, with what its listing tells."""
    client = session.client("cloudformation", region)
    pages = collect(client, client.get_paginator("list_stacks").paginate(StackStatusFilter=list(_EXISTING)))
    return [
        Stack(
            stack_id=summary.get("StackId", ""),
            name=summary["StackName"],
            region=region,
            status=summary["StackStatus"],
            description=summary.get("TemplateDescription", ""),
            parent_id=summary.get("ParentId", ""),
            root_id=summary.get("RootId", ""),
        )
        for page in pages
        for summary in page["StackSummaries"]
        if summary["StackStatus"] != "DELETE_COMPLETE"
    ]


def _described(session: AwsSession, region: str, listed: list[Stack]) -> list[Stack]:
    """The stacks with their descriptions, which not every endpoint tells in its listing."""
    client = session.client("cloudformation", region)
    pages = collect(client, client.get_paginator("describe_stacks").paginate())
    told = {found["StackName"]: found.get("Description", "") for page in pages for found in page["Stacks"]}
    return [replace(stack, description=told.get(stack.name, "")) for stack in listed]


def _may_be_old(company: Company, stack: Stack) -> bool:
    return stack.name in company.old.stack_names or stack.description.strip() in company.old.descriptions


def _in_full(session: AwsSession, listed: Stack, *, with_template: bool) -> Stack | None:
    """The stack with tags, parameters, outputs and resources; None when it went meanwhile."""
    stack = stacks.describe(session, listed.region, listed.stack_id or listed.name)
    if stack is None or stack.status == "DELETE_COMPLETE":
        return None
    return replace(
        stack,
        # Some endpoints tell these in one of the two answers only.
        description=stack.description or listed.description,
        parent_id=stack.parent_id or listed.parent_id,
        root_id=stack.root_id or listed.root_id,
        resources=stacks.resources(session, stack.region, stack.stack_id),
        template_body=stacks.template(session, stack.region, stack.stack_id) if with_template else None,
    )


def _stacks_owning(
    session: AwsSession, old_roles: Iterable[Role], surveys: Iterable[RegionSurvey]
) -> list[Stack]:
    """The stacks that made these roles, where name and description gave no hint of it.

    The role is global and its stack is not: each region that could be read is asked.
    """
    read = [survey for survey in surveys if survey.outcome == RegionOutcome.READ]
    known = {each.physical_id for survey in read for stack in survey.stacks for each in stack.resources or ()}
    unexplained = [role.name for role in old_roles if role.name not in known]
    if not unexplained or not read:
        return []

    def search(region: str) -> list[Stack]:
        deadline = _Deadline.after(SEARCH_SECONDS / 2)
        found = []
        for name in unexplained:
            deadline.check(region)
            if stack := _stack_owning(session, region, name):
                found.append(stack)
        return found

    def nothing(_region: str, _failure: Failure) -> list[Stack]:
        return []

    by_region = _each_region([survey.region for survey in read], search, nothing, SEARCH_SECONDS)
    unique = {stack.stack_id: stack for found in by_region.values() for stack in found}
    return list(unique.values())


def _stack_owning(session: AwsSession, region: str, role_name: str) -> Stack | None:
    """The stack of this region that made the role; None too where it can't be told: the role is reported."""
    client = session.client("cloudformation", region)
    try:
        answer = ask(client.describe_stack_resources, PhysicalResourceId=role_name)
    except AwsFailure:
        return _optional(lambda: _stack_named_like(session, region, role_name))
    for resource in answer.get("StackResources", []):
        # An endpoint that ignores the parameter would name any stack at all.
        if resource.get("PhysicalResourceId") == role_name and resource["ResourceType"] == "AWS::IAM::Role":
            stack_id, name = resource.get("StackId", ""), resource.get("StackName", "")
            listed = Stack(stack_id=stack_id, name=name, region=region, status="")
            return _in_full(session, listed, with_template=True)
    return None


def _stack_named_like(session: AwsSession, region: str, role_name: str) -> Stack | None:
    """The same by names, for endpoints that don't know a resource's stack: roles are named after theirs."""
    for listed in _listed(session, region):
        if not role_name.startswith(listed.name[:_NAME_KEPT]):
            continue
        stack = _in_full(session, listed, with_template=True)
        if stack and any(resource.physical_id == role_name for resource in stack.resources or ()):
            return stack
    return None


def _with_stack(survey: RegionSurvey, stack: Stack) -> RegionSurvey:
    if any(known.stack_id == stack.stack_id for known in survey.stacks):
        return survey
    return replace(survey, stacks=(*survey.stacks, stack))


def _each_region(
    regions: Iterable[str], work: Callable[[str], T], failed: Callable[[str, Failure], T], seconds: float
) -> dict[str, T]:
    """`work` in all regions at once; `failed` stands in for whatever raised AwsFailure or took longer."""
    pool = ThreadPoolExecutor(max_workers=REGIONS_AT_ONCE, thread_name_prefix="region")
    futures = {region: pool.submit(work, region) for region in regions}
    wait(futures.values(), timeout=seconds)
    pool.shutdown(wait=False, cancel_futures=True)
    return {region: _outcome(region, future, failed) for region, future in futures.items()}


def _outcome(region: str, future: "Future[T]", failed: Callable[[str, Failure], T]) -> T:
    if not future.done() or future.cancelled():
        return failed(region, _too_slow(region))
    try:
        return future.result()
    except AwsFailure as refusal:
        return failed(region, refusal.failure)


def _unreadable(region: str, failure: Failure) -> RegionSurvey:
    """What a refusal in one region says of that region."""
    if failure.kind is FailureKind.INVALID_CREDENTIALS and region not in DEFAULT_REGIONS:
        # Not enabled, or not yet, looks like bad credentials; so does a token of the global endpoint.
        return RegionSurvey(
            region=region,
            outcome=RegionOutcome.NOT_ENABLED,
            failure=replace(failure, kind=FailureKind.NOT_ENABLED),
        )
    if failure.kind is FailureKind.NOT_ENABLED:
        return RegionSurvey(region=region, outcome=RegionOutcome.NOT_ENABLED, failure=failure)
    if failure.kind in _DENIALS | _CREDENTIALS:
        return RegionSurvey(region=region, outcome=RegionOutcome.DENIED, failure=failure)
    return RegionSurvey(region=region, outcome=RegionOutcome.UNREACHABLE, failure=failure)


def _unreachable(region: str, failure: Failure) -> RegionSurvey:
    return RegionSurvey(region=region, outcome=RegionOutcome.UNREACHABLE, failure=failure)


def _too_slow(region: str) -> Failure:
    return Failure(
        kind=FailureKind.UNREACHABLE,
        code="TooSlow",
        message="The region did not answer within the time that a survey gives it.",
        region=region,
    )


def _optional(read: Callable[[], T]) -> T | None:
    """What is nice to know: None where it can't be read."""
    try:
        return read()
    except AwsFailure:
        return None
