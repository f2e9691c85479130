"""Regions played from a script answer as those do whose function was really run."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from botocore.exceptions import ClientError

from onboarding.blueprint import build_blueprint, trails_parameters
from sandbox.client import Sandbox
from tests.sandbox.conftest import ClientFactory
from tests.sandbox.conftest import client as every_client
from tests.stand_in import running_stand_in
from tests.surveys import COMPANY

# The two accounts that the stand-in's central side admits from the start.
REAL, SCRIPTED = "111122223333", "444455556666"
REGIONS = ("eu-north-1", "us-east-1", "us-west-2")
ANOTHER = "sa-east-1"

BLUEPRINT = build_blueprint(COMPANY)


@pytest.fixture(scope="module")
def cloud() -> Iterator[str]:
    """A cloud of its own, where both accounts' parents have been deployed."""
    with running_stand_in("--speed", "50", "--log-delivery-seconds", "20") as address:
        yield address


@pytest.fixture(scope="module")
def sandbox(cloud: str) -> Sandbox:
    return Sandbox(cloud)


@pytest.fixture(scope="module")
def client(cloud: str) -> ClientFactory:
    """As the shared one, of this module's cloud."""
    make: ClientFactory = every_client.__wrapped__(cloud)  # type: ignore[attr-defined]
    return make


@pytest.fixture(scope="module")
def owner(cloud: str, sandbox: Sandbox, client: ClientFactory) -> Callable[..., Any]:
    """`owner(account, service, region)`, once both accounts are covered and their first logs delivered."""
    sandbox.account(REAL, enabled_opt_in_regions=0)
    sandbox.account(SCRIPTED, enabled_opt_in_regions=0, scripted_regions=True)
    keys = {account: sandbox.credentials(account=account).for_json() for account in (REAL, SCRIPTED)}

    @cache
    def make(account: str, service: str, region: str = "us-west-2") -> Any:
        return client(service, account, region, credentials=keys[account])

    for account in (REAL, SCRIPTED):
        _deploy(make(account, "cloudformation"))
        _wait_for_logs(lambda region, account=account: make(account, "cloudtrail", region))  # type: ignore[misc]
    return make


def _parent(regions: tuple[str, ...] = REGIONS, attempt: int = 1) -> dict[str, Any]:
    parameters = trails_parameters(BLUEPRINT, regions=regions, choices={}, attempt=attempt)
    return {
        "StackName": BLUEPRINT.trails.stack_name,
        "TemplateBody": BLUEPRINT.trails.template.body,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        "Capabilities": list(BLUEPRINT.trails.capabilities),
        "Tags": [{"Key": key, "Value": value} for key, value in BLUEPRINT.trails.tags.items()],
    }


def _deploy(cloudformation: Any) -> None:
    cloudformation.create_stack(**_parent())
    assert _settled(cloudformation) == "CREATE_COMPLETE"


def _settled(cloudformation: Any) -> str:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        stack = cloudformation.describe_stacks(StackName=BLUEPRINT.trails.stack_name)["Stacks"][0]
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return str(stack["StackStatus"])
        time.sleep(0.05)
    raise AssertionError("The parent did not settle.")


