"""In what states does the portal find accounts? Each scenario makes one, by the calls an owner would make."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox import accounts, central, faults, seeds, trails
from sandbox.accounts import Account
from sandbox.seeds import SCENARIOS, company, hands, play_account, scenario

__all__ = ["SCENARIOS"]

_TEMPLATES = Path(__file__).parent.parent / "onboarding" / "cloudformation"

Document = Mapping[str, Any]


def old_template(**extra: Any) -> str:
    """The stack that the new roles replace, and what else people put into it."""
    old = company()
    return json.dumps(
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": old.old_description,
            "Resources": {
                old.old_role_logical_id: {
                    "Type": "AWS::IAM::Role",
                    "Properties": {
                        "AssumeRolePolicyDocument": {
                            "Version": "2012-10-17",
                            "Statement": [
                                {
                                    "Effect": "Allow",
                                    "Principal": {"AWS": old.old_trusted_principal_arn},
                                    "Action": "sts:AssumeRole",
                                }
                            ],
                        },
                        "ManagedPolicyArns": ["arn:aws:iam::aws:policy/SecurityAudit"],
                    },
                },
                **extra,
            },
        }
    )


def _owner(number: str, name: str = "", alias: str = "") -> None:
    known = accounts.get(number)
    play_account(
        Account(
            number,
            name=name or known.name or "An owner's account",
            alias=alias or known.alias,
            opted_in=known.opted_in,
            management_account=known.management_account,
            scripted=known.scripted,
        )
    )


def _old_stack(number: str, document: Document, template: str = "", **more: Any) -> dict[str, Any]:
    region = str(document.get("region", "sa-east-1"))
    name = str(document.get("stack_name", company().old_stack_name))
    stack_id = hands.create_stack(number, region, name, template or old_template(), **more)
    return {"stack_id": stack_id, "region": region}


def _file(name: str) -> tuple[str, dict[str, str]]:
    """One of the product's templates that needs no rendering, with the tags that the product gives it."""
    body = (_TEMPLATES / f"{name}.yaml").read_text(encoding="utf-8")
    digest = hashlib.sha256(body.encode()).hexdigest()
    return body, {"infosec:blueprint": name, "infosec:blueprint-digest": digest}


def _roles_parameters() -> dict[str, str]:
    return {
        "SecurityAuditPrincipalArn": company().auditor_role_arn,
        "IncidentResponsePrincipalArn": company().responder_role_arn,
        "IncidentResponsePolicyArns": ",".join(company().responder_policy_arns),
    }


def _roles_stack(number: str, region: str) -> str:
    body, tags = _file("infosec_client_roles")
    return hands.create_stack(
        number, region, company().roles_stack_name, body, tags=tags, parameters=_roles_parameters()
    )


def _regional_stack(number: str, region: str) -> str:
    body, tags = _file("regional_trail")
    return hands.create_stack(
        number,
        region,
        company().regional_stack_name,
        body,
        tags=tags,
        parameters={"BucketName": company().bucket, "TopicArn": company().topic_arn},
    )


def _bucket(number: str) -> str:
    name = f"own-trail-logs-{number}"
    s3 = hands.root(number, "s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_policy(Bucket=name, Policy=seeds.own_bucket_policy(name))
    return name


def _own_trail(number: str, region: str, name: str, bucket: str, **more: Any) -> str:
    cloudtrail = hands.root(number, "cloudtrail", region)
    arn: str = cloudtrail.create_trail(Name=name, S3BucketName=bucket, **more)["TrailARN"]
    cloudtrail.start_logging(Name=name)
    return arn


@scenario("empty")
def empty(number: str, _document: Document) -> dict[str, Any]:
    """An account with nothing in it but its owner."""
    _owner(number)
    return {}


@scenario("old-stack")
def old_stack(number: str, document: Document) -> dict[str, Any]:
    """The old stack, alone; "region" and "stack_name" may be given."""
    _owner(number)
    return _old_stack(number, document)


@scenario("old-stack-with-extra-resources")
def old_stack_with_extra_resources(number: str, document: Document) -> dict[str, Any]:
    """The old stack, to which somebody added a topic of their own."""
    _owner(number)
    return _old_stack(
        number, document, old_template(OurOwnTopic={"Type": "AWS::SNS::Topic", "Properties": {}})
    )


@scenario("same-name-other-content")
def same_name_other_content(number: str, document: Document) -> dict[str, Any]:
    """A stack that has the old one's name and nothing else of it."""
    _owner(number)
    template = json.dumps(
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": "Alarms of the web team",
            "Resources": {"Alarms": {"Type": "AWS::SNS::Topic", "Properties": {}}},
        }
    )
    return _old_stack(number, document, template)


