"""Who is there before anybody starts? Plays the central side, accounts with their owners, and scenarios."""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from sandbox import accounts, central, clock, company_file, minting, regions, trails
from sandbox.accounts import Account
from sandbox.company_file import CentralSide
from sandbox.hands import Hands

logger = logging.getLogger("sandbox")

ORGANIZATION_ACCOUNT = "999900001111"
ORGANIZATION_BUCKET = "organization-trail-logs"

Scenario = Callable[[str, Mapping[str, Any]], dict[str, Any]]
SCENARIOS: dict[str, Scenario] = {}

hands = Hands()
_company: CentralSide | None = None

sown = threading.Event()
"""Set once everything that was asked for at the start is there."""

# One scenario at a time: each restores the speed that it found.
_playing = threading.Lock()

# Seeding is no story that anybody watches: its stacks live this much faster.
_SEEDING_SPEED = 200.0


def company() -> CentralSide:
    """The company whose central side is played."""
    if _company is None:
        raise RuntimeError("No company file was read.")
    return _company


def read_company(path: Path) -> None:
    """Take the names from this file from now on."""
    global _company  # noqa: PLW0603 - one process, one cloud
    _company = company_file.read(path)


def scenario(name: str) -> Callable[[Scenario], Scenario]:
    """Offer the function under this name; its docstring is what the control API shows."""

    def offer(play_it: Scenario) -> Scenario:
        SCENARIOS[name] = play_it
        return play_it

    return offer


def play_central_side() -> None:
    """Make infosec's own accounts."""
    for number, role in company().accounts().items():
        accounts.tell(Account(number, name=f"Infosec: {role}", role=role, opted_in=regions.OPT_IN_REGIONS))
    central.make(hands, company())


def play_account(account: Account) -> None:
    """Make an account with an alias, an administrator's role and a user, through whom its owner acts."""
    accounts.tell(account)
    iam = hands.root(account.number, "iam")
    if account.alias:
        iam.create_account_alias(AccountAlias=account.alias)
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{account.number}:root"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
    try:
        iam.create_role(
            RoleName=minting.OWNER_ROLE,
            AssumeRolePolicyDocument=json.dumps(trust),
            MaxSessionDuration=43200,
        )
        iam.attach_role_policy(RoleName=minting.OWNER_ROLE, PolicyArn=administrator)
        iam.create_user(UserName=minting.OWNER_USER)
        iam.attach_user_policy(UserName=minting.OWNER_USER, PolicyArn=administrator)
    except ClientError as error:
        if error.response["Error"]["Code"] != "EntityAlreadyExists":
            raise


def play_organization_trail(member: str, name: str) -> None:
    """Make the account a member of an organization whose own trail reaches into it."""
    accounts.join_organization(member, ORGANIZATION_ACCOUNT)
    if accounts.get(ORGANIZATION_ACCOUNT).role != "organization":
        accounts.tell(Account(ORGANIZATION_ACCOUNT, name="The organization", role="organization"))
        hands.root(ORGANIZATION_ACCOUNT, "s3").create_bucket(Bucket=ORGANIZATION_BUCKET)
        hands.root(ORGANIZATION_ACCOUNT, "s3").put_bucket_policy(
            Bucket=ORGANIZATION_BUCKET, Policy=own_bucket_policy(ORGANIZATION_BUCKET)
        )
    if not any(t.name == name for t in trails.of_account(ORGANIZATION_ACCOUNT)):
        trail = trails.create(
            ORGANIZATION_ACCOUNT,
            "us-east-1",
            {
                "Name": name,
                "S3BucketName": ORGANIZATION_BUCKET,
                "IsMultiRegionTrail": True,
                "IsOrganizationTrail": True,
            },
        )
        trails.start_logging(trail)


def own_bucket_policy(bucket: str) -> str:
    """A policy as owners write it for a bucket of their own: whatever CloudTrail brings is welcome."""
    service = {"Service": "cloudtrail.amazonaws.com"}
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": service,
                    "Action": "s3:GetBucketAcl",
                    "Resource": f"arn:aws:s3:::{bucket}",
                },
                {
                    "Effect": "Allow",
                    "Principal": service,
                    "Action": "s3:PutObject",
                    "Resource": f"arn:aws:s3:::{bucket}/*",
                    "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}},
                },
            ],
        }
    )


def play(name: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """Play a scenario in the account that `document` names, or in the scenario's own; what it made.

    The clock runs faster meanwhile. KeyError for an unknown scenario, ValueError for what it can't play with.
    """
    play_it = SCENARIOS[name]
    number = str(document.get("account") or f"2{list(SCENARIOS).index(name) + 1:011d}")
    with _playing:
        before = clock.speed()
        clock.set_speed(max(before, _SEEDING_SPEED))
        try:
            return {"scenario": name, "account": number, **play_it(number, document)}
        finally:
            clock.set_speed(before)
