"""How is the hand-over role said in Terraform? In the form that `terraform fmt` gives it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from onboarding.company import Company
from onboarding.policies import policy_of, trust_policy_of

_BARE_KEY = re.compile(r"[A-Za-z_][\w-]*")


def handover_role(company: Company, account_number: str, *, external_id: str, expires_at: str) -> str:
    """The role, whole: one file to apply in the account, and one `terraform destroy` to be rid of it."""
    trust = trust_policy_of(company, external_id=external_id, expires_at=expires_at)
    role = {
        "name": company.portal.handover_role_name,
        "description": f"Hands this account over to {company.name}'s onboarding portal, for one onboarding.",
        "max_session_duration": 3600,
    }
    return "\n".join(
        [
            *_block('resource "aws_iam_role" "onboarding_handover"', role, "assume_role_policy", trust),
            "",
            *_block(
                'resource "aws_iam_role_policy" "onboarding_handover"',
                {"name": "Onboarding", "role": _Reference("aws_iam_role.onboarding_handover.name")},
                "policy",
                policy_of(company, account_number),
            ),
            "",
            'output "role_arn" {',
            '  description = "Paste this into the portal."',
            "  value       = aws_iam_role.onboarding_handover.arn",
            "}",
            "",
        ]
    )


class _Reference(str):
    """A name of another resource's attribute: written without quotes."""

    __slots__ = ()


def _block(head: str, attributes: Mapping[str, Any], name: str, policy: Mapping[str, Any]) -> list[str]:
    inner = [*_assignments(attributes, "  "), ""]
    first, *rest = _value(policy, "  ")
    encoded = [f"  {name} = jsonencode({first}", *rest]
    return [f"{head} {{", *inner, *encoded[:-1], f"{encoded[-1]})", "}"]


def _assignments(pairs: Mapping[str, Any], indent: str) -> list[str]:
    """One assignment for each pair; the equals signs of neighbours that take one line stand in one column."""
    written = [(_key(key), _value(value, indent)) for key, value in pairs.items()]
    lines: list[str] = []
    for place, (key, value) in enumerate(written):
        width = len(key)
        if len(value) == 1:
            width = max(len(each) for each in _neighbours(written, place))
        lines += [f"{indent}{key.ljust(width)} = {value[0]}", *value[1:]]
    return lines


def _neighbours(written: Sequence[tuple[str, list[str]]], place: int) -> list[str]:
    """The keys of the unbroken row of one-line values that `place` stands in."""
    first = last = place
    while first > 0 and len(written[first - 1][1]) == 1:
        first -= 1
    while last + 1 < len(written) and len(written[last + 1][1]) == 1:
        last += 1
    return [key for key, _value in written[first : last + 1]]


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _quoted(key)


def _value(value: Any, indent: str) -> list[str]:
    """The value's lines, the first without indentation: it follows an equals sign."""
    match value:
        case _Reference():
            return [str(value)]
        case str():
            return [_quoted(value)]
        case Mapping():
            return ["{", *_assignments(value, indent + "  "), indent + "}"]
        case list() | tuple() if len(value) == 1 and isinstance(value[0], str):
            return [f"[{_quoted(value[0])}]"]
        case list() | tuple():
            inner = indent + "  "
            lines = ["["]
            for each in value:
                first, *rest = _value(each, inner)
                item = [inner + first, *rest]
                lines += [*item[:-1], item[-1] + ","]
            return [*lines, indent + "]"]
        case _:
            return [str(value)]


def _quoted(text: str) -> str:
    """A string; what Terraform would take for an interpolation is written twice, as it wants it."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + plain.replace("${", "$${").replace("%{", "%%{") + '"'
