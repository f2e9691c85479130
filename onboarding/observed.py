"""What did AWS say, in our words?

Frozen values, made by `aws` and read by everything above. No I/O, no clock, no boto3 shapes.
Times are aware UTC datetimes; durations say their unit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from onboarding.states import FailureKind, RegionOutcome

NOTHING: Mapping[str, str] = MappingProxyType({})

# Launched before 2019-03-20: enabled in every account, and can't be disabled.
DEFAULT_REGIONS = (
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
)


@dataclass(frozen=True, slots=True)
class Failure:
    """One refusal or fault, kept with AWS's own code and request id so that it can be looked up."""

    kind: FailureKind
    code: str
    message: str
    service: str = ""
    operation: str = ""
    region: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a set of credentials is (sts:GetCallerIdentity)."""

    account: str
    arn: str
    user_id: str


@dataclass(frozen=True, slots=True)
class StackResource:
    logical_id: str
    type: str
    physical_id: str
    status: str
    status_reason: str = ""


@dataclass(frozen=True, slots=True)
class StackEvent:
    """One line of a stack's history, as AWS tells it."""

    event_id: str
    at: datetime
    logical_id: str
    resource_type: str
    status: str
    reason: str
    client_request_token: str = ""


@dataclass(frozen=True, slots=True)
class Stack:
    stack_id: str
    name: str
    region: str
    status: str
    status_reason: str = ""
    description: str = ""
    parent_id: str = ""
    root_id: str = ""
    service_role_arn: str = ""
    is_termination_protected: bool = False
    tags: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    parameters: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    outputs: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    # None until asked for: listing stacks doesn't tell.
    resources: tuple[StackResource, ...] | None = None
    template_body: str | None = None


@dataclass(frozen=True, slots=True)
class Trail:
    """A trail as one region sees it; `home_region` differs for shadows of multi-region trails."""

    arn: str
    name: str
    region: str
    home_region: str
    bucket: str
    topic_arn: str = ""
    is_multi_region: bool = False
    is_organization: bool = False
    # Whether it records less, or other things, than all management events.
    has_custom_selectors: bool = False
    # The name of the stack that made it, where that is somebody's and could be found out.
    owning_stack: str = ""
    # From GetTrailStatus; None where it could not be read.
    is_logging: bool | None = None
    logging_since: datetime | None = None
    latest_delivery_at: datetime | None = None
    latest_delivery_error: str = ""
    latest_notification_error: str = ""

    @property
    def first_log_at(self) -> datetime | None:
        """When a log of the present logging was last delivered; one from before a restart proves nothing."""
        if self.latest_delivery_at is None or not self.is_logging:
            return None
        is_stale = self.logging_since is not None and self.latest_delivery_at < self.logging_since
        return None if is_stale else self.latest_delivery_at

    @property
    def is_shadow(self) -> bool:
        return self.home_region != self.region


@dataclass(frozen=True, slots=True)
class Role:
    arn: str
    name: str
    trusted_principals: tuple[str, ...]
    attached_policy_arns: tuple[str, ...] = ()
    inline_policy_names: tuple[str, ...] = ()
    # Empty too where they could not be read.
    instance_profile_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RegionSurvey:
    """What one region holds: the candidates (old, ours) with resources; all other stacks only counted."""

    region: str
    outcome: RegionOutcome
    failure: Failure | None = None
    stacks: tuple[Stack, ...] = ()
    trails: tuple[Trail, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountSurvey:
    """What the whole account holds, region by region, in the order of region names."""

    account: str
    alias: str
    taken_at: datetime
    regions: tuple[RegionSurvey, ...]
    # Roles that still trust an old principal, by any stack or none; None where listing roles was denied.
    old_roles: tuple[Role, ...] | None = None
    # The roles of stacks that may be old ones, with all that hangs on them.
    stack_roles: tuple[Role, ...] = ()
    # False when the list of regions could not be read and only the default regions were searched.
    knows_all_regions: bool = True

    def region(self, name: str) -> RegionSurvey | None:
        return next((region for region in self.regions if region.region == name), None)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing the central side must allow, and whether it does."""

    name: str  # "bucket policy", "topic policy", "reader role"
    is_ok: bool
    detail: str = ""
    failure: Failure | None = None
