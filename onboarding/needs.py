"""Which actions does the job need in an owner's account, at which stage, on what and under which conditions?

The one list behind four things: the plain policy that an owner may read (`policies`), the session policy of
each stage, the pre-flight check, and the check that the hand-over template gives this and nothing else. Pure.

What CloudFormation calls for a resource is taken from AWS's own resource schemas, as far as our templates'
properties bring it about; a test compares the two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from onboarding.blueprint import build_blueprint, generated_name_pattern, old_role_pattern, template_url
from onboarding.company import Company
from onboarding.states import Stage

Conditions = Mapping[str, Mapping[str, tuple[str, ...]]]

# CloudFormation works with its caller's rights, and says so: these writes are allowed to it alone.
THROUGH_CLOUDFORMATION: Conditions = {
    "ForAnyValue:StringEquals": {"aws:CalledVia": ("cloudformation.amazonaws.com",)}
}

# By these the pre-flight itself is made. Without them nothing fails; it then can't tell.
SIMULATING = ("iam:SimulatePrincipalPolicy",)

_LOOK_ROUND = (
    "account:ListRegions",
    "cloudformation:DescribeStackResources",
    "cloudformation:ListStacks",
    "cloudtrail:DescribeTrails",
    "cloudtrail:GetTrailStatus",
    "ec2:DescribeRegions",
    "iam:ListAccountAliases",
    "iam:ListRoles",
)
_READ_STACKS = (
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStacks",
    "cloudformation:GetTemplate",
    "cloudformation:ListStackResources",
)
_READ_ROLES = ("iam:GetRole", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies")
_REMOVE_ROLE = ("iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy")
_CHANGE_ROLE = (
    "iam:CreateRole",
    "iam:DeleteRole",
    "iam:DeleteRolePolicy",
    "iam:GetRolePolicy",
    "iam:PutRolePolicy",
    "iam:TagRole",
    "iam:UntagRole",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateRole",
    "iam:UpdateRoleDescription",
)
_CHANGE_FUNCTION = (
    "lambda:CreateFunction",
    "lambda:DeleteFunction",
    "lambda:GetFunction",
    "lambda:GetFunctionCodeSigningConfig",
    "lambda:GetFunctionRecursionConfig",
    "lambda:GetFunctionScalingConfig",
    "lambda:GetRuntimeManagementConfig",
    "lambda:InvokeFunction",
    "lambda:TagResource",
    "lambda:UntagResource",
    "lambda:UpdateFunctionCode",
    "lambda:UpdateFunctionConfiguration",
)

_READ_PROFILES = ("iam:ListInstanceProfilesForRole",)

# What deletes a resource that somebody added to the old stack, by its type, as AWS's own handlers do it.
# Of a type that isn't listed it can't be told beforehand what its deletion takes.
_DELETE_EXTRAS: Mapping[str, tuple[str, ...]] = {
    "AWS::CloudWatch::Alarm": ("cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms"),
    "AWS::Events::Rule": (
        "events:DeleteRule",
        "events:DescribeRule",
        "events:ListTargetsByRule",
        "events:RemoveTargets",
    ),
    "AWS::IAM::InstanceProfile": (
        "iam:DeleteInstanceProfile",
        "iam:GetInstanceProfile",
        "iam:RemoveRoleFromInstanceProfile",
    ),
    "AWS::IAM::ManagedPolicy": (
        "iam:DeletePolicy",
        "iam:DeletePolicyVersion",
        "iam:DetachRolePolicy",
        "iam:ListPolicyVersions",
    ),
    "AWS::IAM::Policy": ("iam:DeleteGroupPolicy", "iam:DeleteRolePolicy", "iam:DeleteUserPolicy"),
    "AWS::IAM::Role": _REMOVE_ROLE,
    "AWS::Lambda::Function": ("lambda:DeleteFunction",),
    "AWS::Logs::LogGroup": ("logs:DeleteLogGroup", "logs:DescribeLogGroups"),
    "AWS::S3::Bucket": ("s3:DeleteBucket",),
    "AWS::SNS::Subscription": ("sns:Unsubscribe",),
    "AWS::SNS::Topic": ("sns:DeleteTopic",),
    "AWS::SQS::Queue": ("sqs:DeleteQueue", "sqs:GetQueueAttributes"),
}

# What generated names end in; and ids of stacks that don't exist yet.
_NAME_TAIL = "ABCDEFGHIJKLM"
_ANY_ID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Need:
    """Actions that a stage needs on the same resources, under the same conditions.

    `sid` names the statement of the hand-over template that allows them. `samples` are real ARNs, or such as
    could be, that `resources` cover: what is asked about when rights are checked. `contexts` are the
    condition keys of such requests; each must be allowed.
    """

    sid: str
    stage: Stage
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    samples: tuple[str, ...]
    conditions: Conditions = field(default_factory=dict)
    contexts: tuple[Mapping[str, str], ...] = ({},)
    # The code of the question whose consent makes it needed; empty where no answer is waited for.
    after: str = ""


def needs_of(
    company: Company,
    account: str,
    *,
    home_region: str = "",
    old_stack_ids: Sequence[str] = (),
    extra_resources: Sequence[tuple[str, str]] = (),
    instance_profiles: Sequence[str] = (),
) -> tuple[Need, ...]:
    """Everything the job may need in `account`, stage by stage.

    `old_stack_ids` are the stacks to be removed; before the survey has found them any stack may be one.
    `extra_resources`, as (type, physical id), are to be deleted with them; `instance_profiles` are those that
    an old role is in: any may be one while none is named.
    """
    place = _Place(company, account, home_region or company.home.regions[0])
    return (
        *_survey(place),
        *_removal(place, old_stack_ids, extra_resources, instance_profiles),
        *_roles(place),
        *_trails(place),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the job is done: makes the ARNs there."""

    company: Company
    account: str
    region: str

    def role(self, name: str) -> str:
        return f"arn:aws:iam::{self.account}:role/{name}"

    def stack(self, name: str, *, region: str = "*", stack_id: str = "*") -> str:
        return f"arn:aws:cloudformation:{region}:{self.account}:stack/{name}/{stack_id}"

    def made_stack(self, name: str) -> str:
        return self.stack(name, region=self.region, stack_id=_ANY_ID)

    def function(self, name: str) -> str:
        return f"arn:aws:lambda:*:{self.account}:function:{name}"


