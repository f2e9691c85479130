"""What IAM's simulator is asked, and how its answers are read; what harmless reads tell instead."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from onboarding import needs
from onboarding.aws import simulation
from onboarding.aws.errors import AwsFailure
from onboarding.aws.permissions import session_policy
from onboarding.aws.policies import Request, refusal
from onboarding.aws.session import AwsSession
from onboarding.aws.simulation import Because, Verdict
from onboarding.company import Company
from onboarding.needs import Need
from onboarding.observed import Identity
from onboarding.states import Stage
from tests.aws.conftest import StubFactory

ACCOUNT = "484535289196"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/path/Handover"
STACK = f"arn:aws:cloudformation:us-west-2:{ACCOUNT}:stack/Any/00000000-0000-0000-0000-000000000000"
NEED = Need(
    "Sid",
    Stage.ROLES,
    ("cloudformation:CreateStack", "cloudformation:UpdateStack"),
    ("*",),
    (STACK,),
    contexts=({"aws:CalledVia": "cloudformation.amazonaws.com"},),
)
ASKED = {
    "PolicySourceArn": ROLE,
    "ActionNames": list(NEED.actions),
    "ResourceArns": [STACK],
    "ContextEntries": [
        {
            "ContextKeyName": "aws:RequestedRegion",
            "ContextKeyValues": ["us-west-2"],
            "ContextKeyType": "string",
        },
        {
            "ContextKeyName": "aws:CalledVia",
            "ContextKeyValues": ["cloudformation.amazonaws.com"],
            "ContextKeyType": "stringList",
        },
    ],
}


def result(action: str, decision: str = "allowed", **more: Any) -> dict[str, Any]:
    return {"EvalActionName": action, "EvalResourceName": STACK, "EvalDecision": decision, **more}


def judge(session: AwsSession) -> dict[str, tuple[Verdict, Because]]:
    judged = simulation.simulate(session, ROLE, [NEED])
    return {each.action.split(":")[1]: (each.verdict, each.because) for each in judged}


def test_every_page_is_read_with_the_context_that_the_request_will_have(
    session: AwsSession, stub: StubFactory
) -> None:
    iam = stub("iam")
    first = {"EvaluationResults": [result(NEED.actions[0])], "IsTruncated": True, "Marker": "2"}
    iam.add_response("simulate_principal_policy", first, ASKED)
    second = {"EvaluationResults": [result(NEED.actions[1], "implicitDeny")], "IsTruncated": False}
    iam.add_response("simulate_principal_policy", second, {**ASKED, "Marker": "2"})
    assert judge(session) == {
        "CreateStack": (Verdict.ALLOWED, Because.ROLE),
        "UpdateStack": (Verdict.MISSING, Because.ROLE),
    }


ANSWERS: dict[str, tuple[dict[str, Any], tuple[Verdict, Because]]] = {
    "denied": (result("a", "explicitDeny"), (Verdict.MISSING, Because.ROLE)),
    "conditions unknown": (
        result("a", "implicitDeny", MissingContextValues=["aws:MultiFactorAuthPresent"]),
        (Verdict.CANNOT_TELL, Because.UNKNOWN_CONDITIONS),
    ),
    "allowed, conditions unknown": (
        result("a", "allowed", MissingContextValues=["aws:SourceIp"]),
        (Verdict.CANNOT_TELL, Because.UNKNOWN_CONDITIONS),
    ),
    "by the organization": (
        result("a", "implicitDeny", OrganizationsDecisionDetail={"AllowedByOrganizations": False}),
        (Verdict.MISSING, Because.ORGANIZATION),
    ),
    "by a boundary": (
        result(
            "a", "implicitDeny", PermissionsBoundaryDecisionDetail={"AllowedByPermissionsBoundary": False}
        ),
        (Verdict.MISSING, Because.BOUNDARY),
    ),
    "one resource of several": (
        result(
            "a",
            "allowed",
            ResourceSpecificResults=[
                {"EvalResourceName": STACK, "EvalResourceDecision": "allowed"},
                {"EvalResourceName": f"{STACK}2", "EvalResourceDecision": "implicitDeny"},
            ],
        ),
        (Verdict.MISSING, Because.ROLE),
    ),
    "every resource, under a template of their names": (
        result(
            "a",
            "implicitDeny",
            ResourceSpecificResults=[{"EvalResourceName": STACK, "EvalResourceDecision": "allowed"}],
        ),
        (Verdict.ALLOWED, Because.ROLE),
    ),
}


@pytest.mark.parametrize(("answer", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_is_read_as_it_is_meant(
    session: AwsSession, stub: StubFactory, answer: dict[str, Any], expected: tuple[Verdict, Because]
) -> None:
    told = [{**answer, "EvalActionName": action} for action in NEED.actions]
    stub("iam").add_response(
        "simulate_principal_policy", {"EvaluationResults": told, "IsTruncated": False}, ASKED
    )
    assert judge(session) == {"CreateStack": expected, "UpdateStack": expected}


def test_an_action_without_an_answer_cannot_be_told(session: AwsSession, stub: StubFactory) -> None:
    answer = {"EvaluationResults": [result(NEED.actions[0])], "IsTruncated": False}
    stub("iam").add_response("simulate_principal_policy", answer, ASKED)
    assert judge(session)["UpdateStack"] == (Verdict.CANNOT_TELL, Because.NOT_SIMULATED)


def test_who_may_not_ask_is_told_so(session: AwsSession, stub: StubFactory) -> None:
    stub("iam").add_client_error("simulate_principal_policy", "AccessDenied", "no", http_status_code=403)
    with pytest.raises(AwsFailure, match="AccessDenied"):
        simulation.simulate(session, ROLE, [NEED])


def test_the_role_behind_a_session_is_read_for_its_path(session: AwsSession, stub: StubFactory) -> None:
    role = {
        "Path": "/path/",
        "RoleName": "Handover",
        "RoleId": "AROAMADEUPMADEUPMADE",
        "Arn": ROLE,
        "CreateDate": "2026-11-24T00:00:00Z",
    }
    stub("iam").add_response("get_role", {"Role": role}, {"RoleName": "Handover"})
    identity = Identity(ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/Handover/onb-1", "AROA:onb-1")
    assert simulation.principal_arn(session, identity) == ROLE


def test_a_user_is_asked_about_directly_and_a_federated_one_not_at_all(session: AwsSession) -> None:
    user = f"arn:aws:iam::{ACCOUNT}:user/people/ada"
    assert simulation.principal_arn(session, Identity(ACCOUNT, user, "AIDA")) == user
    federated = f"arn:aws:sts::{ACCOUNT}:federated-user/ada"
    assert simulation.principal_arn(session, Identity(ACCOUNT, federated, f"{ACCOUNT}:ada")) == ""


def test_reads_tell_of_reading_alone(session: AwsSession, stub: StubFactory) -> None:
    need = Need(
        "Sid", Stage.SURVEY, ("cloudformation:DescribeStacks", "cloudformation:DeleteStack"), ("*",), (STACK,)
    )
    stub("cloudformation", "us-west-2").add_client_error(
        "describe_stacks",
        "ValidationError",
        f"Stack with id {STACK} does not exist",
        expected_params={"StackName": STACK},
    )
    told = {each.action: each.verdict for each in simulation.read(session, [need])}
    assert told == {
        "cloudformation:DescribeStacks": Verdict.ALLOWED,
        "cloudformation:DeleteStack": Verdict.CANNOT_TELL,
    }


# --- The same list, and the stages' session policies -------------------------------------------------------


def requests_of(need: Need) -> Iterator[Request]:
    for action in need.actions:
        for sample in need.samples:
            for context in need.contexts:
                yield Request(action, sample, context={key.lower(): value for key, value in context.items()})


@pytest.mark.parametrize("stage", [Stage.REMOVE, Stage.ROLES, Stage.TRAILS])
def test_a_stages_session_may_do_all_its_own_work_and_no_other_stages(company: Company, stage: Stage) -> None:
    old = STACK.replace("/Any/", "/opsec-security-audit-role/")
    listed = needs.needs_of(company, ACCOUNT, old_stack_ids=[old])
    policy = json.loads(
        session_policy(
            stage,
            company,
            ACCOUNT,
            stack_ids=[old],
            regions=company.home.regions,
            consented={need.after for need in listed},
        )
    )
    for need in listed:
        for request in requests_of(need):
            is_read = request.action.split(":")[1].startswith(("Describe", "Get", "List"))
            refused = refusal(policy, [request])
            if need.stage == stage or (is_read and not request.action.startswith("s3:")):
                assert refused == "", (need.sid, request)
            elif need.stage != Stage.SURVEY and not is_read:
                assert refused != "", (need.sid, request)


CONSENTS = ("old_stack_protected", "old_role_attachments", "old_stack_extras")
EXTRAS = (
    ("AWS::SNS::Topic", "arn:aws:sns:us-west-2:484535289196:alarms"),
    ("AWS::IAM::InstanceProfile", "p"),
)


@pytest.mark.parametrize(
    "consented",
    [set(), *({code} for code in CONSENTS), set(CONSENTS)],
    ids=lambda some: "+".join(sorted(some)) or "nothing",
)
def test_a_removal_may_do_what_its_owner_allowed_and_no_more(company: Company, consented: set[str]) -> None:
    old = STACK.replace("/Any/", "/opsec-security-audit-role/")
    listed = needs.needs_of(company, ACCOUNT, old_stack_ids=[old], extra_resources=EXTRAS)
    text = session_policy(
        Stage.REMOVE, company, ACCOUNT, stack_ids=[old], consented=consented, extra_resources=EXTRAS
    )
    assert len(text) <= 2_048
    others = [request for need in listed if not need.after for request in requests_of(need)]
    for need in listed:
        for request in requests_of(need):
            is_read = request.action.split(":")[1].startswith(("Describe", "Get", "List"))
            if need.stage == Stage.REMOVE and need.after and not is_read and request not in others:
                refused = refusal(json.loads(text), [request])
                # Another answer may give the same right: what matters is that none gives it without any.
                assert (refused == "") or need.after not in consented, (need.sid, request)
                assert (refused != "") or consented, (need.sid, request)
