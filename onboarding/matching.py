"""Is this stack the old one, is it ours, or is it neither?

By name and by content, never by one alone: what doesn't match in full is left alone, with the reason. Pure.
"""

import re
from collections.abc import Collection, Iterable
from enum import StrEnum

from onboarding.blueprint import BLUEPRINT_TAG, Template
from onboarding.company import Company
from onboarding.observed import Role, Stack, StackResource

# A stack set's instance carries no tag that would say so, only this name:
# aws-cloudformation/cloudformation-coverage-roadmap#2342.
_STACK_SET_INSTANCE = re.compile(r"StackSet-.+-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MANAGED_ELSEWHERE = re.compile(r"SC-\d{12}-pp-.+|AWSControlTower.+")

# Whatever could be an account in a trust policy: in an ARN, or as a bare number.
_ACCOUNT_NUMBER = re.compile(r"(?<!\d)\d{12}(?!\d)")
_TRUSTED_IN_TEXT = re.compile(r"arn:aws:(?:iam|sts)::\d{12}:[\w+=,.@:/*-]+")


class OldMatch(StrEnum):
    """How a stack compares with what the new roles replace. The last three are words of a note."""

    NOT_OLD = "not_old"
    OLD = "old"
    # The old role, and beside it what somebody added: only its owner can say that all of it may go.
    OLD_WITH_EXTRAS = "old_with_extras"
    NESTED_OR_STACKSET = "nested_or_stackset"
    OTHER_CONTENT = "not_deleted_other_content"
    CONTENT_UNREADABLE = "not_deleted_unreadable"


def is_old_stack(company: Company, stack: Stack, old_roles: Collection[Role] | None = None) -> bool:
    """Whether this stack is, by name and content, what the new roles replace, and may be deleted."""
    return compare_with_old(company, stack, old_roles) == OldMatch.OLD


def compare_with_old(company: Company, stack: Stack, old_roles: Collection[Role] | None = None) -> OldMatch:
    """How a stack compares with the old one. `old_roles` are the roles known to trust an old principal.

    A stack without the old role, or with any other trust, is somebody else's work.
    """
    if not _hints_at_old(company, stack, old_roles):
        return OldMatch.NOT_OLD
    if is_managed_elsewhere(stack):
        return OldMatch.NESTED_OR_STACKSET
    if stack.resources is None:
        return OldMatch.CONTENT_UNREADABLE
    if not any(_is_old_role(company, resource) for resource in stack.resources):
        return OldMatch.OTHER_CONTENT
    extras = extras_of(company.old.role_logical_ids, stack)
    trust = _compare_trust(company, stack, old_roles or (), has_extras=bool(extras))
    return OldMatch.OLD_WITH_EXTRAS if extras and trust == OldMatch.OLD else trust


def extras_of(role_logical_ids: Iterable[str], stack: Stack) -> tuple[StackResource, ...]:
    """What the stack still holds beside the old role."""
    known = frozenset(role_logical_ids)
    return tuple(
        resource
        for resource in stack.resources or ()
        if resource.status != "DELETE_COMPLETE"
        and not (resource.type == "AWS::IAM::Role" and resource.logical_id in known)
    )


def attachments_of(stack: Stack, role: Role) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """What hangs on a stack's role and is not in its template: policies, inline policies, instance profiles.

    AWS deletes no role with any of it. Without the template nothing can be called foreign beforehand.
    """
    if stack.template_body is None and stack.status != "DELETE_FAILED":
        return (), (), ()
    # A template may write a policy's ARN with a partition of its own; its name stands there as it is.
    # Of a deletion that failed, CloudFormation has taken off already what was its own.
    body = stack.template_body or ""
    policies = tuple(arn for arn in role.attached_policy_arns if arn.partition(":policy/")[2] not in body)
    inline = tuple(name for name in role.inline_policy_names if name not in body)
    held = {each.physical_id for each in stack.resources or () if each.type == "AWS::IAM::InstanceProfile"}
    return policies, inline, tuple(name for name in role.instance_profile_names if name not in held)


def is_managed_elsewhere(stack: Stack) -> bool:
    """Whether another stack, a stack set, Service Catalog or Control Tower made it, and would again."""
    is_nested = bool(stack.parent_id) or bool(stack.root_id and stack.root_id != stack.stack_id)
    patterns = (_STACK_SET_INSTANCE, _MANAGED_ELSEWHERE)
    return is_nested or any(pattern.fullmatch(stack.name) for pattern in patterns)


def is_ours(template: Template, stack: Stack) -> bool:
    """Whether a stack was made from this template, in any version: by our tag, or by the description.

    The tag stays on a stack whose creation failed; one that its owner created by hand has the description
    alone.
    """
    if is_managed_elsewhere(stack):
        return False
    if BLUEPRINT_TAG in stack.tags:
        return stack.tags[BLUEPRINT_TAG] == template.name
    return bool(stack.description) and _words(stack.description) == _words(described(template))


def described(template: Template) -> str:
    """A template's own description: one line of YAML, quoted or not, or a folded text."""
    match = re.search(
        r"^Description:[ ]*(?:>-?[ ]*\n(?P<folded>(?:[ ]+\S.*\n)+)|(?P<line>.+))$",
        template.body,
        re.MULTILINE,
    )
    if match is None:
        return ""
    return match["folded"] or match["line"].strip().strip("\"'")


def _hints_at_old(company: Company, stack: Stack, old_roles: Collection[Role] | None) -> bool:
    old = company.old
    if stack.name in old.stack_names or stack.description.strip() in old.descriptions:
        return True
    if any(_is_old_role(company, resource) for resource in stack.resources or ()):
        return True
    names = {role.name for role in old_roles or ()}
    return any(resource.physical_id in names for resource in stack.resources or ())


def _is_old_role(company: Company, resource: StackResource) -> bool:
    return resource.type == "AWS::IAM::Role" and resource.logical_id in company.old.role_logical_ids


def _compare_trust(
    company: Company, stack: Stack, old_roles: Iterable[Role], *, has_extras: bool
) -> OldMatch:
    """The template must trust the old principal and nobody else; or the role itself is known to.

    When the trusted role is gone, IAM shows its id instead of its ARN: so the template is asked first.
    What was added beside the role may name whom it likes.
    """
    trusted = frozenset(company.old.trusted_principal_arns)
    if stack.template_body and has_extras:
        is_right = bool(set(_TRUSTED_IN_TEXT.findall(stack.template_body)) & trusted)
        return OldMatch.OLD if is_right else OldMatch.OTHER_CONTENT
    if stack.template_body:
        return _compare_template(stack.template_body, trusted, own_account=_account_of(stack))
    physical_ids = {resource.physical_id for resource in stack.resources or ()}
    known = [role for role in old_roles if role.name in physical_ids]
    if not known:
        return OldMatch.CONTENT_UNREADABLE
    is_right = all(role.trusted_principals and set(role.trusted_principals) <= trusted for role in known)
    return OldMatch.OLD if is_right else OldMatch.OTHER_CONTENT


def _compare_template(body: str, trusted: frozenset[str], *, own_account: str) -> OldMatch:
    accounts = {arn.split(":")[4] for arn in trusted} | {own_account}
    named = set(_TRUSTED_IN_TEXT.findall(body))
    if not named & trusted or named - trusted or set(_ACCOUNT_NUMBER.findall(body)) - accounts:
        return OldMatch.OTHER_CONTENT
    return OldMatch.OLD


def _account_of(stack: Stack) -> str:
    parts = stack.stack_id.split(":")
    return parts[4] if len(parts) > 4 else ""


def _words(text: str) -> list[str]:
    return text.split()