def handover_arn(company: Company, account: str) -> str:
    """The ARN of the role that an owner makes for the portal."""
    return f"arn:aws:iam::{account}:role/{company.portal.handover_role_name}"


def _generated(stack_name: str, logical_id: str) -> str:
    """A name as CloudFormation would make it: at most 64 characters, the stack's part cut first."""
    room = 64 - len(logical_id) - len(_NAME_TAIL) - 2
    return f"{stack_name[: max(room, 16)]}-{logical_id}-{_NAME_TAIL}"


_VIA = {"aws:CalledVia": "cloudformation.amazonaws.com"}


def _survey(place: _Place) -> list[Need]:
    any_old_name = (*place.company.old.stack_names, "any-stack")[0]
    handover = handover_arn(place.company, place.account)
    return [
        Need("LookRound", Stage.SURVEY, _LOOK_ROUND, ("*",), ("*",)),
        Need(
            "ReadStacks",
            Stage.SURVEY,
            _READ_STACKS,
            (f"arn:aws:cloudformation:*:{place.account}:stack/*",),
            (place.made_stack(any_old_name),),
        ),
        Need("ReadRoles", Stage.SURVEY, _READ_ROLES, (place.role("*"),), (handover,)),
    ]


def _removal(
    place: _Place,
    old_stack_ids: Sequence[str],
    extra_resources: Sequence[tuple[str, str]],
    instance_profiles: Sequence[str],
) -> list[Need]:
    old = place.company.old
    roles = tuple(place.role(old_role_pattern(each)) for each in old.role_logical_ids)
    role_samples = tuple(place.role(_generated("opsec", each)) for each in old.role_logical_ids)
    sample = place.made_stack((*old.stack_names, "any-stack")[0])
    found = [
        Need(
            "DeleteStacks",
            Stage.REMOVE,
            ("cloudformation:DeleteStack",),
            (f"arn:aws:cloudformation:*:{place.account}:stack/*",),
            tuple(old_stack_ids) or (sample,),
        )
    ]
    if old.role_logical_ids:
        found.append(
            Need(
                "DeleteOldRole",
                Stage.REMOVE,
                _REMOVE_ROLE,
                roles,
                role_samples,
                THROUGH_CLOUDFORMATION,
                ({**_VIA, "iam:PolicyARN": "arn:aws:iam::aws:policy/SecurityAudit"},),
            )
        )
        found.append(Need("ReadRoles", Stage.REMOVE, _READ_PROFILES, (place.role("*"),), role_samples))
    consented = _consented_removal(
        place, old_stack_ids, extra_resources, instance_profiles, roles, role_samples
    )
    return [*found, *consented]