def _wait_for_logs(cloudtrail: Callable[[str], Any]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if all(_status(cloudtrail(region)).get("LatestDeliveryTime") for region in REGIONS):
            return
        time.sleep(0.1)
    raise AssertionError("No log was delivered.")


def _status(cloudtrail: Any) -> dict[str, Any]:
    status: dict[str, Any] = cloudtrail.get_trail_status(Name=_trail(cloudtrail)["TrailARN"])
    return status


def _trail(cloudtrail: Any) -> dict[str, Any]:
    (trail,) = cloudtrail.describe_trails()["trailList"]
    assert isinstance(trail, dict)
    return trail


def _plain(answer: Mapping[str, Any]) -> Any:
    """The answer without what is another one's each time: account, ids, generated names and times."""
    text = json.dumps({k: v for k, v in answer.items() if k != "ResponseMetadata"}, default=str)
    for pattern, word in (
        (rf"{REAL}|{SCRIPTED}", "ACCOUNT"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID"),
        (r"-[A-Z0-9]{13}\b", "-TAIL"),
        (r"20\d\d-\d\d-\d\d[T ][0-9:.]+(\+00:00|Z)?", "TIME"),
    ):
        text = re.sub(pattern, word, text)
    return json.loads(text)


QUESTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "list_stacks": lambda stacks, _trails: stacks.list_stacks(),
    "describe_stacks": lambda stacks, _trails: stacks.describe_stacks(
        StackName=COMPANY.trails.regional_stack_name
    ),
    "describe_stack_events": lambda stacks, _trails: stacks.describe_stack_events(
        StackName=COMPANY.trails.regional_stack_name
    ),
    "list_stack_resources": lambda stacks, _trails: stacks.list_stack_resources(
        StackName=COMPANY.trails.regional_stack_name
    ),
    "get_template": lambda stacks, _trails: stacks.get_template(StackName=COMPANY.trails.regional_stack_name),
    "describe_trails": lambda _stacks, trails: trails.describe_trails(),
    "get_trail_status": lambda _stacks, trails: _status(trails),
    "get_event_selectors": lambda _stacks, trails: trails.get_event_selectors(
        TrailName=_trail(trails)["TrailARN"]
    ),
    "list_tags": lambda _stacks, trails: trails.list_tags(ResourceIdList=[_trail(trails)["TrailARN"]]),
}


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_scripted_region_answers_as_a_real_one(
    owner: Callable[..., Any], question: str, region: str
) -> None:
    ask = QUESTIONS[question]
    for _again in range(2):  # the long way, and the shortcut
        real, scripted = (
            _plain(ask(owner(account, "cloudformation", region), owner(account, "cloudtrail", region)))
            for account in (REAL, SCRIPTED)
        )
        assert scripted == real


def test_the_parent_answers_as_a_real_one(owner: Callable[..., Any]) -> None:
    name = BLUEPRINT.trails.stack_name
    real, scripted = (
        _plain(owner(account, "cloudformation").describe_stacks(StackName=name))
        for account in (REAL, SCRIPTED)
    )
    assert scripted == real


@pytest.mark.parametrize(
    ("service", "ask"),
    [
        ("cloudformation", lambda client: client.describe_stacks(StackName="nobody-made-this")),
        ("cloudtrail", lambda client: client.get_trail_status(Name="nobody-made-this")),
    ],
)
def test_what_is_refused_is_refused_alike(
    owner: Callable[..., Any], service: str, ask: Callable[[Any], Any]
) -> None:
    refusals = set()
    for account in (REAL, SCRIPTED):
        client = owner(account, service, "eu-north-1")
        for _again in range(2):
            with pytest.raises(ClientError) as refused:
                ask(client)
            refusals.add(json.dumps(_plain(refused.value.response["Error"])))
    assert len(refusals) == 1


def test_a_session_without_rights_is_refused_each_time(
    cloud: str, sandbox: Sandbox, client: ClientFactory, owner: Callable[..., Any]
) -> None:
    owner(SCRIPTED, "cloudformation").list_stacks()
    nothing = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
    )
    session = owner(SCRIPTED, "sts").assume_role(
        RoleArn=f"arn:aws:iam::{SCRIPTED}:role/AccountAdministrator", RoleSessionName="none", Policy=nothing
    )["Credentials"]
    denied = client("cloudformation", SCRIPTED, credentials=session)
    for _again in range(2):
        with pytest.raises(ClientError, match="AccessDenied"):
            denied.list_stacks()


def test_a_region_that_is_not_enabled_is_refused(owner: Callable[..., Any]) -> None:
    owner(SCRIPTED, "cloudformation").list_stacks()
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        owner(SCRIPTED, "cloudformation", "af-south-1").list_stacks()


def test_stacks_tell_when_they_changed(owner: Callable[..., Any], sandbox: Sandbox) -> None:
    complete = sandbox.changes(account=SCRIPTED, status="CREATE_COMPLETE")
    regional = {c["region"] for c in complete if c["stack"] == COMPANY.trails.regional_stack_name}
    assert regional == set(REGIONS)


def test_what_the_script_does_not_know_is_left_to_the_function(owner: Callable[..., Any]) -> None:
    cloudformation = owner(SCRIPTED, "cloudformation")
    cloudformation.update_stack(**_parent((*REGIONS, ANOTHER), attempt=2))
    assert _settled(cloudformation) == "UPDATE_COMPLETE"
    added = owner(SCRIPTED, "cloudtrail", ANOTHER)
    assert _status(added)["IsLogging"]
