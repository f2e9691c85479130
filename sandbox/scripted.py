"""How do regions live that are played from a script? For measuring with thousands of them.

In an account with scripted regions the CloudTrail parent's function isn't run. What it would bring about is
played instead: a stack with a trail in each region, in CloudFormation's own time, and each trail's first log.
Stacks and trails are kept where real ones are, so all that is asked about them is answered as ever.

The script knows only how it goes well. What it doesn't know is left to the function itself: a stack that is
there already, a deletion, a central side that doesn't admit the account, and any fault that is in force.
"""

import asyncio
import hashlib
import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any

from ministack.core import responses
from ministack.services import cloudformation
from ministack.services.cloudformation import engine
from ministack.services.cloudformation import stacks as ministack_stacks

from sandbox import accounts, admission, clock, declared, events, faults, resources, settings, trails
from sandbox.events import Record

logger = logging.getLogger("sandbox")

# What the function takes to start, and to send the next region's request after the one before.
STARTING_SECONDS = 1.0
BETWEEN_REGIONS_SECONDS = 0.05
# So long the server plays before it looks for requests. With one act for each round of requests, thousands of
# regions took minutes longer than their stacks do: the more were looked at, the more slowly they came.
AT_A_TIME_SECONDS = 0.02

_TEMPLATE = Path(__file__).parent.parent / "onboarding" / "cloudformation" / "regional_trail.yaml"
_LOGICAL_ID, _TYPE = "Trail", "AWS::CloudTrail::Trail"

Act = Callable[[], None]


class _Stage:
    """What is to happen when, on the stand-in's clock. Played on the server's own loop."""

    def __init__(self) -> None:
        self._acts: list[tuple[float, int, Act]] = []
        self._order = itertools.count()
        self._lock = threading.Lock()

    def at(self, moment: float, act: Act) -> None:
        with self._lock:
            heapq.heappush(self._acts, (moment, next(self._order), act))

    def due(self) -> Act | None:
        with self._lock:
            if self._acts and self._acts[0][0] <= clock.now():
                return heapq.heappop(self._acts)[2]
        return None

    def clear(self) -> None:
        with self._lock:
            self._acts.clear()


_stage = _Stage()
# A task that nobody holds may be collected.
_tasks: list[asyncio.Task[None]] = []


def is_scripted(account: str) -> bool:
    """Whether the account's regions are played."""
    return accounts.get(account).scripted


@cache
def _regional_template() -> tuple[str, Record, Sequence[Record]]:
    """The text, what it says, and the tags that the function gives its stacks."""
    body = _TEMPLATE.read_text(encoding="utf-8")
    tags = {
        "infosec:blueprint": "regional_trail",
        "infosec:blueprint-digest": hashlib.sha256(body.encode()).hexdigest(),
    }
    return body, engine._parse_template(body), [{"Key": k, "Value": v} for k, v in tags.items()]


def _named(properties: Mapping[str, Any]) -> list[str]:
    named = properties.get("Regions") or []
    listed = named.split(",") if isinstance(named, str) else named
    return sorted({one.strip() for one in listed if one.strip()})


def _skipped(properties: Mapping[str, Any]) -> set[str]:
    choices = str(properties.get("RegionChoices") or "").split(",")
    return {choice.partition("=")[0] for choice in choices if choice.endswith("=skip")}


def knows(request: Mapping[str, Any], account: str) -> bool:
    """Whether the script can play what the account's function is asked for."""
    properties = request["ResourceProperties"]
    name = properties.get("RegionalStackName")
    if not name or not is_scripted(account) or request["RequestType"] == "Delete" or faults.listed():
        return False
    places = cloudformation._stacks
    if any(places.get_scoped(account, region, name) is not None for region in _named(properties)):
        return False
    return _is_admitted(properties, account)


def _is_admitted(properties: Mapping[str, Any], account: str) -> bool:
    arn = f"arn:aws:cloudtrail:us-east-1:{account}:trail/{properties['RegionalStackName']}-{_LOGICAL_ID}"
    refusals = (
        admission.bucket_refusal(properties["BucketName"], "", trail_arn=arn, account=account),
        admission.topic_refusal(properties["TopicArn"], trail_arn=arn, account=account),
    )
    return not any(refusals)


def play(request: Mapping[str, Any], account: str) -> Record:
    """Bring about what the function would; its answer, once it would have sent one. Blocks its thread."""
    properties = request["ResourceProperties"]
    regions = [region for region in _named(properties) if region not in _skipped(properties)]
    left, answered = len(regions), threading.Event()

    def covered() -> None:
        nonlocal left
        left -= 1
        if not left:
            answered.set()

    start = clock.now() + STARTING_SECONDS
    for index, region in enumerate(regions):
        stack = _Regional(account, region, request, covered)
        _stage.at(start + index * BETWEEN_REGIONS_SECONDS, stack.begin)
    if regions:
        answered.wait()
    return {
        **{key: request[key] for key in ("StackId", "RequestId", "LogicalResourceId")},
        "Status": "SUCCESS",
        "PhysicalResourceId": f"regional-trails-{properties['RegionalStackName']}",
        "Data": {"Covered": str(len(regions)), "Failed": "0", "Pending": "0", "Reasons": "none"},
    }


