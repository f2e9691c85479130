"""Which regions exist, and which of them has an account enabled?

Answers `ec2:DescribeRegions` and `account:ListRegions`, and refuses calls in a region that the caller's
account has not enabled, in each service's own words: to a caller it looks like bad credentials.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from ministack.core import iam_actions, responses
from ministack.services import account as account_service
from ministack.services import ec2

from sandbox import accounts
from sandbox.calls import Call
from sandbox.refusals import INVALID, Refusal, spelled

DEFAULT_REGIONS = (
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "ca-central-1",
    "sa-east-1",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eu-north-1",
    "ap-south-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-southeast-1",
    "ap-southeast-2",
)
OPT_IN_REGIONS = (
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
)
ALL_REGIONS = DEFAULT_REGIONS + OPT_IN_REGIONS

ENABLED_UNLESS_SAID_OTHERWISE = ("af-south-1", "eu-south-1")

# Their one endpoint is reached under the name of a default region, or belongs to no account (S3's names).
_EVERYWHERE = {"iam", "organizations", "account"}

_ours_unless_said_otherwise: tuple[str, ...] = ENABLED_UNLESS_SAID_OTHERWISE


def enable_unless_said_otherwise(count: int | None) -> None:
    """How many regions an account has enabled when nothing else was said: at least the 17 defaults."""
    global _ours_unless_said_otherwise  # noqa: PLW0603 - one process, one cloud
    if count is None:
        _ours_unless_said_otherwise = ENABLED_UNLESS_SAID_OTHERWISE
        return
    if not len(DEFAULT_REGIONS) <= count <= len(ALL_REGIONS):
        raise ValueError(f"An account has {len(DEFAULT_REGIONS)} to {len(ALL_REGIONS)} regions enabled.")
    _ours_unless_said_otherwise = OPT_IN_REGIONS[: count - len(DEFAULT_REGIONS)]


def opted_in(account: str) -> tuple[str, ...]:
    """The opt-in regions that the account has enabled."""
    said = accounts.get(account).opted_in
    return _ours_unless_said_otherwise if said is None else said


def enabled(account: str) -> tuple[str, ...]:
    """The regions where the account can do anything at all."""
    return DEFAULT_REGIONS + opted_in(account)


def is_enabled(account: str, region: str) -> bool:
    """Whether the account may work in the region; no account may in one that doesn't exist."""
    return region in DEFAULT_REGIONS or region in opted_in(account)


def refusal(call: Call) -> Refusal | None:
    """What the call is answered when its account has not enabled the region, None when it has."""
    if call.service in _EVERYWHERE or not call.account or is_enabled(call.account, call.region):
        return None
    return spelled(INVALID, call)


def status(account: str, region: str) -> str:
    """The word of `account:ListRegions` for one region."""
    if region in DEFAULT_REGIONS:
        return "ENABLED_BY_DEFAULT"
    return "ENABLED" if region in opted_in(account) else "DISABLED"


def _json(document: Mapping[str, Any]) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "application/json"}, json.dumps(document).encode()


def _list_regions(payload: Mapping[str, Any]) -> tuple[int, dict[str, str], bytes]:
    account = responses.get_account_id()
    wanted = payload.get("RegionOptStatusContains") or []
    listed = [
        {"RegionName": region, "RegionOptStatus": status(account, region)} for region in sorted(ALL_REGIONS)
    ]
    listed = [entry for entry in listed if not wanted or entry["RegionOptStatus"] in wanted]
    start, size = int(payload.get("NextToken") or 0), int(payload.get("MaxResults") or 50)
    document: dict[str, Any] = {"Regions": listed[start : start + size]}
    if start + size < len(listed):
        document["NextToken"] = str(start + size)
    return _json(document)


def _get_region_opt_status(payload: Mapping[str, Any]) -> tuple[int, dict[str, str], bytes]:
    region = payload.get("RegionName", "")
    if region not in ALL_REGIONS:
        message = json.dumps({"__type": "ValidationException", "message": f"Region {region} is not valid"})
        return 400, {"Content-Type": "application/json"}, message.encode()
    return _json({"RegionName": region, "RegionOptStatus": status(responses.get_account_id(), region)})


def _filters(parameters: Mapping[str, Any]) -> dict[str, list[str]]:
    names = {
        key.split(".")[1]: parameters[key][0] for key in parameters if re.fullmatch(r"Filter\.\d+\.Name", key)
    }
    return {
        name: [parameters[key][0] for key in parameters if key.startswith(f"Filter.{number}.Value.")]
        for number, name in names.items()
    }


def _describe_regions(parameters: Mapping[str, Any]) -> tuple[int, dict[str, str], bytes]:
    account = responses.get_account_id()
    every = (parameters.get("AllRegions") or ["false"])[0].lower() == "true"
    named = [parameters[key][0] for key in sorted(parameters) if key.startswith("RegionName.")]
    unknown = [name for name in named if name not in ALL_REGIONS]
    if unknown:
        return _ec2_error("InvalidParameterValue", f"Invalid region name: {', '.join(unknown)}")
    filters = _filters(parameters)
    if set(filters) - {"opt-in-status", "region-name"}:
        return _ec2_error("InvalidParameterValue", f"The filter '{next(iter(filters))}' is invalid")
    items = []
    for region in sorted(ALL_REGIONS):
        usable = is_enabled(account, region)
        if (named and region not in named) or not (usable or every):
            continue
        word = (
            "opt-in-not-required" if region in DEFAULT_REGIONS else "opted-in" if usable else "not-opted-in"
        )
        shown = {"opt-in-status": word, "region-name": region}
        if any(shown[name] not in values for name, values in filters.items()):
            continue
        items.append(
            f"<item><regionName>{region}</regionName>"
            f"<regionEndpoint>ec2.{region}.amazonaws.com</regionEndpoint>"
            f"<optInStatus>{word}</optInStatus></item>"
        )
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<DescribeRegionsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        f"<requestId>{responses.new_uuid()}</requestId><regionInfo>{''.join(items)}</regionInfo>"
        "</DescribeRegionsResponse>"
    )
    return 200, {"Content-Type": "text/xml;charset=UTF-8"}, body.encode()


def _ec2_error(code: str, message: str) -> tuple[int, dict[str, str], bytes]:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>'
        f"<Code>{code}</Code><Message>{message}</Message></Error></Errors>"
        f"<RequestID>{responses.new_uuid()}</RequestID></Response>"
    )
    return 400, {"Content-Type": "text/xml;charset=UTF-8"}, body.encode()


def install() -> None:
    """Replace ministack's fixed list of 31 regions, all of them enabled, in both services that show it."""
    account_service._DISPATCH.update(
        {
            "/listRegions": _list_regions,
            "/getRegionOptStatus": _get_region_opt_status,
        }
    )
    ec2._ACTION_MAP["DescribeRegions"] = _describe_regions
    # Without its routes ministack can't tell the account service's actions and lets everybody call them.
    iam_actions._BOTOCORE_SERVICE_MAP["account"] = ["account"]
