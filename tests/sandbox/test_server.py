"""Does the stand-in start, keep to loopback, stop when told, and refuse what it doesn't know?"""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from sandbox.client import Sandbox
from tests.sandbox.conftest import ClientFactory
from tests.stand_in import PYTHON, ROOT

SLOW_TEMPLATE = (
    '{"Resources": {"One": {"Type": "AWS::SNS::Topic", "Properties": {}},'
    ' "Two": {"Type": "AWS::IAM::Role", "DependsOn": "One", "Properties": {"AssumeRolePolicyDocument":'
    ' {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service":'
    ' "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}}}}}'
)


def code_of(failure: pytest.ExceptionInfo[ClientError]) -> str:
    return str(failure.value.response["Error"]["Code"])


@pytest.fixture
def own_cloud() -> Iterator[tuple[subprocess.Popen[str], Sandbox]]:
    """A stand-in that this test may reset and stop; its clock runs at a tenth of ours."""
    process = subprocess.Popen(
        [PYTHON, "-m", "sandbox", "--port", "0", "--speed", "0.1"],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        url = re.search(r"http://\S+", process.stdout.readline())
        assert url is not None
        yield process, Sandbox(url[0])
    finally:
        process.kill()
        process.communicate()


def stacks_of(sandbox: Sandbox) -> Any:
    return boto3.client(
        "cloudformation",
        region_name="us-west-2",
        endpoint_url=sandbox.url,
        aws_access_key_id="123412341234",
        aws_secret_access_key="test",
    )


def test_it_is_reset_and_stopped_at_once_with_stacks_in_flight(
    own_cloud: tuple[subprocess.Popen[str], Sandbox],
) -> None:
    process, sandbox = own_cloud
    stacks = stacks_of(sandbox)
    stacks.create_stack(StackName="slow", TemplateBody=SLOW_TEMPLATE, Capabilities=["CAPABILITY_IAM"])
    sandbox.fault(kind="throttle", account="123412341234", service="iam")
    sandbox.reset()
    assert stacks.describe_stacks()["Stacks"] == []
    assert sandbox.faults() == []
    assert sandbox.requests(account="777788889999") == []
    assert sandbox.credentials(kind="worker").arn.startswith("arn:aws:sts::777788889999:assumed-role/")
    stacks.create_stack(StackName="slow", TemplateBody=SLOW_TEMPLATE, Capabilities=["CAPABILITY_IAM"])
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0
    assert time.monotonic() - began < 2


def test_it_listens_on_loopback_only(cloud: str) -> None:
    port = int(cloud.rsplit(":", 1)[1])
    listening = subprocess.run(
        ["cat", "/proc/net/tcp"], capture_output=True, text=True, check=True
    ).stdout.splitlines()[1:]
    addresses = {
        line.split()[1].split(":")[0] for line in listening if line.split()[1].endswith(f":{port:04X}")
    }
    assert addresses == {"0100007F"}
    assert socket.inet_aton("127.0.0.1")[::-1].hex() == "0100007f"


def test_a_bad_scenario_ends_the_start(tmp_path: Any) -> None:
    ended = subprocess.run(
        [PYTHON, "-m", "sandbox", "--port", "0", "--seed", "no-such"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert ended.returncode != 0
    assert "There is no scenario 'no-such'." in ended.stderr


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "code"),
    [
        ("iam", "get_account_summary", {}, "InvalidAction"),
        ("cloudformation", "list_stack_sets", {}, "InvalidAction"),
        ("sns", "list_platform_applications", {}, "InvalidAction"),
        ("sts", "decode_authorization_message", {"EncodedMessage": "x"}, "InvalidAction"),
        ("ec2", "describe_instances", {}, "InvalidAction"),
        ("cloudtrail", "list_channels", {}, "UnknownOperationException"),
        ("logs", "describe_queries", {}, "UnknownOperationException"),
        ("organizations", "list_roots", {}, "UnknownOperationException"),
        ("account", "get_contact_information", {}, "UnknownOperationException"),
        ("lambda", "list_layers", {}, "UnknownOperationException"),
        ("s3", "get_bucket_lifecycle_configuration", {"Bucket": "some-bucket"}, "NotImplemented"),
        ("sqs", "list_queues", {}, "UnknownOperationException"),
        ("dynamodb", "list_tables", {}, "UnknownOperationException"),
        ("rds", "describe_db_instances", {}, "InvalidAction"),
        ("ssm", "get_parameter", {"Name": "x"}, "UnknownOperationException"),
    ],
)
def test_what_is_not_offered_is_refused_in_the_right_protocol(
    client: ClientFactory, account: str, *, service: str, operation: str, arguments: dict[str, Any], code: str
) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(client(service, account), operation)(**arguments)
    assert code_of(refused) == code


def test_a_denial_names_principal_action_resource_and_reason(cloud: str, client: ClientFactory) -> None:
    worker = Sandbox(cloud).credentials(kind="worker")
    with pytest.raises(ClientError) as refused:
        client(
            "cloudformation",
            credentials={
                "AccessKeyId": worker.access_key_id,
                "SecretAccessKey": worker.secret_access_key,
                "SessionToken": worker.session_token,
            },
        ).describe_stacks(StackName="any")
    assert code_of(refused) == "AccessDenied"
    assert refused.value.response["Error"]["Message"] == (
        f"User: {worker.arn} is not authorized to perform: cloudformation:DescribeStacks on resource: "
        "arn:aws:cloudformation:us-west-2:777788889999:stack/any/* because no identity-based policy allows "
        "the cloudformation:DescribeStacks action"
    )