@scenario("nested-old-stack")
def nested_old_stack(number: str, document: Document) -> dict[str, Any]:
    """The old stack as part of another one, which must remove it itself."""
    _owner(number)
    bucket = f"nested-templates-{number}"
    region = str(document.get("region", "sa-east-1"))
    s3 = hands.root(number, "s3", region)
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=bucket, **where)
    s3.put_object(Bucket=bucket, Key="old.json", Body=old_template().encode())
    parent = json.dumps(
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Resources": {
                "Audit": {
                    "Type": "AWS::CloudFormation::Stack",
                    "Properties": {"TemplateURL": f"https://{bucket}.s3.{region}.amazonaws.com/old.json"},
                }
            },
        }
    )
    return {"stack_id": hands.create_stack(number, region, "account-baseline", parent), "region": region}


@scenario("stackset-old-stack")
def stackset_old_stack(number: str, document: Document) -> dict[str, Any]:
    """The old stack as a stack set makes it: known by nothing but its name."""
    _owner(number)
    name = f"StackSet-{company().old_stack_name}-6f2b2c1e-7c39-4f6b-9a54-0d6c3a1e8b77"
    return _old_stack(number, {**document, "stack_name": name})


@scenario("termination-protected")
def termination_protected(number: str, document: Document) -> dict[str, Any]:
    """The old stack under termination protection."""
    _owner(number)
    return _old_stack(number, document, EnableTerminationProtection=True)


@scenario("foreign-policy-on-old-role")
def foreign_policy_on_old_role(number: str, document: Document) -> dict[str, Any]:
    """The old stack, to whose role somebody attached a policy by hand: its deletion fails."""
    _owner(number)
    made = _old_stack(number, document)
    resources = hands.root(number, "cloudformation", made["region"]).list_stack_resources(
        StackName=made["stack_id"]
    )
    role = resources["StackResourceSummaries"][0]["PhysicalResourceId"]
    hands.root(number, "iam").attach_role_policy(
        RoleName=role, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess"
    )
    return {**made, "role": role}


@scenario("five-trails")
def five_trails(number: str, document: Document) -> dict[str, Any]:
    """Five trails of the owner's in one region ("region", by default eu-west-1): a sixth is refused."""
    _owner(number)
    region, bucket = str(document.get("region", "eu-west-1")), _bucket(number)
    return {
        "region": region,
        "trails": [_own_trail(number, region, f"own-trail-{n}", bucket) for n in range(1, 6)],
    }


@scenario("organization-trail")
def organization_trail(number: str, _document: Document) -> dict[str, Any]:
    """A member of an organization whose trail already logs the account in every region."""
    _owner(number)
    seeds.play_organization_trail(number, "organization-trail")
    return {"management_account": seeds.ORGANIZATION_ACCOUNT}


@scenario("stopped-trail")
def stopped_trail(number: str, document: Document) -> dict[str, Any]:
    """Our regional stack, whose trail somebody stopped; the account is admitted."""
    _owner(number)
    region = str(document.get("region", "us-east-1"))
    admitted(number, document)
    stack_id = _regional_stack(number, region)
    for trail in trails.of_account(number):
        trails.stop_logging(trail)
    return {"stack_id": stack_id, "region": region}


@scenario("exists-in-other-home")
def exists_in_other_home(number: str, _document: Document) -> dict[str, Any]:
    """The roles' stack, already live in the home region that is not the first."""
    _owner(number)
    return {"stack_id": _roles_stack(number, "us-east-1"), "region": "us-east-1"}


@scenario("review-in-progress")
def review_in_progress(number: str, _document: Document) -> dict[str, Any]:
    """A change set waits under the name of the roles' stack: REVIEW_IN_PROGRESS."""
    _owner(number)
    body, _tags = _file("infosec_client_roles")
    made = hands.root(number, "cloudformation", company().home_region).create_change_set(
        StackName=company().roles_stack_name,
        ChangeSetName="by-hand",
        ChangeSetType="CREATE",
        TemplateBody=body,
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in _roles_parameters().items()
        ],
    )
    return {"stack_id": made["StackId"], "region": company().home_region}


@scenario("admitted")
def admitted(number: str, _document: Document) -> dict[str, Any]:
    """The central side admits the account already, beside those it admitted before."""
    _owner(number)
    central.admit(hands, company(), number)
    return {}


@scenario("not-admitted")
def not_admitted(number: str, _document: Document) -> dict[str, Any]:
    """The central side knows nothing of the account; the portal may change that."""
    _owner(number)
    central.shut_out(hands, company(), number)
    return {}


