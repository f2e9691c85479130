"""Does what goes wrong on demand look as it does at AWS, for those concerned and as often as said?"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError
from botocore.parsers import ResponseParserError

from sandbox.client import Sandbox, SandboxError
from tests.sandbox.conftest import ClientFactory
from tests.sandbox.stack_steps import TRUST, body, role, settled, told, topic
from tests.sandbox.steering import keys, refused

CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "cloudformation": ("list_stacks", {}),
    "sts": ("get_caller_identity", {}),
    "iam": ("list_roles", {}),
    "sns": ("list_topics", {}),
    "ec2": ("describe_regions", {}),
    "cloudtrail": ("describe_trails", {}),
    "lambda": ("list_functions", {}),
    "account": ("list_regions", {}),
    "organizations": ("describe_organization", {}),
    "s3": ("list_buckets", {}),
}


@pytest.fixture
def sandbox(cloud: str) -> Iterator[Sandbox]:
    steered = Sandbox(cloud)
    yield steered
    steered.clear_faults()


def call(client: ClientFactory, account: str, service: str) -> tuple[str, str]:
    operation, arguments = CALLS[service]
    return refused(getattr(client(service, account, "us-east-1"), operation), **arguments)


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        (
            "throttle",
            {"cloudformation": "Throttling", "sts": "Throttling", "iam": "Throttling",
             "ec2": "RequestLimitExceeded", "cloudtrail": "ThrottlingException",
             "lambda": "TooManyRequestsException", "s3": "SlowDown"},
        ),
        (
            "5xx",
            {"cloudformation": "InternalFailure", "iam": "ServiceFailure", "ec2": "InternalError",
             "cloudtrail": "InternalFailure", "lambda": "InternalFailure", "s3": "InternalError"},
        ),
        (
            "expired",
            {"cloudformation": "ExpiredToken", "sts": "ExpiredToken", "iam": "ExpiredToken",
             "sns": "ExpiredToken", "ec2": "RequestExpired", "cloudtrail": "ExpiredTokenException",
             "lambda": "ExpiredTokenException", "account": "ExpiredTokenException",
             "organizations": "ExpiredTokenException", "s3": "ExpiredToken"},
        ),
        (
            "access-denied",
            {"cloudformation": "AccessDenied", "sns": "AuthorizationError", "ec2": "UnauthorizedOperation",
             "cloudtrail": "AccessDeniedException", "lambda": "AccessDeniedException", "s3": "AccessDenied"},
        ),
        (
            "region-disabled",
            {"cloudformation": "InvalidClientTokenId", "ec2": "AuthFailure",
             "cloudtrail": "UnrecognizedClientException", "s3": "InvalidAccessKeyId"},
        ),
    ],
)  # fmt: skip
def test_each_service_spells_it_its_own_way(
    sandbox: Sandbox, client: ClientFactory, account: str, kind: str, codes: dict[str, str]
) -> None:
    sandbox.fault(kind=kind, account=account)
    assert {service: call(client, account, service)[0] for service in codes} == codes


def test_a_service_control_policy_is_named(sandbox: Sandbox, client: ClientFactory, account: str) -> None:
    sandbox.fault(kind="scp-denied", account=account, region="eu-north-1")
    _code, message = refused(client("cloudformation", account, "eu-north-1").list_stacks)
    assert message == (
        f"User: arn:aws:iam::{account}:root is not authorized to perform: cloudformation:ListStacks "
        f"on resource: * with an explicit deny in a service control policy"
    )
    client("cloudformation", account, "eu-west-1").list_stacks()


def test_it_happens_as_often_as_said_and_only_to_the_action_named(
    sandbox: Sandbox, client: ClientFactory, account: str
) -> None:
    number = sandbox.fault(
        kind="throttle", account=account, service="cloudformation", action="ListStacks", count=2
    )
    stacks = client("cloudformation", account)
    stacks.list_exports()
    assert refused(stacks.list_stacks) == ("Throttling", "Rate exceeded")
    assert refused(stacks.list_stacks)[0] == "Throttling"
    stacks.list_stacks()
    assert next(f for f in sandbox.faults() if f["number"] == number)["played"] == 2


def test_it_happens_to_the_principal_named(sandbox: Sandbox, client: ClientFactory, account: str) -> None:
    sandbox.account(account)
    sandbox.fault(kind="5xx", principal="*:assumed-role/AccountAdministrator/*")
    owner = keys(sandbox.credentials(account=account))
    assert refused(client("cloudformation", credentials=owner).list_stacks)[0] == "InternalFailure"
    client("cloudformation", account).list_stacks()


def test_probability_lets_some_through(sandbox: Sandbox, client: ClientFactory, account: str) -> None:
    sandbox.fault(kind="throttle", account=account, probability=0.5)
    stacks = client("cloudformation", account)
    outcomes = set()
    for _ in range(40):
        try:
            stacks.list_stacks()
            outcomes.add("allowed")
        except stacks.exceptions.ClientError:
            outcomes.add("throttled")
    assert outcomes == {"allowed", "throttled"}


def test_a_body_that_does_not_parse_is_no_client_error(
    sandbox: Sandbox, client: ClientFactory, account: str
) -> None:
    sandbox.fault(kind="unparseable", account=account)
    with pytest.raises(ResponseParserError):
        client("cloudformation", account).list_stacks()


def test_a_reset_connection_carries_nothing_out(
    sandbox: Sandbox, client: ClientFactory, account: str
) -> None:
    sandbox.fault(kind="reset", account=account, action="CreateTopic", count=1)
    topics = client("sns", account)
    with pytest.raises(ConnectionClosedError):
        topics.create_topic(Name="lost")
    assert topics.list_topics()["Topics"] == []


def test_a_lost_answer_was_carried_out(sandbox: Sandbox, client: ClientFactory, account: str) -> None:
    sandbox.fault(kind="answer-lost", account=account, action="CreateTopic", count=1)
    topics = client("sns", account)
    with pytest.raises(ConnectionClosedError):
        topics.create_topic(Name="made")
    assert [topic["TopicArn"].rsplit(":", 1)[1] for topic in topics.list_topics()["Topics"]] == ["made"]


def test_slowness_is_real(sandbox: Sandbox, client: ClientFactory, account: str) -> None:
    sandbox.fault(kind="slow", account=account, milliseconds=300)
    stacks = client("cloudformation", account)
    began = datetime.now(UTC)
    stacks.list_stacks()
    assert (datetime.now(UTC) - began).total_seconds() >= 0.3


def test_a_skewed_clock_shows_in_the_date_header(
    sandbox: Sandbox, client: ClientFactory, account: str
) -> None:
    def seconds_ahead(answer: dict[str, Any]) -> float:
        stamp = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
        return (parsedate_to_datetime(stamp) - datetime.now(UTC)).total_seconds()

    stacks = client("cloudformation", account)
    number = sandbox.fault(kind="clock-skew", account=account, skew_seconds=120)
    assert 115 < seconds_ahead(stacks.list_stacks()) <= 121
    sandbox.clear_faults(number)
    sandbox.fault(kind="clock-skew", account=account, skew_seconds=3600)
    assert refused(stacks.list_stacks)[0] == "SignatureDoesNotMatch"


def test_any_other_refusal_can_be_spelled_out(sandbox: Sandbox, client: ClientFactory, account: str) -> None:
    sandbox.fault(kind="refuse", account=account, code="OptInRequired", message="Not signed up.", status=403)
    assert call(client, account, "cloudformation") == ("OptInRequired", "Not signed up.")
    assert call(client, account, "cloudtrail") == ("OptInRequired", "Not signed up.")


def test_an_unknown_kind_or_field_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="kind is one of"):
        sandbox.fault(kind="earthquake")
    with pytest.raises(SandboxError, match="Not a field"):
        sandbox.fault(kind="throttle", colour="red")


def test_what_cloudformation_calls_for_a_stack_is_refused_in_the_resources_event(
    sandbox: Sandbox, client: ClientFactory, account: str
) -> None:
    inside = {"kind": "refuse", "account": account, "principal": "cloudformation.amazonaws.com"}
    sandbox.fault(**inside, service="iam", action="CreateRole", code="ServiceLimitExceeded",
                  message="Cannot exceed quota for RolesPerAccount: 1000", status=409, count=1)  # fmt: skip
    sandbox.fault(**inside, service="sns", action="CreateTopic", message="Das ging nicht.", count=1)
    stacks = client("cloudformation", account)
    client("iam", account).create_role(RoleName="not-meant", AssumeRolePolicyDocument=json.dumps(TRUST))
    for name, template in (("quota", body(Role=role())), ("foreign", body(Topic=topic()))):
        stacks.create_stack(StackName=name, TemplateBody=template, Capabilities=["CAPABILITY_IAM"])
        assert settled(stacks, name)["StackStatus"] == "ROLLBACK_COMPLETE"
    reasons = {
        name: next(reason for _, status, reason in told(stacks, name) if status == "CREATE_FAILED")
        for name in ("quota", "foreign")
    }
    assert "RolesPerAccount: 1000 (Service: Iam, Status Code: 409" in reasons["quota"]
    assert reasons["quota"].endswith("HandlerErrorCode: ServiceLimitExceeded)")
    assert reasons["foreign"] == "Das ging nicht."


def test_only_refusals_and_lost_answers_happen_inside_a_stack(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="can be refused"):
        sandbox.fault(kind="throttle", principal="cloudformation.amazonaws.com")
