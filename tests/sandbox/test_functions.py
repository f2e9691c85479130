"""Custom resources: the function's Python really runs, and CloudFormation judges its answer."""

import json
import textwrap
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.stack_steps import refusal, settled, told

ClientFactory = Callable[..., Any]
LAMBDA = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    ],
}

ANSWER = """
    import cfnresponse, json, os, time
    def handler(event, context):
"""


def template(
    code: str,
    *,
    timeout: int = 60,
    service_timeout: int = 30,
    runtime: str = "python3.12",
    allowed: list[str] | None = None,
    **properties: Any,
) -> str:
    statement = {"Effect": "Allow", "Action": allowed or ["logs:PutLogEvents"], "Resource": "*"}
    return json.dumps(
        {
            "Resources": {
                "Role": {
                    "Type": "AWS::IAM::Role",
                    "Properties": {
                        "AssumeRolePolicyDocument": LAMBDA,
                        "Policies": [
                            {
                                "PolicyName": "p",
                                "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
                            }
                        ],
                    },
                },
                "Function": {
                    "Type": "AWS::Lambda::Function",
                    "Properties": {
                        "Runtime": runtime,
                        "Handler": "index.handler",
                        "Timeout": timeout,
                        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                        "Code": {
                            "ZipFile": textwrap.dedent(ANSWER).strip()
                            + "\n"
                            + textwrap.indent(textwrap.dedent(code).strip(), "    ")
                        },
                    },
                },
                "Custom": {
                    "Type": "Custom::Thing",
                    "Properties": {
                        "ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]},
                        "ServiceTimeout": service_timeout,
                        **properties,
                    },
                },
            },
            "Outputs": {"Said": {"Value": {"Fn::GetAtt": ["Custom", "said"]}}},
        }
    )


SAY = "cfnresponse.send(event, context, 'SUCCESS', {'said': %s}, %s)"


@pytest.fixture
def cloudformation(client: ClientFactory, account: str) -> Any:
    return client("cloudformation", account)


