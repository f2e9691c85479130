"""What the tests of stacks have in common: small templates, waiting, and what was told."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    ],
}


def role(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST, **properties}}


def topic(name: str | None = None, **more: Any) -> dict[str, Any]:
    return {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name} if name else {}, **more}


def broken(**more: Any) -> dict[str, Any]:
    """A resource that Lambda refuses."""
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python2.7",
            "Handler": "index.handler",
            "Role": "arn:aws:iam::111122223333:role/none",
            "Code": {"ZipFile": "pass"},
        },
        **more,
    }


def body(**resources: Any) -> str:
    return json.dumps({"Resources": resources})


def settled(cloudformation: Any, stack: str, seconds: float = 20) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while True:
        found: dict[str, Any] = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        if not found["StackStatus"].endswith("_IN_PROGRESS"):
            return found
        assert time.monotonic() < deadline, found["StackStatus"]
        time.sleep(0.02)


def told(cloudformation: Any, stack: str) -> list[tuple[str, str, str]]:
    """(logical id, status, reason), oldest first."""
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    return [
        (e["LogicalResourceId"], e["ResourceStatus"], e.get("ResourceStatusReason", ""))
        for e in reversed(events)
    ]


def refusal(call: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return refused.value.response["Error"]["Code"], refused.value.response["Error"]["Message"]
