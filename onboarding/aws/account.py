"""Which account is this, and which regions does it have?"""

import re
from dataclasses import dataclass

from onboarding.aws.errors import AwsFailure, ask, collect
from onboarding.aws.session import GLOBAL_REGION, AwsSession
from onboarding.observed import DEFAULT_REGIONS, Failure, Identity
from onboarding.states import FailureKind

# Credentials work in their own partition only; some AWS-compatible endpoints list those of others too.
_OTHER_PARTITIONS = ("cn-", "us-gov-", "us-iso", "eu-iso", "eusc-")

# A region that is still being enabled can't be used until AWS is done with it.
_USABLE = frozenset({"ENABLED", "ENABLED_BY_DEFAULT"})
_OPTED_IN = frozenset({"opt-in-not-required", "opted-in"})

_EXPLICIT_DENIAL = re.compile(r"with an explicit deny in an identity-based policy")


@dataclass(frozen=True, slots=True)
class Regions:
    """An account's regions, in the order of their names.

    `knows_all` is False when AWS would not list them: `enabled` then holds the default regions only.
    """

    enabled: tuple[str, ...]
    not_enabled: tuple[str, ...] = ()
    knows_all: bool = True


def identity(session: AwsSession) -> Identity:
    """Whose credentials these are. Needs no permission: its failure is about the credentials themselves."""
    answer = ask(session.client("sts").get_caller_identity)
    return Identity(account=answer["Account"], arn=answer["Arn"], user_id=answer["UserId"])


def alias(session: AwsSession) -> str:
    """The name that the account's owner gave it; empty without one. Self-chosen: it proves nothing."""
    answer = ask(session.client("iam").list_account_aliases)
    return next(iter(answer["AccountAliases"]), "")


def can_use_iam(session: AwsSession) -> bool:
    """False for a session that may call no IAM action at all: a user's session made without MFA.

    Ask only when the identity was read: credentials that aren't valid at all look the same to IAM. A missing
    permission is no such thing and counts as True.
    """
    try:
        ask(session.client("iam").list_account_aliases)
    except AwsFailure as refusal:
        match refusal.failure.kind:
            case FailureKind.INVALID_CREDENTIALS:
                return False
            case FailureKind.DENIED | FailureKind.DENIED_BY_ORGANIZATION:
                return True
            case _:
                raise
    return True


def denial_of_everything(session: AwsSession) -> Failure | None:
    """AWS's words when a policy of the account itself explicitly denies unlike, harmless requests.

    That is what revoking a role's sessions does: IAM attaches a policy that denies everything to those issued
    before. None when anything is allowed, or denied only for want of an allowance.
    """
    denials: list[Failure] = []
    for ask_something in (alias, _listed_by_account, _listed_by_ec2):
        try:
            ask_something(session)
        except AwsFailure as refusal:
            if not _EXPLICIT_DENIAL.search(refusal.failure.message):
                return None
            denials.append(refusal.failure)
        else:
            return None
    return denials[0]


def is_known_in(session: AwsSession, region: str) -> bool:
    """Whether `region` recognises the credentials. True where it can't be told.

    Tokens of AWS's global sign-in endpoint aren't valid in regions that have to be enabled.
    """
    try:
        ask(session.client("sts", region).get_caller_identity)
    except AwsFailure as refusal:
        return refusal.failure.kind is not FailureKind.INVALID_CREDENTIALS
    return True


def enabled_regions(session: AwsSession) -> Regions:
    """The account's regions, from whichever of two services answers; the default regions when neither does.

    Raises AwsFailure only when the credentials themselves don't work.
    """
    for listed in (_listed_by_account, _listed_by_ec2):
        try:
            usable = listed(session)
        except AwsFailure:
            continue
        # An empty list is no answer: every account has its default regions.
        if any(usable.values()):
            return Regions(
                enabled=tuple(sorted(name for name, is_usable in usable.items() if is_usable)),
                not_enabled=tuple(sorted(name for name, is_usable in usable.items() if not is_usable)),
            )
    identity(session)
    return Regions(enabled=DEFAULT_REGIONS, knows_all=False)


def _listed_by_account(session: AwsSession) -> dict[str, bool]:
    client = session.client("account", GLOBAL_REGION)
    pages = collect(client, client.get_paginator("list_regions").paginate())
    return {
        region["RegionName"]: region["RegionOptStatus"] in _USABLE
        for page in pages
        for region in page.get("Regions", [])
        if not region["RegionName"].startswith(_OTHER_PARTITIONS)
    }


def _listed_by_ec2(session: AwsSession) -> dict[str, bool]:
    answer = ask(session.client("ec2", GLOBAL_REGION).describe_regions, AllRegions=True)
    return {
        region["RegionName"]: region.get("OptInStatus", "opt-in-not-required") in _OPTED_IN
        for region in answer.get("Regions", [])
        if not region["RegionName"].startswith(_OTHER_PARTITIONS)
    }
