"""Which actions does CloudFormation call for a resource, on what, and under which condition keys?

AWS's resource schemas, which come with cfn-lint, name every action that a type's handlers may use. For the
types that the product and the owners of old stacks have, this module says which of those the properties
really bring about. For all other types it takes the schema's actions that do the deed itself.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Literal

from ministack.core.responses import get_account_id, get_region
from ministack.services.cloudformation import provisioners

from sandbox.events import Record

Deed = Literal["create", "update", "delete"]


def _own_tags(properties: Record) -> list[Any]:
    tags = properties.get("Tags") or []
    return [t for t in tags if not (isinstance(t, dict) and str(t.get("Key", "")).startswith("aws:"))]


@dataclass(frozen=True, slots=True)
class Resource:
    """The resource in question; `old` are its properties before a change, `physical_id` is empty at first."""

    resource_type: str
    logical_id: str
    stack_name: str
    physical_id: str
    properties: Record
    old: Record = field(default_factory=dict)

    def changed(self, *names: str) -> bool:
        """Whether one of these properties differs from before."""
        return any(self.properties.get(n) != self.old.get(n) for n in names)

    def tagged(self) -> bool:
        """Whether tags are put on it; those that CloudFormation adds itself need nobody's right."""
        return _own_tags(self.properties) != _own_tags(self.old)

    def name(self, prop: str, max_length: int = 64, *, lowercase: bool = False) -> str:
        """The name it has or will get."""
        return str(
            self.physical_id
            or self.properties.get(prop)
            or provisioners._physical_name(
                self.stack_name, self.logical_id, max_len=max_length, lowercase=lowercase
            )
        )


@dataclass(frozen=True, slots=True)
class Need:
    """One call that has to be allowed; condition keys are written with `__` for the colon."""

    action: str
    resource: str
    keys: dict[str, Any] = field(default_factory=dict)


def _arn(service: str, resource: str, *, region: bool = True) -> str:
    return f"arn:aws:{service}:{get_region() if region else ''}:{get_account_id()}:{resource}"


def _documents(properties: Record) -> dict[str, Any]:
    return {str(p.get("PolicyName")): p.get("PolicyDocument") for p in properties.get("Policies") or []}


def _role(deed: Deed, role: Resource) -> Iterable[Need]:
    path = role.properties.get("Path") or "/"
    arn = _arn("iam", f"role{path}{role.name('RoleName')}", region=False)
    boundary = role.properties.get("PermissionsBoundary")
    keys = {"iam__PermissionsBoundary": boundary} if boundary else {}
    attached = set(role.properties.get("ManagedPolicyArns") or [])
    attached_before = set(role.old.get("ManagedPolicyArns") or [])
    inline, inline_before = _documents(role.properties), _documents(role.old)
    if deed == "delete":
        yield Need("iam:GetRole", arn)
        yield from (Need("iam:DetachRolePolicy", arn, {"iam__PolicyARN": p}) for p in sorted(attached))
        yield from (Need("iam:DeleteRolePolicy", arn) for _ in inline)
        yield Need("iam:DeleteRole", arn)
        return
    if deed == "create":
        yield Need("iam:CreateRole", arn, keys)
        yield Need("iam:GetRole", arn)
    if deed == "update" and role.changed("AssumeRolePolicyDocument"):
        yield Need("iam:UpdateAssumeRolePolicy", arn)
    if deed == "update" and role.changed("Description", "MaxSessionDuration"):
        yield Need("iam:UpdateRole", arn)
    if role.tagged():
        yield Need("iam:TagRole", arn)
    yield from (Need("iam:PutRolePolicy", arn, keys) for n in inline if inline[n] != inline_before.get(n))
    yield from (
        Need("iam:AttachRolePolicy", arn, {**keys, "iam__PolicyARN": p})
        for p in sorted(attached - attached_before)
    )
    yield from (Need("iam:DeleteRolePolicy", arn) for n in inline_before if n not in inline)
    yield from (
        Need("iam:DetachRolePolicy", arn, {"iam__PolicyARN": p}) for p in sorted(attached_before - attached)
    )