@scenario("shut-out")
def shut_out(number: str, _document: Document) -> dict[str, Any]:
    """The central side takes the account out of its policies; nothing in the account changes."""
    central.shut_out(hands, company(), number)
    return {}


@scenario("admission-denied")
def admission_denied(number: str, _document: Document) -> dict[str, Any]:
    """The central side does not admit the account, and refuses the portal to change its policies."""
    made = not_admitted(number, {})
    fault_numbers = [
        faults.add(
            {
                "kind": "access-denied",
                "service": service,
                "action": action,
                "account": company().storage_account,
            }
        ).number
        for service, action in (("s3", "PutBucketPolicy"), ("sns", "SetTopicAttributes"))
    ]
    return {**made, "faults": fault_numbers}


@scenario("scp-denied-region")
def scp_denied_region(number: str, document: Document) -> dict[str, Any]:
    """An organization's policy denies everything in one region ("region", by default eu-north-1)."""
    _owner(number)
    region = str(document.get("region", "eu-north-1"))
    return {
        "region": region,
        "fault": faults.add({"kind": "scp-denied", "region": region, "account": number}).number,
    }


@scenario("already-right")
def already_right(number: str, document: Document) -> dict[str, Any]:
    """Everything in place: "stacks", as the product's blueprint makes them, created by the owner.

    Each has "name", "region", "template", "parameters" and "tags". The product renders its templates for one
    company, so whoever plays this hands them in.
    """
    if not document.get("stacks"):
        raise ValueError('"already-right" needs the product\'s rendered stacks: "stacks".')
    admitted(number, document)
    return {
        "stack_ids": [
            hands.create_stack(
                number,
                stack["region"],
                stack["name"],
                stack["template"],
                parameters=stack.get("parameters"),
                tags=stack.get("tags"),
            )
            for stack in document["stacks"]
        ]
    }


def _mozilla_community_it(number: str) -> None:
    _owner(number, "Mozilla Community IT - 1002", "mozilla-community-it")
    _old_stack(number, {"region": "sa-east-1", "stack_name": "infosec-audit-legacy"})


@scenario("half-finished")
def half_finished(number: str, _document: Document) -> dict[str, Any]:
    """An earlier attempt stopped half way: roles live, parent rolled back, one region right, one failed."""
    _owner(number, accounts.get(number).name or "Half finished", "")
    home = company().home_region
    made = {"roles": _roles_stack(number, home)}
    made["right"] = _with_admission(number, "eu-west-1")
    # Nobody had told the storage account about this one: CloudTrail refuses the rest.
    made["failed"] = _regional_stack(number, "us-east-1")
    made["parent"] = hands.create_stack(
        number,
        home,
        company().parent_stack_name,
        _earlier_parent(),
        tags={"infosec:blueprint": "deploy_cloudtrail"},
    )
    return made


def _earlier_parent() -> str:
    """The parent as an earlier version had it: with our description, and a trail that is refused."""
    source = (_TEMPLATES / "deploy_cloudtrail.yaml").read_text(encoding="utf-8")
    folded = re.search(r"^Description: >-\n((?:  .*\n)+)", source, re.MULTILINE)
    if folded is None:
        raise ValueError("deploy_cloudtrail.yaml has no folded description any more.")
    return json.dumps(
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": " ".join(folded.group(1).split()),
            "Resources": {
                "Trail": {
                    "Type": "AWS::CloudTrail::Trail",
                    "Properties": {"IsLogging": True, "S3BucketName": company().bucket},
                }
            },
        }
    )


def _with_admission(number: str, region: str) -> str:
    central.admit(hands, company(), number)
    try:
        return _regional_stack(number, region)
    finally:
        central.shut_out(hands, company(), number)


@scenario("own-trails")
def own_trails(number: str, _document: Document) -> dict[str, Any]:
    """The owner's own trails, to their own bucket: one for us-east-1, one for all regions from eu-west-1."""
    _owner(number)
    bucket = _bucket(number)
    return {
        "bucket": bucket,
        "trails": [
            _own_trail(number, "us-east-1", "web-team-audit", bucket),
            _own_trail(number, "eu-west-1", "all-regions", bucket, IsMultiRegionTrail=True),
        ],
    }


@scenario("demo")
def demo(_number: str, _document: Document) -> dict[str, Any]:
    """The three owner accounts of the demo."""
    _mozilla_community_it("484535289196")
    accounts.tell(Account("210987654321", name="Add-ons Review"))
    half_finished("210987654321", {})
    accounts.tell(Account("345678901234", name="Web Performance"))
    own_trails("345678901234", {})
    return {"accounts": ["484535289196", "210987654321", "345678901234"]}
