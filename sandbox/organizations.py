"""Which organization is an account in? ministack makes every account the master of one the moment it asks."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core import responses
from ministack.services import organizations

from sandbox import accounts
from sandbox.refusals import Answer

_ORGANIZATION_ID = "o-exampleorgid"


def _json(status: int, document: Mapping[str, Any]) -> Answer:
    return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(document).encode()


def _refused(code: str, message: str) -> Answer:
    return _json(400, {"__type": code, "Message": message})


def _management(account: str) -> str:
    """The management account of its organization; empty when it is in none."""
    return account if accounts.members(account) else accounts.get(account).management_account


def _describe_organization(_request: Mapping[str, Any]) -> Answer:
    management = _management(responses.get_account_id())
    if not management:
        return _refused(
            "AWSOrganizationsNotInUseException", "Your account is not a member of an organization."
        )
    arn = f"arn:aws:organizations::{management}"
    return _json(
        200,
        {
            "Organization": {
                "Id": _ORGANIZATION_ID,
                "Arn": f"{arn}:organization/{_ORGANIZATION_ID}",
                "FeatureSet": "ALL",
                "MasterAccountId": management,
                "MasterAccountEmail": "organization@example.org",
                "MasterAccountArn": f"{arn}:account/{_ORGANIZATION_ID}/{management}",
            }
        },
    )


def _member(number: str, management: str) -> dict[str, Any]:
    return {
        "Id": number,
        "Name": accounts.get(number).name,
        "Status": "ACTIVE",
        "JoinedMethod": "CREATED",
        "Email": f"{number}@example.org",
        "Arn": f"arn:aws:organizations::{management}:account/{_ORGANIZATION_ID}/{number}",
    }


def _by_management_only(
    act: Callable[[Mapping[str, Any], str], Answer],
) -> Callable[[Mapping[str, Any]], Answer]:
    def answer(request: Mapping[str, Any]) -> Answer:
        caller = responses.get_account_id()
        if not _management(caller):
            return _refused(
                "AWSOrganizationsNotInUseException", "Your account is not a member of an organization."
            )
        if _management(caller) != caller:
            return _refused("AccessDeniedException", "You don't have permissions to access this resource.")
        return act(request, caller)

    return answer


def _list_accounts(_request: Mapping[str, Any], management: str) -> Answer:
    numbers = [management, *(a.number for a in accounts.members(management))]
    return _json(200, {"Accounts": [_member(number, management) for number in numbers]})


def _describe_account(request: Mapping[str, Any], management: str) -> Answer:
    number = request.get("AccountId", "")
    if number != management and accounts.get(number).management_account != management:
        return _refused("AccountNotFoundException", "You specified an account that doesn't exist.")
    return _json(200, {"Account": _member(number, management)})


def install() -> None:
    """Replace the three actions that the stand-in offers; the module dispatches through this table."""
    organizations._DISPATCH.update(
        {
            "DescribeOrganization": _describe_organization,
            "ListAccounts": _by_management_only(_list_accounts),
            "DescribeAccount": _by_management_only(_describe_account),
        }
    )
