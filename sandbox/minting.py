"""Where do the stand-in's own credentials come from? Of each kind, as their owner would have got them."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from ministack.core import responses
from ministack.services import iam, sts

from sandbox import accounts

Kind = Literal["role", "session", "session-mfa", "federation", "root", "long-lived", "worker"]
KINDS: tuple[str, ...] = get_args(Kind)

OWNER_ROLE = "AccountAdministrator"
OWNER_USER = "account-owner"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a person would paste. Its repr shows no secret."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    expiration: str
    arn: str

    def __repr__(self) -> str:
        return f"<Credentials …{self.access_key_id[-4:]} of {self.arn}>"

    def document(self) -> dict[str, str]:
        """As `aws configure export-credentials` prints it; an empty token or expiration is left out."""
        found = {
            "AccessKeyId": self.access_key_id,
            "SecretAccessKey": self.secret_access_key,
            "SessionToken": self.session_token,
            "Expiration": self.expiration,
            "Arn": self.arn,
        }
        return {name: value for name, value in found.items() if value}


def _mint(account: str, session: dict[str, Any], duration_seconds: float) -> Credentials:
    key, expires = iam._gen_session_access_key(), time.time() + duration_seconds
    session = {
        **session,
        "AccountId": account,
        "SecretAccessKey": iam._gen_secret(),
        "SessionToken": iam._gen_session_token(),
        "Expiration": expires,
    }
    sts.register_session(key, session)
    stamp = datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Credentials(key, session["SecretAccessKey"], session["SessionToken"], stamp, session["Arn"])


def _of_role(role_arn: str, session_name: str) -> tuple[str, dict[str, Any]]:
    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    role = iam._roles.get_scoped(account, None, name)
    if role is None:
        raise LookupError(f"There is no role {role_arn}.")
    return account, {
        "Arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session_name}",
        "UserId": f"{role['RoleId']}:{session_name}",
        "PrincipalType": "AssumedRole",
    }


def _of_user(account: str) -> dict[str, Any]:
    user = iam._users.get_scoped(account, None, OWNER_USER)
    if user is None:
        raise LookupError(f"Account {account} has no user {OWNER_USER}: tell the stand-in about it first.")
    return {
        "Arn": user["Arn"],
        "UserId": user["UserId"],
        "PrincipalType": "User",
        "PrincipalName": OWNER_USER,
    }


def _long_lived(account: str) -> Credentials:
    user = _of_user(account)
    key, secret = iam._gen_access_key_id(), iam._gen_secret()
    iam._access_keys.set_scoped(
        account,
        None,
        key,
        {
            "UserName": OWNER_USER,
            "AccessKeyId": key,
            "SecretAccessKey": secret,
            "Status": "Active",
            "CreateDate": responses.now_iso(),
        },
    )
    return Credentials(key, secret, "", "", user["Arn"])


def mint(
    kind: str,
    *,
    account: str = "",
    role_arn: str = "",
    session_name: str = "owner",
    duration_seconds: float = 3600,
    version_1: bool = False,
) -> Credentials:
    """Credentials of that kind, as their owner would have got them from AWS.

    For `role`, without `role_arn`, the role that the account's owner works with; `worker` is a session of the
    given role, by default the portal's own. `version_1` makes a token that fails in opt-in regions.
    Durations below AWS's 15 minutes are allowed here: tests wait for expiry. LookupError for an unknown role.
    """
    mark: dict[str, Any] = {"V1": True} if version_1 else {}
    match kind:
        case "role" | "worker":
            if kind == "worker" and not role_arn:
                portal = next((a for a in accounts.known() if a.role == "portal"), None)
                if portal is None:
                    raise LookupError("No portal account is seeded.")
                role_arn = f"arn:aws:iam::{portal.number}:role/OnboardingWorker"
            account, session = _of_role(role_arn or f"arn:aws:iam::{account}:role/{OWNER_ROLE}", session_name)
            return _mint(account, {**session, **mark}, duration_seconds)
        case "session" | "session-mfa":
            return _mint(
                account, {**_of_user(account), **mark, "MultiFactor": kind == "session-mfa"}, duration_seconds
            )
        case "federation":
            return _mint(
                account,
                {
                    **mark,
                    "Arn": f"arn:aws:sts::{account}:federated-user/{session_name}",
                    "PrincipalType": "FederatedUser",
                    "UserId": f"{account}:{session_name}",
                    "PrincipalName": OWNER_USER,
                },
                duration_seconds,
            )
        case "root":
            return _mint(
                account,
                {
                    **mark,
                    "Arn": f"arn:aws:iam::{account}:root",
                    "UserId": account,
                    "PrincipalType": "Root",
                    "MultiFactor": True,
                },
                duration_seconds,
            )
        case "long-lived":
            return _long_lived(account)
        case _:
            raise ValueError(f"A kind of credentials is one of {', '.join(KINDS)}.")
