"""Stacks live and die as at AWS: statuses, events and CloudFormation's own words."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.sandbox.stack_steps import body, refusal, role, settled, told, topic

ClientFactory = Callable[..., Any]

@pytest.fixture
def cloudformation(client: ClientFactory, account: str) -> Any:
    return client("cloudformation", account)


def test_a_creation_tells_its_events_in_the_order_of_aws(cloudformation: Any) -> None:
    stack_id = cloudformation.create_stack(StackName="one", TemplateBody=body(Topic=topic()))["StackId"]
    assert settled(cloudformation, stack_id)["StackStatus"] == "CREATE_COMPLETE"
    assert told(cloudformation, "one") == [
        ("one", "CREATE_IN_PROGRESS", "User Initiated"),
        ("Topic", "CREATE_IN_PROGRESS", ""),
        ("Topic", "CREATE_IN_PROGRESS", "Resource creation Initiated"),
        ("Topic", "CREATE_COMPLETE", ""),
        ("one", "CREATE_COMPLETE", ""),
    ]


def test_a_failed_creation_cancels_the_others_and_rolls_back(cloudformation: Any) -> None:
    cloudformation.create_stack(StackName="failing", Capabilities=["CAPABILITY_IAM"], TemplateBody=body(
        Bad={"Type": "AWS::Lambda::Function", "Properties": {
            "Runtime": "python2.7", "Handler": "index.handler", "Role": "arn:aws:iam::1:role/none",
            "Code": {"ZipFile": "pass"}}},
        Slow=role()))
    stack = settled(cloudformation, "failing")
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    story = told(cloudformation, "failing")
    failures = [(name, reason) for name, status, reason in story if status == "CREATE_FAILED"]
    assert failures[0][0] == "Bad" and failures[1] == ("Slow", "Resource creation cancelled")
    assert ("failing", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Bad, Slow]. "
            "Rollback requested by user.") in story
    assert story[-1] == ("failing", "ROLLBACK_COMPLETE", "")
