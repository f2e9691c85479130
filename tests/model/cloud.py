"""What does the owner's account hold, and how does it change?

An AWS in memory, with what the engine depends on: a token asked again is the same request, a taken name is a
conflict, a busy stack can't be changed, what is protected can't be deleted; the parent's function makes and
takes away what is in the regions. It knows nothing of the portal, and judges nothing: see `witness`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.conf import settings

from onboarding.aws.errors import AwsFailure
from onboarding.blueprint import BLUEPRINT_TAG, DIGEST_TAG, build_blueprint
from onboarding.engine.verification import AUDIT_ROLE, RESPONSE_ROLE, SECURITY_AUDIT_POLICY
from onboarding.observed import Failure, Role, Stack, StackResource, Trail
from onboarding.states import FailureKind
from tests.model.clock import Clock
from tests.surveys import OLD_PRINCIPAL, OLD_ROLE, old_template

REGIONS = ("eu-west-1", "us-west-2")
HOME = "us-west-2"

WELL, FAILS, BREAKS, A_REGION_FAILS = "well", "fails", "breaks", "a region fails"
ENDINGS = (WELL, FAILS, BREAKS, A_REGION_FAILS)
_ENDED = {
    "CREATE": {WELL: "CREATE_COMPLETE", FAILS: "ROLLBACK_COMPLETE", BREAKS: "ROLLBACK_FAILED"},
    "UPDATE": {WELL: "UPDATE_COMPLETE", FAILS: "UPDATE_ROLLBACK_COMPLETE", BREAKS: "UPDATE_ROLLBACK_FAILED"},
    "DELETE": {WELL: "DELETE_COMPLETE", FAILS: "DELETE_FAILED", BREAKS: "DELETE_FAILED"},
}
_LIVE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})

PLAIN, PROTECTED, WITH_EXTRAS = "plain", "protected", "with extras"
# What of ours may be there before.
DEAD, OUTDATED = "dead", "outdated"
MEDDLINGS = (
    "takes a stack of ours away",
    "brings an old stack",
    "fills the old stack with something else",
    "adds something to the old stack",
    "protects the old stack",
    "shuts the account out of the log storage",
    "stops a trail",
    "takes a name of ours",
    "leaves a dead stack",
)
# CloudTrail delivers a first log some time after a trail was made: here soon, as each look costs.
_FIRST_LOG = timedelta(seconds=30)
# For so long a reader may not see what was written.
_UNSEEN = timedelta(seconds=20)


def is_busy(stack: Stack) -> bool:
    return stack.status.endswith("_IN_PROGRESS")


def is_gone(stack: Stack | None) -> bool:
    return stack is None or stack.status == "DELETE_COMPLETE"


def failure(kind: FailureKind, code: str, operation: str, region: str) -> AwsFailure:
    return AwsFailure(
        Failure(kind, code, "as it was told to", "cloudformation", operation, region, "request-x")
    )


@dataclass
class Cloud:
    number: str
    clock: Clock
    stacks: dict[str, Stack] = field(default_factory=dict)
    # What was carried out, by its token; and what a stack is busy with.
    requests: dict[str, str] = field(default_factory=dict)
    busy_with: dict[str, str] = field(default_factory=dict)
    # The stacks that stood there complete at some time.
    completed: set[str] = field(default_factory=set)
    # When an old stack's content was changed, and when it was read last: who changes it behind a reader's
    # back is not to be noticed.
    changed_at: dict[str, datetime] = field(default_factory=dict)
    read_at: dict[str, datetime] = field(default_factory=dict)
    logging_since: dict[str, datetime] = field(default_factory=dict)
    unseen_until: dict[str, datetime] = field(default_factory=dict)
    is_admitted: bool = False
    made: int = 0

    # --- what is there ----------------------------------------------------------------------------

    def find(self, region: str, name_or_id: str) -> Stack | None:
        """By id whatever it is; by name what isn't deleted."""
        if name_or_id in self.stacks:
            return self.stacks[name_or_id]
        return next((each for each in self.standing(region) if each.name == name_or_id), None)

    def standing(self, region: str = "") -> list[Stack]:
        return [each for each in self.stacks.values() if not is_gone(each) and region in {"", each.region}]

    def seen(self, region: str, name_or_id: str) -> Stack | None:
        """The same as a reader sees it, who may lag behind."""
        found = self.find(region, name_or_id)
        if found is not None and self.unseen_until.get(found.stack_id, self.clock.time) > self.clock.time:
            return None
        return found

    def old_stacks(self) -> list[Stack]:
        return [each for each in self.standing() if each.name.startswith("opsec")]

    def roles_of_old_stacks(self) -> tuple[Role, ...]:
        names = [
            resource.physical_id
            for stack in self.old_stacks()
            for resource in stack.resources or ()
            if resource.type == "AWS::IAM::Role"
        ]
        return tuple(
            Role(f"arn:aws:iam::{self.number}:role/{name}", name, (OLD_PRINCIPAL,), ()) for name in names
        )

    def role(self, name: str) -> Role | None:
        company = settings.COMPANY.roles
        stack = self.find(HOME, company.stack_name)
        if name in {"audit", "response"} and stack is not None and stack.outputs:
            principal, policies = {
                "audit": (company.security_audit_principal_arn, (SECURITY_AUDIT_POLICY,)),
                "response": (company.incident_response_principal_arn, company.incident_response_policy_arns),
            }[name]
            return Role(f"arn:aws:iam::{self.number}:role/{name}", name, (principal,), tuple(policies))
        return next((role for role in self.roles_of_old_stacks() if role.name == name), None)

    def trails(self, region: str) -> tuple[Trail, ...]:
        stack = self.find(region, settings.COMPANY.trails.regional_stack_name)
        if stack is None or stack.status not in _LIVE:
            return ()
        storage, since = settings.COMPANY.storage, self.logging_since.get(region)
        delivered = since is not None and self.clock.time - since > _FIRST_LOG
        return (
            Trail(
                arn=self._trail_arn(region), name="ours", region=region,
                home_region=region, bucket=storage.bucket, topic_arn=storage.topic_arn,
                is_logging=since is not None,
                latest_delivery_at=self.clock.time if delivered and self.is_admitted else None,
                latest_delivery_error="" if self.is_admitted or not delivered else "AccessDenied",
            ),
        )  # fmt: skip

    def _trail_arn(self, region: str) -> str:
        return f"arn:aws:cloudtrail:{region}:{self.number}:trail/ours"

    # --- what is asked of it ----------------------------------------------------------------------

    def create(self, region: str, name: str, token: str, **fields: Mapping[str, str]) -> str:
        if token in self.requests:
            return self.requests[token]
        if self.find(region, name) is not None:
            raise failure(FailureKind.CONFLICT, "AlreadyExistsException", "CreateStack", region)
        return self._begin(self._new(region, name, "CREATE_IN_PROGRESS", **fields), token)

    def update(self, region: str, name: str, token: str, **fields: Mapping[str, str]) -> bool:
        found = self.find(region, name)
        if token in self.requests:
            return True
        if found is None or found.status not in _LIVE:
            raise failure(FailureKind.CONFLICT, "ValidationError", "UpdateStack", region)
        if all(dict(getattr(found, field_name)) == dict(value) for field_name, value in fields.items()):
            return False
        changed = replace(found, status="UPDATE_IN_PROGRESS", **fields)  # type: ignore[arg-type]
        self._begin(changed, token)
        return True

    def delete(self, region: str, stack_id: str, token: str) -> None:
        found = self.find(region, stack_id)
        if token in self.requests or is_gone(found) or found is None:
            return
        if found.is_termination_protected:
            raise failure(FailureKind.REQUEST, "ValidationError", "DeleteStack", region)
        self._begin(replace(found, status="DELETE_IN_PROGRESS"), token)

    def lift_protection(self, stack_id: str) -> None:
        self.stacks[stack_id] = replace(self.stacks[stack_id], is_termination_protected=False)

    def hide_for_a_moment(self, stack_id: str) -> None:
        self.unseen_until[stack_id] = self.clock.time + _UNSEEN

    def _begin(self, stack: Stack, token: str) -> str:
        self.stacks[stack.stack_id] = stack
        self.requests[token] = stack.stack_id
        self.busy_with[stack.stack_id] = token
        return stack.stack_id

    def _new(self, region: str, name: str, status: str, **fields: object) -> Stack:
        self.made += 1
        stack_id = f"arn:aws:cloudformation:{region}:{self.number}:stack/{name}/{self.made}"
        made = Stack(stack_id=stack_id, name=name, region=region, status=status)
        self.stacks[stack_id] = replace(made, **fields)  # type: ignore[arg-type]
        return self.stacks[stack_id]

    # --- how time passes in it --------------------------------------------------------------------

    def busy(self) -> list[Stack]:
        return [each for each in self.stacks.values() if is_busy(each)]

    def settle(self, ending: str = WELL, *, only_first: bool = False) -> None:
        """What CloudFormation is at ends, well or not."""
        for stack in self.busy()[: 1 if only_first else None]:
            verb = stack.status.partition("_")[0]
            if verb not in _ENDED:
                continue
            status = _ENDED[verb].get(ending, _ENDED[verb][WELL])
            self._end(stack, status, {REGIONS[0]} if ending == A_REGION_FAILS else set())

    def _end(self, stack: Stack, status: str, failing: set[str]) -> None:
        names, is_up = settings.COMPANY, status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
        outputs: Mapping[str, str] = stack.outputs if is_up else {}
        if stack.name == names.roles.stack_name and is_up:
            arn = f"arn:aws:iam::{self.number}:role"
            outputs = {AUDIT_ROLE: f"{arn}/audit", RESPONSE_ROLE: f"{arn}/response"}
        if status in {"UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"}:
            outputs = stack.outputs
        self.stacks[stack.stack_id] = replace(stack, status=status, outputs=outputs)
        if is_up:
            self.completed.add(stack.stack_id)
        if stack.name == names.trails.parent_stack_name:
            regions = [each for each in stack.parameters.get("Regions", "").split(",") if each]
            for region in regions:
                if is_up and region not in failing:
                    self._install(region)
                elif status == "DELETE_COMPLETE":
                    self._uninstall(region)

    def _install(self, region: str) -> None:
        """As the parent's function does: its own dead stack goes, a trail that stands still is started."""
        name = settings.COMPANY.trails.regional_stack_name
        found = self.find(region, name)
        if found is not None and BLUEPRINT_TAG not in found.tags:
            return
        self.logging_since.setdefault(region, self.clock.time)
        if found is not None and found.status in _LIVE:
            return
        if found is not None:
            self._take_away(found)
        plan, storage = build_blueprint(settings.COMPANY), settings.COMPANY.storage
        made = self._new(
            region, name, "CREATE_COMPLETE",
            tags={BLUEPRINT_TAG: "regional_trail", DIGEST_TAG: plan.regional_template.digest},
            parameters={"BucketName": storage.bucket, "TopicArn": storage.topic_arn},
            resources=(StackResource("Trail", "AWS::CloudTrail::Trail", "ours", "CREATE_COMPLETE"),),
            outputs={"TrailName": "ours", "TrailArn": self._trail_arn(region)},
        )  # fmt: skip
        self.completed.add(made.stack_id)

    def _uninstall(self, region: str) -> None:
        found = self.find(region, settings.COMPANY.trails.regional_stack_name)
        if found is not None and BLUEPRINT_TAG in found.tags:
            self._take_away(found)

    def _take_away(self, stack: Stack) -> None:
        self.stacks[stack.stack_id] = replace(stack, status="DELETE_COMPLETE", outputs={})
        if stack.name == settings.COMPANY.trails.regional_stack_name:
            self.logging_since.pop(stack.region, None)

    # --- who else is at work in it ----------------------------------------------------------------

    def bring_old_stack(self, region: str = "eu-west-1", kind: str = PLAIN) -> None:
        own = replace(OLD_ROLE, physical_id=f"old-role-{region}")
        extra = StackResource("Bucket", "AWS::S3::Bucket", "the-owners-bucket", "CREATE_COMPLETE")
        self._new(
            region, f"opsec-old-{region}", "CREATE_COMPLETE", description="OpSec Security Audit Role",
            resources=(own, extra) if kind == WITH_EXTRAS else (own,), template_body=old_template(),
            is_termination_protected=kind == PROTECTED,
        )  # fmt: skip

    def bring_roles_stack(self, kind: str) -> None:
        """What was made long ago: dead it is nothing, and holds the name; outdated it is to be updated."""
        part = build_blueprint(settings.COMPANY).roles
        if kind == DEAD:
            self._new(HOME, part.stack_name, "ROLLBACK_COMPLETE", tags=dict(part.tags))
        else:
            made = self._new(
                HOME, part.stack_name, "CREATE_IN_PROGRESS", tags={**part.tags, DIGEST_TAG: "of long ago"}
            )
            self._end(made, "CREATE_COMPLETE", set())

    def _leave_dead_stack(self) -> None:
        """Under the first of our names that nothing holds."""
        plan = build_blueprint(settings.COMPANY)
        for part in (plan.roles, plan.trails):
            if self.find(HOME, part.stack_name) is None:
                self._new(HOME, part.stack_name, "ROLLBACK_COMPLETE", tags=dict(part.tags))
                return

    def meddle(self, what: str) -> None:
        """Somebody else acts in the account, where there is something to act on."""
        ours = [each for each in self.standing() if BLUEPRINT_TAG in each.tags and not is_busy(each)]
        old = [each for each in self.old_stacks() if not is_busy(each)]
        match what:
            case "takes a stack of ours away" if ours:
                self._take_away(ours[0])
            case "brings an old stack" if not self.find("us-west-2", "opsec-old-us-west-2"):
                self.bring_old_stack("us-west-2")
            case "fills the old stack with something else" if old:
                queue = StackResource("Queue", "AWS::SQS::Queue", "a-queue", "CREATE_COMPLETE")
                self._change(old[0], resources=(queue,), template_body="{}")
            case "adds something to the old stack" if old:
                queue = StackResource("Queue", "AWS::SQS::Queue", "a-queue", "CREATE_COMPLETE")
                self._change(old[0], resources=(*(old[0].resources or ()), queue))
            case "protects the old stack" if old:
                self._change(old[0], is_termination_protected=True)
            case "shuts the account out of the log storage":
                self.is_admitted = False
            case "stops a trail":
                self.logging_since.pop(REGIONS[0], None)
            case "takes a name of ours" if not self.find(HOME, settings.COMPANY.roles.stack_name):
                self._new(HOME, settings.COMPANY.roles.stack_name, "CREATE_COMPLETE", description="Mine")
            case "leaves a dead stack":
                self._leave_dead_stack()
            case _:
                pass

    def _change(self, stack: Stack, **fields: object) -> None:
        self.stacks[stack.stack_id] = replace(stack, **fields)  # type: ignore[arg-type]
        self.changed_at[stack.stack_id] = self.clock.now()

    def mend(self) -> None:
        """Whatever no act of the portal's could mend, somebody does: foreign names and stuck stacks go."""
        names = {settings.COMPANY.roles.stack_name, settings.COMPANY.trails.parent_stack_name}
        for stack in self.standing():
            is_stuck = stack.status in {"UPDATE_ROLLBACK_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED"}
            if stack.name in names and (is_stuck or BLUEPRINT_TAG not in stack.tags):
                self._take_away(stack)

    def is_right(self) -> bool:
        """Whether it is what "verified" says: both roles, no old one, and a log from every region."""
        has_roles = all(self.role(name) is not None for name in ("audit", "response"))
        first_logs = [[trail.first_log_at for trail in self.trails(region)] for region in REGIONS]
        return has_roles and not self.roles_of_old_stacks() and all(logs and all(logs) for logs in first_logs)