def _consented_removal(
    place: _Place,
    old_stack_ids: Sequence[str],
    extra_resources: Sequence[tuple[str, str]],
    instance_profiles: Sequence[str],
    roles: tuple[str, ...],
    role_samples: tuple[str, ...],
) -> list[Need]:
    """What a removal takes only when its owner has allowed it: see `planning.questions`."""
    names = place.company.old.stack_names
    found = []
    if names:
        found.append(
            Need(
                "LiftProtection",
                Stage.REMOVE,
                ("cloudformation:UpdateTerminationProtection",),
                tuple(place.stack(name) for name in names),
                tuple(old_stack_ids) or (place.made_stack(names[0]),),
                after="old_stack_protected",
            )
        )
    if roles:
        found.append(
            Need(
                "DetachFromOldRole",
                Stage.REMOVE,
                ("iam:DeleteRolePolicy", "iam:DetachRolePolicy"),
                roles,
                role_samples,
                after="old_role_attachments",
            )
        )
        profiles = f"arn:aws:iam::{place.account}:instance-profile/"
        # By name alone it isn't known whether a path stands before it.
        named = tuple(f"{profiles}{path}{name}" for name in instance_profiles for path in ("", "*/"))
        found.append(
            Need(
                "TakeOutOfInstanceProfiles",
                Stage.REMOVE,
                ("iam:RemoveRoleFromInstanceProfile",),
                named or (f"{profiles}*",),
                (f"{profiles}any",),
                after="old_role_attachments",
            )
        )
    for number, (kind, physical_id) in enumerate(extra_resources, start=1):
        if kind in _DELETE_EXTRAS:
            resource = physical_id if physical_id.startswith("arn:") else "*"
            found.append(
                Need(
                    f"DeleteExtraResource{number}",
                    Stage.REMOVE,
                    _DELETE_EXTRAS[kind],
                    (resource,),
                    (resource,),
                    THROUGH_CLOUDFORMATION,
                    (_VIA,),
                    after="old_stack_extras",
                )
            )
    return found


def _roles(place: _Place) -> list[Need]:
    name = place.company.roles.stack_name
    patterns = (place.role(generated_name_pattern(name)),)
    samples = tuple(
        place.role(_generated(name, each)) for each in ("SecurityAuditRole", "IncidentResponseRole")
    )
    policies = (
        "arn:aws:iam::aws:policy/SecurityAudit",
        *place.company.roles.incident_response_policy_arns,
    )
    return [
        *_parent_stack(place, Stage.ROLES, name),
        Need("NewRoles", Stage.ROLES, _CHANGE_ROLE, patterns, samples, THROUGH_CLOUDFORMATION, (_VIA,)),
        Need(
            "OnlyTheseManagedPolicies",
            Stage.ROLES,
            ("iam:AttachRolePolicy", "iam:DetachRolePolicy"),
            patterns,
            samples[:1],
            {**THROUGH_CLOUDFORMATION, "ArnEquals": {"iam:PolicyARN": policies}},
            tuple({**_VIA, "iam:PolicyARN": policy} for policy in policies),
        ),
    ]


def _trails(place: _Place) -> list[Need]:
    name = place.company.trails.parent_stack_name
    pattern = generated_name_pattern(name)
    role, function = place.role(_generated(name, "InstallerRole")), _generated(name, "Installer")
    return [
        *_parent_stack(place, Stage.TRAILS, name),
        Need("NewRoles", Stage.TRAILS, _CHANGE_ROLE, (place.role(pattern),), (role,),
             THROUGH_CLOUDFORMATION, (_VIA,)),
        Need(
            "GiveTheFunctionItsRole",
            Stage.TRAILS,
            ("iam:PassRole",),
            (place.role(pattern),),
            (role,),
            {"StringEquals": {"iam:PassedToService": ("lambda.amazonaws.com",)}},
            ({**_VIA, "iam:PassedToService": "lambda.amazonaws.com"},),
        ),
        Need(
            "Function",
            Stage.TRAILS,
            _CHANGE_FUNCTION,
            (place.function(pattern),),
            (place.function(function).replace(":*:", f":{place.region}:"),),
            THROUGH_CLOUDFORMATION,
            (_VIA,),
        ),
    ]  # fmt: skip


def _parent_stack(place: _Place, stage: Stage, name: str) -> list[Need]:
    """To create, update, tag and, where an attempt failed, delete one of the two parent stacks."""
    company = place.company
    blueprint = build_blueprint(company)
    template = (blueprint.roles if stage == Stage.ROLES else blueprint.trails).template
    url = template_url(template, company)
    patterns, samples = (place.stack(name),), (place.made_stack(name),)
    conditions: dict[str, Mapping[str, tuple[str, ...]]] = {
        "StringEquals": {"aws:RequestedRegion": tuple(company.home.regions)}
    }
    context: dict[str, str] = {}
    published: list[Need] = []
    if url:
        objects = f"arn:aws:s3:::{company.templates.bucket}/templates/*"
        conditions["StringLike"] = {
            "cloudformation:TemplateUrl": (f"{url.split('/templates/')[0]}/templates/*",)
        }
        context["cloudformation:TemplateUrl"] = url
        published.append(
            Need(
                "ReadPublishedTemplates",
                stage,
                ("s3:GetObject", "s3:GetObjectVersion"),
                (objects,),
                (objects.replace("*", url.split("/templates/")[1]),),
            )
        )
    return [
        Need(
            "CreateAndUpdate",
            stage,
            ("cloudformation:CreateStack", "cloudformation:UpdateStack"),
            patterns,
            samples,
            conditions,
            (context,),
        ),
        Need("TagStacks", stage, ("cloudformation:TagResource",), patterns, samples),
        Need("DeleteStacks", stage, ("cloudformation:DeleteStack",), patterns, samples),
        *published,
    ]