def _passed(role_arn: Any, service: str) -> Iterable[Need]:
    if isinstance(role_arn, str) and role_arn:
        yield Need("iam:PassRole", role_arn, {"iam__PassedToService": service})


def _function(deed: Deed, function: Resource) -> Iterable[Need]:
    arn = _arn("lambda", f"function:{function.name('FunctionName')}")
    code = function.properties.get("Code") or {}
    if deed == "delete":
        yield Need("lambda:DeleteFunction", arn)
        return
    if function.changed("Role"):
        yield from _passed(function.properties.get("Role"), "lambda.amazonaws.com")
    if function.changed("Code") and code.get("S3Bucket"):
        version = "s3:GetObjectVersion" if code.get("S3ObjectVersion") else "s3:GetObject"
        yield Need(version, f"arn:aws:s3:::{code['S3Bucket']}/{code.get('S3Key')}")
    if deed == "create":
        yield Need("lambda:CreateFunction", arn)
    else:
        if function.changed("Code"):
            yield Need("lambda:UpdateFunctionCode", arn)
        if function.changed(
            "Role", "Runtime", "Handler", "Timeout", "MemorySize", "Environment", "Description"
        ):
            yield Need("lambda:UpdateFunctionConfiguration", arn)
    if function.tagged():
        yield Need("lambda:TagResource", arn)
    yield Need("lambda:GetFunction", arn)


def _trail(deed: Deed, trail: Resource) -> Iterable[Need]:
    name = trail.name("TrailName", 128)
    arn = name if name.startswith("arn:") else _arn("cloudtrail", f"trail/{name}")
    if deed == "delete":
        yield Need("cloudtrail:DeleteTrail", arn)
        return
    yield from _passed(
        trail.properties.get("CloudWatchLogsRoleArn") if trail.changed("CloudWatchLogsRoleArn") else None,
        "cloudtrail.amazonaws.com",
    )
    yield Need("cloudtrail:CreateTrail" if deed == "create" else "cloudtrail:UpdateTrail", arn)
    if trail.changed("IsLogging"):
        on = str(trail.properties.get("IsLogging")).lower() == "true"
        if on or deed == "update":
            yield Need("cloudtrail:StartLogging" if on else "cloudtrail:StopLogging", arn)
    if trail.tagged():
        yield Need("cloudtrail:AddTags", arn)
    if trail.changed("EventSelectors", "AdvancedEventSelectors"):
        yield Need("cloudtrail:PutEventSelectors", arn)
    if trail.changed("InsightSelectors"):
        yield Need("cloudtrail:PutInsightSelectors", arn)


def _custom(deed: Deed, resource: Resource) -> Iterable[Need]:
    """The caller itself invokes the function or publishes to the topic."""
    token = str(resource.properties.get("ServiceToken", ""))
    service = token.split(":")[2] if token.count(":") >= 5 else ""
    if service in ("lambda", "sns"):
        yield Need("lambda:InvokeFunction" if service == "lambda" else "sns:Publish", token)


def _nested_stack(deed: Deed, stack: Resource) -> Iterable[Need]:
    arn = stack.physical_id or _arn("cloudformation", f"stack/{stack.stack_name}-{stack.logical_id}-*/*")
    url = stack.properties.get("TemplateURL")
    keys = {"cloudformation__TemplateUrl": url} if url and deed != "delete" else {}
    yield Need(f"cloudformation:{deed.capitalize()}Stack", arn, keys)


def _managed_policy(deed: Deed, policy: Resource) -> Iterable[Need]:
    arn = policy.physical_id or _arn(
        "iam",
        f"policy{policy.properties.get('Path') or '/'}{policy.name('ManagedPolicyName', 128)}",
        region=False,
    )
    yield Need(
        {"create": "iam:CreatePolicy", "update": "iam:CreatePolicyVersion", "delete": "iam:DeletePolicy"}[
            deed
        ],
        arn,
    )
    verb = "iam:DetachRolePolicy" if deed == "delete" else "iam:AttachRolePolicy"
    for name in policy.properties.get("Roles") or []:
        yield Need(verb, _arn("iam", f"role/{name}", region=False), {"iam__PolicyARN": arn})