def create(cloudformation: Any, stack: str, body: str, seconds: float = 60) -> dict[str, Any]:
    cloudformation.create_stack(StackName=stack, TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
    return settled(cloudformation, stack, seconds)


def failure(cloudformation: Any, stack: str) -> str:
    return next(
        reason
        for name, status, reason in told(cloudformation, stack)
        if name == "Custom" and status == "CREATE_FAILED"
    )


def test_the_python_of_the_template_is_what_runs(cloudformation: Any, account: str) -> None:
    stack = create(
        cloudformation,
        "s",
        template(
            """
        import boto3
        who = boto3.client("sts").get_caller_identity()["Arn"]
        said = [who, os.environ["AWS_REGION"], event["RequestType"], event["ResourceProperties"]["Flag"]]
        """
            + SAY % ("json.dumps(said)", "'thing-1'"),
            Flag=True,
        ),
    )
    assert stack["StackStatus"] == "CREATE_COMPLETE", told(cloudformation, "s")
    who, region, request, flag = json.loads(stack["Outputs"][0]["OutputValue"])
    assert who.startswith(f"arn:aws:sts::{account}:assumed-role/s-Role-")
    assert (region, request, flag) == ("us-west-2", "Create", "true")


def test_the_function_has_its_roles_rights_and_no_more(cloudformation: Any) -> None:
    code = (
        """
        import boto3
        sns, said = boto3.client("sns"), []
        for call in (lambda: sns.create_topic(Name="made"), lambda: sns.list_topics()):
            try:
                call(); said.append("done")
            except Exception as refused:
                said.append(type(refused).__name__)
        """
        + SAY % ("' '.join(said)", "'t'")
    )
    stack = create(cloudformation, "s", template(code, allowed=["sns:CreateTopic"]))
    assert stack["Outputs"][0]["OutputValue"] == "done AuthorizationErrorException"


def test_a_function_can_make_stacks_in_many_regions_while_its_own_waits(
    cloudformation: Any, client: ClientFactory, account: str
) -> None:
    code = (
        """
        import boto3
        from concurrent.futures import ThreadPoolExecutor
        body = json.dumps({"Resources": {"T": {"Type": "AWS::SNS::Topic"}}})
        def one(region):
            stacks = boto3.session.Session().client("cloudformation", region_name=region)
            if event["RequestType"] == "Delete":
                stacks.delete_stack(StackName="regional")
                return "gone"
            stacks.create_stack(StackName="regional", TemplateBody=body)
            def status():
                return stacks.describe_stacks(StackName="regional")["Stacks"][0]["StackStatus"]
            while status().endswith("IN_PROGRESS"):
                time.sleep(5)
            return status()
        regions = ["us-east-1", "us-east-2", "us-west-1", "eu-west-1", "eu-west-2", "ap-south-1"]
        with ThreadPoolExecutor(6) as pool:
            found = set(pool.map(one, regions))
        """
        + SAY % ("','.join(found)", "'t'")
    )
    stack = create(
        cloudformation,
        "s",
        template(code, timeout=900, service_timeout=960, allowed=["cloudformation:*", "sns:*"]),
    )
    assert stack["StackStatus"] == "CREATE_COMPLETE", told(cloudformation, "s")
    assert stack["Outputs"][0]["OutputValue"] == "CREATE_COMPLETE"
    assert client("cloudformation", account, "eu-west-2").describe_stacks(StackName="regional")
    cloudformation.delete_stack(StackName="s")
    assert settled(cloudformation, stack["StackId"], 60)["StackStatus"] == "DELETE_COMPLETE"


def test_a_refusal_of_the_function_is_the_reason(cloudformation: Any) -> None:
    code = (
        "cfnresponse.send(event, context, 'FAILED' if event['RequestType'] == 'Create' else 'SUCCESS', {}, "
        "'t', "
        "reason='no way')"
    )
    stack = create(cloudformation, "s", template(code))
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert failure(cloudformation, "s").startswith(
        "Received response status [FAILED] from custom resource. Message returned: no way (RequestId: "
    )
    assert ("Custom", "DELETE_IN_PROGRESS", "") in told(cloudformation, "s")


def test_silence_ends_with_the_service_timeout(cloudformation: Any) -> None:
    started = time.monotonic()
    stack = create(
        cloudformation,
        "s",
        template(
            "if event['RequestType'] == 'Delete': " + SAY % ("''", "event['PhysicalResourceId']"),
            service_timeout=1,
        ),
    )
    assert time.monotonic() - started < 30
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert failure(cloudformation, "s").startswith(
        "CloudFormation did not receive a response from your Custom Resource. Please check your logs for "
        "requestId ["
    )


def test_silence_on_deletion_fails_the_rollback(cloudformation: Any) -> None:
    assert (
        create(cloudformation, "s", template("pass", service_timeout=1))["StackStatus"] == "ROLLBACK_FAILED"
    )


def test_a_function_is_stopped_at_its_timeout(
    cloudformation: Any, client: ClientFactory, account: str
) -> None:
    body = json.loads(template("while True: pass", timeout=1))
    del body["Resources"]["Custom"], body["Outputs"]
    create(cloudformation, "s", json.dumps(body))
    name = next(
        r["PhysicalResourceId"]
        for r in cloudformation.list_stack_resources(StackName="s")["StackResourceSummaries"]
        if r["LogicalResourceId"] == "Function"
    )
    answer = client("lambda", account).invoke(FunctionName=name)
    assert "Task timed out after 1.00 seconds" in answer["Payload"].read().decode()


def test_an_answer_may_have_4096_bytes(cloudformation: Any) -> None:
    code = SAY % (
        "'x' * (5000 if event['RequestType'] == 'Create' else 1)",
        "event.get('PhysicalResourceId', 't')",
    )
    assert create(cloudformation, "s", template(code))["StackStatus"] == "ROLLBACK_COMPLETE"
    assert failure(cloudformation, "s") == "Response object is too long."


def test_another_physical_id_on_update_replaces_and_deletes_the_old_one(
    cloudformation: Any, client: ClientFactory, account: str
) -> None:
    code = (
        """
        import boto3
        mine = "thing-" + event["ResourceProperties"]["Version"]
        if event["RequestType"] == "Delete":
            mine = event["PhysicalResourceId"]
            boto3.client("sns").create_topic(Name="deleted-" + mine)
        """
        + SAY % ("event['RequestType'] + event.get('OldResourceProperties', {}).get('Version', '')", "mine")
    )
    create(cloudformation, "s", template(code, allowed=["sns:*"], Version="1"))
    cloudformation.update_stack(
        StackName="s",
        Capabilities=["CAPABILITY_IAM"],
        TemplateBody=template(code, allowed=["sns:*"], Version="2"),
    )
    stack = settled(cloudformation, "s", 60)
    assert stack["StackStatus"] == "UPDATE_COMPLETE", told(cloudformation, "s")
    assert stack["Outputs"][0]["OutputValue"] == "Update1"
    topics = [t["TopicArn"].split(":")[-1] for t in client("sns", account).list_topics()["Topics"]]
    assert topics == ["deleted-thing-1"]
    assert ("Custom", "DELETE_COMPLETE", "") in told(cloudformation, "s")


@pytest.mark.parametrize("runtime", ["python2.7", "python3.6"])
def test_a_runtime_that_ended_is_refused(cloudformation: Any, runtime: str) -> None:
    assert (
        create(cloudformation, "s", template("pass", runtime=runtime))["StackStatus"] == "ROLLBACK_COMPLETE"
    )
    assert any(
        f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda "
        "functions." in reason
        for name, _, reason in told(cloudformation, "s")
        if name == "Function"
    )


def test_the_function_has_to_be_in_the_stacks_region(cloudformation: Any, account: str) -> None:
    body = json.dumps(
        {
            "Resources": {
                "Custom": {
                    "Type": "Custom::Thing",
                    "Properties": {"ServiceToken": f"arn:aws:lambda:us-east-1:{account}:function:there"},
                }
            }
        }
    )
    assert create(cloudformation, "s", body)["StackStatus"] == "ROLLBACK_COMPLETE"


def test_a_topic_can_stand_behind_a_custom_resource(
    cloudformation: Any, client: ClientFactory, account: str
) -> None:
    body = json.loads(
        template(
            """
        event = json.loads(event["Records"][0]["Sns"]["Message"])
        """
            + SAY % ("event['RequestType']", "'thing'")
        )
    )
    del body["Resources"]["Custom"], body["Outputs"]
    create(cloudformation, "answerer", json.dumps(body))
    name = next(
        r["PhysicalResourceId"]
        for r in cloudformation.list_stack_resources(StackName="answerer")["StackResourceSummaries"]
        if r["LogicalResourceId"] == "Function"
    )
    sns = client("sns", account)
    topic = sns.create_topic(Name="emissions")["TopicArn"]
    client("lambda", account).add_permission(
        FunctionName=name,
        StatementId="sns",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic,
    )
    sns.subscribe(
        TopicArn=topic, Protocol="lambda", Endpoint=f"arn:aws:lambda:us-west-2:{account}:function:{name}"
    )
    stack = create(
        cloudformation,
        "s",
        json.dumps(
            {
                "Resources": {
                    "Custom": {
                        "Type": "Custom::Emission",
                        "Properties": {"ServiceToken": topic, "ServiceTimeout": 20},
                    }
                },
                "Outputs": {"Said": {"Value": {"Fn::GetAtt": ["Custom", "said"]}}},
            }
        ),
    )
    assert stack["StackStatus"] == "CREATE_COMPLETE", told(cloudformation, "s")
    assert stack["Outputs"][0]["OutputValue"] == "Create"


def test_a_foreign_topic_that_does_not_admit_the_account_refuses(
    cloudformation: Any, client: ClientFactory
) -> None:
    topic = client("sns", "371522382791").create_topic(Name="closed-to-others")["TopicArn"]
    create(
        cloudformation,
        "s",
        json.dumps(
            {
                "Resources": {
                    "Custom": {
                        "Type": "Custom::Emission",
                        "Properties": {"ServiceToken": topic, "ServiceTimeout": 1},
                    }
                }
            }
        ),
    )
    assert "SNS:Publish" in failure(cloudformation, "s") or "sns:Publish" in failure(cloudformation, "s")


def test_a_rollback_that_is_stuck_goes_on_when_the_resource_is_skipped(cloudformation: Any) -> None:
    code = """
        status = "FAILED" if event["RequestType"] == "Update" else "SUCCESS"
        cfnresponse.send(event, context, status, {"said": "x"}, "thing", reason="stuck")
        """
    create(cloudformation, "s", template(code, Version="1"))
    cloudformation.update_stack(
        StackName="s", Capabilities=["CAPABILITY_IAM"], TemplateBody=template(code, Version="2")
    )
    stack = settled(cloudformation, "s", 60)
    assert (stack["StackStatus"], stack["StackStatusReason"]) == (
        "UPDATE_ROLLBACK_FAILED",
        "The following resource(s) failed to update: [Custom].",
    )
    cloudformation.continue_update_rollback(StackName="s", ResourcesToSkip=["Custom"])
    assert settled(cloudformation, "s", 60)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


def test_lambda_itself_refuses_what_it_refuses_in_stacks(client: ClientFactory, account: str) -> None:
    iam = client("iam", account)
    arn = iam.create_role(RoleName="f", AssumeRolePolicyDocument=json.dumps(LAMBDA))["Role"]["Arn"]
    request = {"FunctionName": "f", "Handler": "index.handler", "Code": {"ZipFile": b"x"}}
    create_function = client("lambda", account).create_function
    code, words = refusal(create_function, **request, Runtime="python2.7", Role=arn)
    assert code == "InvalidParameterValueException"
    assert words.startswith(
        "The runtime parameter of python2.7 is no longer supported for creating or updating"
    )
    nobody = f"arn:aws:iam::{account}:role/nobody"
    assert refusal(create_function, **request, Runtime="python3.12", Role=nobody) == (
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
    )
