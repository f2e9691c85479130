"""Which roles does the account have, and whom do they trust?"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from onboarding.aws.errors import AwsFailure, ask, collect
from onboarding.aws.policies import as_list
from onboarding.aws.session import AwsSession
from onboarding.observed import Role
from onboarding.states import FailureKind

if TYPE_CHECKING:
    from mypy_boto3_iam.type_defs import RoleTypeDef

_DENIALS = frozenset({FailureKind.DENIED, FailureKind.DENIED_BY_ORGANIZATION})

# Operators under which aws:PrincipalArn narrows a whole trusted account to the principals it lists.
_NARROWING = frozenset({"arnequals", "arnlike", "stringequals", "stringlike"})


def get_role(session: AwsSession, name: str, *, with_profiles: bool = False) -> Role | None:
    """The role with whom it trusts and the policies it has; None when there is none.

    `with_profiles`: and the instance profiles it is in, as far as they may be listed.
    """
    client = session.client("iam")
    try:
        found = ask(client.get_role, RoleName=name)["Role"]
    except AwsFailure as refusal:
        if refusal.failure.kind is FailureKind.NOT_FOUND:
            return None
        raise
    attached = collect(client, client.get_paginator("list_attached_role_policies").paginate(RoleName=name))
    inline = collect(client, client.get_paginator("list_role_policies").paginate(RoleName=name))
    return Role(
        arn=found["Arn"],
        name=found["RoleName"],
        trusted_principals=trusted_principals(_trust(found)),
        instance_profile_names=_instance_profiles(session, name) if with_profiles else (),
        attached_policy_arns=tuple(
            sorted(policy.get("PolicyArn", "") for page in attached for policy in page["AttachedPolicies"])
        ),
        inline_policy_names=tuple(sorted(policy for page in inline for policy in page["PolicyNames"])),
    )


def detach(session: AwsSession, role: Role) -> None:
    """Take these policies and instance profiles off the role; what is off already is no hindrance."""
    client = session.client("iam")
    for arn in role.attached_policy_arns:
        _unless_gone(client.detach_role_policy, RoleName=role.name, PolicyArn=arn)
    for name in role.inline_policy_names:
        _unless_gone(client.delete_role_policy, RoleName=role.name, PolicyName=name)
    for name in role.instance_profile_names:
        _unless_gone(client.remove_role_from_instance_profile, RoleName=role.name, InstanceProfileName=name)


def _unless_gone(method: Any, **request: str) -> None:
    try:
        ask(method, **request)
    except AwsFailure as refusal:
        if refusal.failure.kind is not FailureKind.NOT_FOUND:
            raise


def _instance_profiles(session: AwsSession, name: str) -> tuple[str, ...]:
    client = session.client("iam")
    try:
        pages = collect(
            client, client.get_paginator("list_instance_profiles_for_role").paginate(RoleName=name)
        )
    except AwsFailure as refusal:
        # What can't be listed is found when the deletion fails, and asked about then.
        if refusal.failure.kind in _DENIALS | {FailureKind.NOT_FOUND}:
            return ()
        raise
    return tuple(
        sorted(profile["InstanceProfileName"] for page in pages for profile in page["InstanceProfiles"])
    )


def roles_trusting(session: AwsSession, principal_arns: Iterable[str]) -> tuple[Role, ...] | None:
    """The account's roles that any of these principals may assume; None where listing roles is denied.

    Policies aren't read. A trust whose principal was deleted shows that principal's internal id instead of
    its ARN, and can't be found this way.
    """
    wanted = frozenset(principal_arns)
    if not wanted:
        return ()
    client = session.client("iam")
    try:
        listing = client.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 1000})
        pages = collect(client, listing)
    except AwsFailure as refusal:
        if refusal.failure.kind in _DENIALS:
            return None
        raise
    return tuple(
        Role(arn=role["Arn"], name=role["RoleName"], trusted_principals=trusted)
        for page in pages
        for role in page["Roles"]
        if wanted.intersection(trusted := trusted_principals(_trust(role)))
    )


def _trust(role: "RoleTypeDef") -> Mapping[str, Any]:
    """The trust policy: botocore has already parsed it, whatever its type says."""
    document: Any = role.get("AssumeRolePolicyDocument") or {}
    return document if isinstance(document, Mapping) else {}


def trusted_principals(trust_policy: Mapping[str, Any]) -> tuple[str, ...]:
    """Who may assume a role with this trust policy, in alphabetical order; "*" for anybody.

    Where aws:PrincipalArn narrows a statement, the principals that it names stand for the wider one.
    """
    trusted: set[str] = set()
    for statement in as_list(trust_policy.get("Statement")):
        if statement.get("Effect") == "Allow":
            trusted.update(_narrowed_to(statement) or _principals(statement.get("Principal")))
    return tuple(sorted(trusted))


def _principals(principal: Any) -> set[str]:
    if isinstance(principal, Mapping):
        return {str(each) for kind in principal.values() for each in as_list(kind)}
    return {str(each) for each in as_list(principal)}


def _narrowed_to(statement: Mapping[str, Any]) -> set[str]:
    return {
        str(arn)
        for operator, keys in (statement.get("Condition") or {}).items()
        if operator.lower() in _NARROWING
        for key, arns in keys.items()
        if key.lower() == "aws:principalarn"
        for arn in as_list(arns)
    }