def _inline_policy(deed: Deed, policy: Resource) -> Iterable[Need]:
    verb = "Delete" if deed == "delete" else "Put"
    names = policy.properties.get("Roles") or (
        [policy.properties["RoleName"]] if policy.properties.get("RoleName") else []
    )
    yield from (Need(f"iam:{verb}RolePolicy", _arn("iam", f"role/{n}", region=False)) for n in names)
    for kind in ("User", "Group"):
        yield from (
            Need(f"iam:{verb}{kind}Policy", _arn("iam", f"{kind.lower()}/{n}", region=False))
            for n in policy.properties.get(f"{kind}s") or []
        )


_KNOWN: dict[str, Callable[[Deed, Resource], Iterable[Need]]] = {
    "AWS::IAM::Role": _role,
    "AWS::IAM::ManagedPolicy": _managed_policy,
    "AWS::IAM::Policy": _inline_policy,
    "AWS::IAM::RolePolicy": _inline_policy,
    "AWS::Lambda::Function": _function,
    "AWS::CloudTrail::Trail": _trail,
    "AWS::CloudFormation::Stack": _nested_stack,
    "AWS::CloudFormation::CustomResource": _custom,
}

_VERBS: dict[Deed, tuple[str, ...]] = {
    "create": ("Create", "Put", "Add", "Set", "Subscribe", "Run", "Allocate", "Register"),
    "update": ("Update", "Modify", "Put", "Set", "Change"),
    "delete": ("Delete", "Remove", "Unsubscribe", "Set", "Terminate", "Release", "Deregister"),
}


@cache
def _schema_of() -> dict[str, str]:
    schemas = resources.files("cfnlint.data.schemas.providers")
    found: dict[str, str] = json.loads((schemas / "us-east-1.json").read_text())
    return found


@cache
def handler_actions(resource_type: str, deed: Deed) -> tuple[str, ...]:
    """What AWS's schema lists for this handler, in its order; empty for a type without one."""
    file_name = _schema_of().get(resource_type)
    if not file_name:
        return ()
    path = resources.files("cfnlint.data.schemas.resources") / f"{file_name.removesuffix('.json')}.json"
    handlers = json.loads(path.read_text()).get("handlers") or {}
    return tuple((handlers.get(deed) or {}).get("permissions") or ())


_ARNS: dict[str, Callable[[Resource], str]] = {
    "AWS::S3::Bucket": lambda r: f"arn:aws:s3:::{r.name('BucketName', 63, lowercase=True)}",
    "AWS::SNS::Topic": lambda r: _arn("sns", r.name("TopicName", 256)),
    "AWS::Logs::LogGroup": lambda r: _arn("logs", f"log-group:{r.name('LogGroupName', 512)}"),
    "AWS::IAM::User": lambda r: _arn("iam", f"user/{r.name('UserName')}", region=False),
}


def _target(resource: Resource) -> str:
    if resource.physical_id.startswith("arn:"):
        return resource.physical_id
    named = _ARNS.get(resource.resource_type)
    return named(resource) if named else "*"


def _by_schema(deed: Deed, resource: Resource) -> Iterable[Need]:
    """The first listed action that does the deed, on the type's own kind of resource."""
    for action in handler_actions(resource.resource_type, deed):
        service, _, verb = action.partition(":")
        if verb.startswith(_VERBS[deed]) and verb != "PassRole":
            yield Need(f"{service.lower()}:{verb}", _target(resource))
            return


def of(deed: Deed, resource: Resource) -> Iterable[Need]:
    """The calls that this deed brings about, in the order in which a handler makes them."""
    kind = resource.resource_type
    known = _custom if kind.startswith("Custom::") else _KNOWN.get(kind, _by_schema)
    return known(deed, resource)