class _Regional:
    """One region's stack, from its request to the first log of its trail."""

    def __init__(self, account: str, region: str, request: Mapping[str, Any], covered: Act) -> None:
        self._account, self._region = account, region
        self._properties = request["ResourceProperties"]
        self._token = f"{request['RequestId']}-create"
        self._covered = covered
        self._stack: Record = {}
        self._resource: Record = {}

    def begin(self) -> None:
        body, template, tags = _regional_template()
        name = self._properties["RegionalStackName"]
        stack_id = (
            f"arn:aws:cloudformation:{self._region}:{self._account}:stack/{name}/{responses.new_uuid()}"
        )
        given = [
            {"Key": "BucketName", "Value": self._properties["BucketName"]},
            {"Key": "TopicArn", "Value": self._properties["TopicArn"]},
        ]
        with self._here():
            values = engine._resolve_parameters(template, given)
            self._stack = {
                "StackName": name,
                "StackId": stack_id,
                "CreationTime": responses.now_iso(),
                "LastUpdatedTime": "",
                "Description": template.get("Description", ""),
                "Parameters": [
                    {"ParameterKey": key, "ParameterValue": value["Value"], "NoEcho": value["NoEcho"]}
                    for key, value in values.items()
                ],
                "Tags": list(tags),
                "Capabilities": [],
                "Outputs": [],
                "DisableRollback": False,
                "EnableTerminationProtection": False,
                "RoleARN": "",
                "TimeoutInMinutes": 0,
                "_region": self._region,
                "_resources": {},
                "_template": template,
                "_template_body": body,
                "_resolved_params": values,
                "_conditions": engine._evaluate_conditions(template, values),
                "_stack_policy": "",
                "_disable_validation": False,
            }
            cloudformation._stacks[name] = self._stack
            cloudformation._stack_events[stack_id] = []
            events.tell_stack(self._stack, "CREATE_IN_PROGRESS", "User Initiated")
            self._stack["StackStatusReason"] = ""
        self._then(clock.DURATIONS["stack"] / 2, self._begin_trail)

    def _begin_trail(self) -> None:
        self._resource = {
            "LogicalResourceId": _LOGICAL_ID,
            "ResourceType": _TYPE,
            "PhysicalResourceId": "",
            "Properties": {},
            "Attributes": {},
        }
        with self._here():
            self._stack["_resources"][_LOGICAL_ID] = self._resource
            events.tell_resource(self._stack, self._resource, "CREATE_IN_PROGRESS")
            definition = self._stack["_template"]["Resources"][_LOGICAL_ID]
            self._resource["Properties"], _dynamic = resources.resolved_properties(self._stack, definition)
        self._then(clock.duration(_TYPE) / 2, self._make_trail)

    def _make_trail(self) -> None:
        with self._here():
            properties = resources.tagged(self._stack, _TYPE, self._resource["Properties"], _LOGICAL_ID)
            made = resources.create_now(_TYPE, _LOGICAL_ID, properties, self._stack["StackName"])
            self._resource["PhysicalResourceId"], self._resource["Attributes"], _seed = made
            events.tell_resource(self._stack, self._resource, "CREATE_IN_PROGRESS", events.INITIATED)
            trail = trails.find(self._account, self._region, self._resource["PhysicalResourceId"])
            trail.played = True
        _stage.at(clock.now() + settings.current().log_delivery_seconds, lambda: _deliver(trail))
        self._then(clock.duration(_TYPE) / 2, self._complete_trail)

    def _complete_trail(self) -> None:
        with self._here():
            events.tell_resource(self._stack, self._resource, "CREATE_COMPLETE")
        self._then(clock.DURATIONS["stack"] / 2, self._complete)

    def _complete(self) -> None:
        with self._here():
            declared.publish_outputs(self._stack, self._stack["_resources"])
            events.tell_stack(self._stack, "CREATE_COMPLETE")
        self._covered()

    def _then(self, seconds: float, act: Act) -> None:
        _stage.at(clock.now() + seconds, act)

    def _here(self) -> AbstractContextManager[None]:
        return _scope(self._account, self._region, self._token)


class _scope(AbstractContextManager[None]):  # noqa: N801 - used like the function that it wraps
    """The account and region on whose behalf something happens, and the token of the request behind it."""

    def __init__(self, account: str, region: str, token: str) -> None:
        self._place, self._token = responses.request_scope(account, region), token

    def __enter__(self) -> None:
        self._place.__enter__()
        self._told = ministack_stacks.CLIENT_REQUEST_TOKEN.set(self._token)

    def __exit__(self, *failure: Any) -> None:  # noqa: PYI036 - handed on
        ministack_stacks.CLIENT_REQUEST_TOKEN.reset(self._told)
        self._place.__exit__(*failure)


def _deliver(trail: trails.Trail) -> None:
    """The trail's first log, or why it can't be delivered. No object is written: nobody reads thousands."""
    if not trail.logging:
        return
    log = trail.deliveries.setdefault((trail.account, trail.home_region), trails.Deliveries())
    log.attempted_at = time.time()
    key = f"AWSLogs/{trail.account}/CloudTrail/{trail.home_region}/log.json.gz"
    if not admission.may_write(trail.bucket, key, trail_arn=trail.arn, account=trail.account):
        log.error = "AccessDenied"
    else:
        log.delivered_at, log.error = log.attempted_at, ""
        if admission.may_publish(trail.topic, trail_arn=trail.arn, account=trail.account):
            log.notified_at = log.attempted_at
        else:
            log.notification_error = "AuthorizationError"


def clear() -> None:
    """Forget what was still to be played."""
    _stage.clear()


async def _play_what_is_due() -> None:
    while True:
        await asyncio.sleep(0.02)
        until = time.monotonic() + AT_A_TIME_SECONDS
        while (act := _stage.due()) is not None:
            try:
                act()
            except Exception:
                logger.exception("a scripted region broke")
            if time.monotonic() > until:
                # Requests in between: but however many come, what is due keeps to its time.
                await asyncio.sleep(0)
                until = time.monotonic() + AT_A_TIME_SECONDS


def install() -> None:
    """Start playing, on the server's own loop."""
    _tasks.append(asyncio.get_running_loop().create_task(_play_what_is_due()))
