"""Stacks live and die as at AWS: statuses, events and CloudFormation's own words."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.stack_steps import body, broken, refusal, role, settled, told, topic

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
    cloudformation.create_stack(
        StackName="failing", Capabilities=["CAPABILITY_IAM"], TemplateBody=body(Bad=broken(), Slow=role())
    )
    stack = settled(cloudformation, "failing")
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    story = told(cloudformation, "failing")
    failures = [(name, reason) for name, status, reason in story if status == "CREATE_FAILED"]
    assert failures[0][0] == "Bad"
    assert failures[1] == ("Slow", "Resource creation cancelled")
    assert (
        "failing",
        "ROLLBACK_IN_PROGRESS",
        ("The following resource(s) failed to create: [Bad, Slow]. Rollback requested by user."),
    ) in story
    assert story[-1] == ("failing", "ROLLBACK_COMPLETE", "")


def test_a_stack_that_rolled_back_can_only_be_deleted(cloudformation: Any) -> None:
    stack_id = cloudformation.create_stack(StackName="gone", TemplateBody=body(Bad=broken(), Good=topic()))[
        "StackId"
    ]
    assert settled(cloudformation, "gone")["StackStatus"] == "ROLLBACK_COMPLETE"
    assert refusal(cloudformation.update_stack, StackName="gone", TemplateBody=body(Other=topic())) == (
        "ValidationError",
        f"Stack:{stack_id} is in ROLLBACK_COMPLETE state and can not be updated.",
    )
    assert refusal(cloudformation.create_stack, StackName="gone", TemplateBody=body(Other=topic())) == (
        "AlreadyExistsException",
        "Stack [gone] already exists",
    )
    cloudformation.delete_stack(StackName="gone")
    assert settled(cloudformation, stack_id)["StackStatus"] == "DELETE_COMPLETE"
    cloudformation.create_stack(StackName="gone", TemplateBody=body(Other=topic()))
    assert settled(cloudformation, "gone")["StackStatus"] == "CREATE_COMPLETE"
    assert settled(cloudformation, stack_id)["StackStatus"] == "DELETE_COMPLETE"


def test_without_rollback_what_was_made_stays(cloudformation: Any) -> None:
    cloudformation.create_stack(
        StackName="kept", DisableRollback=True, TemplateBody=body(Good=topic(), Bad=broken(DependsOn="Good"))
    )
    stack = settled(cloudformation, "kept")
    assert (stack["StackStatus"], stack["StackStatusReason"]) == (
        "CREATE_FAILED",
        "The following resource(s) failed to create: [Bad]. ",
    )
    states = {
        r["LogicalResourceId"]: r["ResourceStatus"]
        for r in cloudformation.list_stack_resources(StackName="kept")["StackResourceSummaries"]
    }
    assert states == {"Good": "CREATE_COMPLETE", "Bad": "CREATE_FAILED"}


def test_on_failure_delete_leaves_only_the_events(cloudformation: Any) -> None:
    stack_id = cloudformation.create_stack(
        StackName="undone", OnFailure="DELETE", TemplateBody=body(Bad=broken())
    )["StackId"]
    for _ in range(200):
        if settled(cloudformation, stack_id)["StackStatus"] == "DELETE_COMPLETE":
            break
    assert [s for _, s, _ in told(cloudformation, stack_id) if s == "CREATE_FAILED"]
    assert refusal(cloudformation.describe_stacks, StackName="undone") == (
        "ValidationError",
        "Stack with id undone does not exist",
    )


def test_a_missing_stack_is_deleted_without_complaint(cloudformation: Any) -> None:
    assert cloudformation.delete_stack(StackName="never-was")["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("describe_stacks", "Stack with id never-was does not exist"),
        ("describe_stack_events", "Stack [never-was] does not exist"),
    ],
)
def test_a_missing_stack_is_named_in_the_words_of_each_call(
    cloudformation: Any, call: str, words: str
) -> None:
    assert refusal(getattr(cloudformation, call), StackName="never-was") == ("ValidationError", words)


def test_a_token_that_comes_again_gets_the_first_answer(cloudformation: Any) -> None:
    request = {"StackName": "twice", "TemplateBody": body(Topic=topic()), "ClientRequestToken": "onb-1"}
    first = cloudformation.create_stack(**request)["StackId"]
    assert cloudformation.create_stack(**request)["StackId"] == first
    settled(cloudformation, first)
    assert cloudformation.create_stack(**request)["StackId"] == first
    assert refusal(cloudformation.delete_stack, StackName="twice", ClientRequestToken="onb-1")[0] == (
        "TokenAlreadyExistsException"
    )
    assert {
        e.get("ClientRequestToken")
        for e in cloudformation.describe_stack_events(StackName="twice")["StackEvents"]
    } == {"onb-1"}


def test_capabilities_are_asked_for(cloudformation: Any) -> None:
    assert refusal(cloudformation.create_stack, StackName="iam", TemplateBody=body(Role=role())) == (
        "InsufficientCapabilitiesException",
        "Requires capabilities : [CAPABILITY_IAM]",
    )
    assert refusal(
        cloudformation.create_stack,
        StackName="iam",
        TemplateBody=body(Role=role(RoleName="x")),
        Capabilities=["CAPABILITY_IAM"],
    ) == ("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_NAMED_IAM]")


def test_a_protected_stack_is_not_deleted(cloudformation: Any) -> None:
    cloudformation.create_stack(
        StackName="safe", TemplateBody=body(Topic=topic()), EnableTerminationProtection=True
    )
    settled(cloudformation, "safe")
    assert refusal(cloudformation.delete_stack, StackName="safe") == (
        "ValidationError",
        "Stack [safe] cannot be deleted while TerminationProtection is enabled",
    )
    cloudformation.update_termination_protection(StackName="safe", EnableTerminationProtection=False)
    cloudformation.delete_stack(StackName="safe")


def test_nothing_to_update_says_so(cloudformation: Any) -> None:
    cloudformation.create_stack(StackName="same", TemplateBody=body(Topic=topic()))
    settled(cloudformation, "same")
    assert refusal(cloudformation.update_stack, StackName="same", TemplateBody=body(Topic=topic())) == (
        "ValidationError",
        "No updates are to be performed.",
    )


def test_an_update_touches_only_what_differs(cloudformation: Any) -> None:
    cloudformation.create_stack(
        StackName="changing", TemplateBody=body(A=topic("one"), B=topic(), Old=topic())
    )
    settled(cloudformation, "changing")
    before = len(told(cloudformation, "changing"))
    cloudformation.update_stack(
        StackName="changing",
        TemplateBody=body(
            A={"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "one", "DisplayName": "new"}},
            B=topic(),
            New=topic(),
        ),
    )
    assert settled(cloudformation, "changing")["StackStatus"] == "UPDATE_COMPLETE"
    story = told(cloudformation, "changing")[before:]
    assert not [s for s in story if s[0] == "B"]
    assert [s for n, s, _ in story if n == "changing"] == [
        "UPDATE_IN_PROGRESS",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_COMPLETE",
    ]
    assert [s for n, s, _ in story if n == "A"] == ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]
    assert [s for n, s, _ in story if n == "New"][-1] == "CREATE_COMPLETE"
    assert [s for n, s, _ in story if n == "Old"] == ["DELETE_IN_PROGRESS", "DELETE_COMPLETE"]


def test_a_failed_update_goes_back(cloudformation: Any, client: ClientFactory, account: str) -> None:
    def named(display: str) -> dict[str, Any]:
        return {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "first", "DisplayName": display}}

    cloudformation.create_stack(StackName="back", TemplateBody=body(A=named("old")))
    settled(cloudformation, "back")
    cloudformation.update_stack(
        StackName="back", TemplateBody=body(A=named("new"), Bad=broken(DependsOn="A"))
    )
    assert settled(cloudformation, "back")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    arn = f"arn:aws:sns:us-west-2:{account}:first"
    assert client("sns", account).get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "old"
    assert "Bad" not in json.loads(json.dumps(cloudformation.get_template(StackName="back")["TemplateBody"]))


def test_a_creation_in_progress_can_be_deleted(cloudformation: Any) -> None:
    stack_id = cloudformation.create_stack(
        StackName="early",
        TemplateBody=body(
            Wait={
                "Type": "AWS::CloudFormation::WaitCondition",
                "DependsOn": "Role",
                "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "1"},
            },
            Handle={"Type": "AWS::CloudFormation::WaitConditionHandle"},
            Role=role(),
        ),
        Capabilities=["CAPABILITY_IAM"],
    )["StackId"]
    cloudformation.delete_stack(StackName="early")
    assert settled(cloudformation, stack_id)["StackStatus"] == "DELETE_COMPLETE"


def test_an_export_in_use_keeps_its_stack(cloudformation: Any) -> None:
    exporting = json.dumps(
        {
            "Resources": {"Topic": topic()},
            "Outputs": {"Arn": {"Value": {"Ref": "Topic"}, "Export": {"Name": "topic-arn"}}},
        }
    )
    cloudformation.create_stack(StackName="giver", TemplateBody=exporting)
    settled(cloudformation, "giver")
    cloudformation.create_stack(
        StackName="taker",
        TemplateBody=json.dumps(
            {
                "Resources": {"Topic": topic()},
                "Outputs": {"Theirs": {"Value": {"Fn::ImportValue": "topic-arn"}}},
            }
        ),
    )
    settled(cloudformation, "taker")
    cloudformation.delete_stack(StackName="giver")
    stack = settled(cloudformation, "giver")
    assert (stack["StackStatus"], stack["StackStatusReason"]) == (
        "CREATE_COMPLETE",
        "Delete canceled. Cannot delete export topic-arn as it is in use by taker.",
    )


def test_a_bucket_with_objects_stops_the_deletion_until_it_is_retained(
    cloudformation: Any, client: ClientFactory, account: str
) -> None:
    bucket = f"full-{account}"
    cloudformation.create_stack(
        StackName="full",
        TemplateBody=body(Bucket={"Type": "AWS::S3::Bucket", "Properties": {"BucketName": bucket}}),
    )
    stack_id = settled(cloudformation, "full")["StackId"]
    client("s3", account).put_object(Bucket=bucket, Key="a", Body=b"a")
    assert refusal(cloudformation.delete_stack, StackName="full", DeletionMode="FORCE_DELETE_STACK")[0] == (
        "ValidationError"
    )
    cloudformation.delete_stack(StackName="full")
    stack = settled(cloudformation, "full")
    assert (stack["StackStatus"], stack["StackStatusReason"]) == (
        "DELETE_FAILED",
        "The following resource(s) failed to delete: [Bucket]. ",
    )
    cloudformation.delete_stack(StackName="full", RetainResources=["Bucket"])
    assert settled(cloudformation, stack_id)["StackStatus"] == "DELETE_COMPLETE"
    assert ("Bucket", "DELETE_SKIPPED", "") in told(cloudformation, stack_id)


def test_a_change_set_for_a_new_stack_holds_its_name_in_review(cloudformation: Any) -> None:
    cloudformation.create_change_set(
        StackName="review", ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=body(Topic=topic())
    )
    assert (
        cloudformation.describe_stacks(StackName="review")["Stacks"][0]["StackStatus"] == "REVIEW_IN_PROGRESS"
    )
    assert refusal(cloudformation.create_stack, StackName="review", TemplateBody=body(Topic=topic()))[0] == (
        "AlreadyExistsException"
    )
    cloudformation.delete_stack(StackName="review")
    for _ in range(100):
        if not [
            s
            for s in cloudformation.list_stacks()["StackSummaries"]
            if s["StackName"] == "review" and s["StackStatus"] != "DELETE_COMPLETE"
        ]:
            return
    pytest.fail("the stack is still there")


def test_a_type_that_is_not_known_is_refused(cloudformation: Any) -> None:
    for unknown in ("AWS::Foo::Bar", "AWS::CloudFormation::Nonsense"):
        assert refusal(
            cloudformation.create_stack, StackName="odd", TemplateBody=body(Odd={"Type": unknown})
        ) == ("ValidationError", f"Template format error: Unrecognized resource types: [{unknown}]")


def test_creation_takes_its_time_but_no_longer_than_allowed(cloudformation: Any) -> None:
    cloudformation.create_stack(
        StackName="late",
        TimeoutInMinutes=1,
        TemplateBody=body(
            Handle={"Type": "AWS::CloudFormation::WaitConditionHandle"},
            Roles=topic(),
            **{f"T{n}": {**topic(), "DependsOn": f"T{n - 1}" if n else "Roles"} for n in range(30)},
        ),
    )
    assert settled(cloudformation, "late")["StackStatus"] == "ROLLBACK_COMPLETE"
    assert (
        "late",
        "ROLLBACK_IN_PROGRESS",
        "Stack creation time exceeded the specified timeout. Rollback requested by user.",
    ) in told(cloudformation, "late")


def test_a_nested_stack_knows_its_parent_and_the_parent_waits(
    cloudformation: Any, client: ClientFactory, account: str
) -> None:
    s3 = client("s3", account)
    bucket = f"templates-{account}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    s3.put_object(
        Bucket=bucket,
        Key="child.json",
        Body=json.dumps({"Resources": {"Role": role()}, "Outputs": {"Name": {"Value": {"Ref": "Role"}}}}),
    )
    parent = json.dumps(
        {
            "Resources": {
                "Child": {
                    "Type": "AWS::CloudFormation::Stack",
                    "Properties": {"TemplateURL": f"https://s3.us-west-2.amazonaws.com/{bucket}/child.json"},
                }
            },
            "Outputs": {"Name": {"Value": {"Fn::GetAtt": ["Child", "Outputs.Name"]}}},
        }
    )
    cloudformation.create_stack(StackName="unasked", TemplateBody=parent)
    assert settled(cloudformation, "unasked")["StackStatus"] == "ROLLBACK_COMPLETE"
    assert ("Child", "CREATE_FAILED", "Requires capabilities : [CAPABILITY_IAM]") in told(
        cloudformation, "unasked"
    )
    stack_id = cloudformation.create_stack(
        StackName="family", TemplateBody=parent, Capabilities=["CAPABILITY_IAM"]
    )["StackId"]
    outer = settled(cloudformation, stack_id)
    assert outer["StackStatus"] == "CREATE_COMPLETE", told(cloudformation, stack_id)
    child = next(s for s in cloudformation.list_stacks()["StackSummaries"] if s.get("ParentId") == stack_id)
    assert child["RootId"] == stack_id
    stem, _, tail = child["StackName"].rpartition("-")
    assert stem == "family-Child"
    assert len(tail) == 13
    role_name = outer["Outputs"][0]["OutputValue"]
    found = cloudformation.describe_stack_resources(PhysicalResourceId=role_name)["StackResources"]
    assert found[0]["StackId"] == child["StackId"]
    cloudformation.delete_stack(StackName="family")
    assert settled(cloudformation, stack_id)["StackStatus"] == "DELETE_COMPLETE"
    assert settled(cloudformation, child["StackId"])["StackStatus"] == "DELETE_COMPLETE"


def test_generated_names_are_cut_to_what_the_service_takes(
    cloudformation: Any, client: ClientFactory, account: str
) -> None:
    name = "DeployCloudTrailCloudFormationStacks"
    cloudformation.create_stack(
        StackName=name, Capabilities=["CAPABILITY_IAM"], TemplateBody=body(LambdaExecutionRole=role())
    )
    settled(cloudformation, name)
    (resource,) = cloudformation.list_stack_resources(StackName=name)["StackResourceSummaries"]
    stem, _, tail = resource["PhysicalResourceId"].rpartition("-")
    assert stem == "DeployCloudTrailCloudForm-LambdaExecutionRole"
    assert len(tail) == 13


def test_many_stacks_at_once_do_not_hold_up_the_server(cloudformation: Any) -> None:
    ids = [
        cloudformation.create_stack(StackName=f"many-{n}", TemplateBody=body(Topic=topic()))["StackId"]
        for n in range(60)
    ]
    assert {settled(cloudformation, one)["StackStatus"] for one in ids} == {"CREATE_COMPLETE"}


def waiting(seconds: int) -> dict[str, Any]:
    """Resources that keep a stack busy for so many real seconds."""
    return {
        "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
        "Wait": {
            "Type": "AWS::CloudFormation::WaitCondition",
            "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": str(seconds)},
        },
    }


def test_a_stack_that_is_being_changed_is_neither_changed_nor_deleted(cloudformation: Any) -> None:
    stack_id = cloudformation.create_stack(StackName="busy", TemplateBody=body(T=topic()))["StackId"]
    settled(cloudformation, "busy")
    cloudformation.update_stack(StackName="busy", TemplateBody=body(T=topic(), **waiting(1)))
    assert refusal(cloudformation.delete_stack, StackName="busy") == (
        "ValidationError",
        "Stack [busy] cannot be deleted while in status UPDATE_IN_PROGRESS",
    )
    assert refusal(cloudformation.update_stack, StackName="busy", TemplateBody=body(T=topic("x"))) == (
        "ValidationError",
        f"Stack:{stack_id} is in UPDATE_IN_PROGRESS state and can not be updated.",
    )
    cloudformation.cancel_update_stack(StackName="busy")
    assert settled(cloudformation, "busy")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


def test_an_update_without_rollback_can_be_rolled_back_later(cloudformation: Any) -> None:
    cloudformation.create_stack(StackName="tidy", TemplateBody=body(T=topic("kept-name")))
    settled(cloudformation, "tidy")
    cloudformation.update_stack(
        StackName="tidy", TemplateBody=body(T=topic("kept-name"), Bad=broken()), DisableRollback=True
    )
    assert settled(cloudformation, "tidy")["StackStatus"] == "UPDATE_FAILED"
    cloudformation.rollback_stack(StackName="tidy")
    assert settled(cloudformation, "tidy")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


def test_a_stack_that_failed_without_rollback_can_be_rolled_back_later(cloudformation: Any) -> None:
    cloudformation.create_stack(
        StackName="later",
        TemplateBody=body(Good=topic(), Bad=broken(DependsOn="Good")),
        OnFailure="DO_NOTHING",
    )
    assert settled(cloudformation, "later")["StackStatus"] == "CREATE_FAILED"
    cloudformation.rollback_stack(StackName="later")
    assert settled(cloudformation, "later")["StackStatus"] == "ROLLBACK_COMPLETE"
