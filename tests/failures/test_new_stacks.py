"""What goes wrong with the two new stacks: one cause in plain words, and nothing of it made twice."""

from typing import Any

import pytest

from onboarding.engine.drive import drive
from onboarding.models import Run
from onboarding.states import RunStatus, StepKind, StepStatus
from tests.engine.conftest import Owner
from tests.failures.conftest import (
    HOME,
    PARENT,
    ROLES,
    OwnerOf,
    Told,
    approved,
    assert_told,
    look,
    onboarded,
    planned,
    run_page,
    url_of,
)

S = RunStatus
BOTH = (ROLES, PARENT)
ROLES_DELETED = ("DeleteStack", HOME, "InfosecClientRoles")


def refuse(owner: Owner, action: str, code: str, message: str, **more: Any) -> int:
    """Let AWS refuse a call of CloudFormation's, in the home region."""
    return owner.cloud.fault(
        kind="refuse",
        service="cloudformation",
        action=action,
        region=HOME,
        account=owner.account.number,
        code=code,
        message=message,
        **more,
    )


def refuse_inside(owner: Owner, action: str, message: str, **more: Any) -> int:
    """Let a resource of a stack fail with these words."""
    service, _, name = action.partition(":")
    return owner.cloud.fault(
        kind="refuse",
        principal="cloudformation.amazonaws.com",
        service=service,
        action=name,
        account=owner.account.number,
        message=message,
        **more,
    )


def make_roles(owner: Owner, template: str, **more: Any) -> str:
    """A stack under the name of the roles' stack, as somebody else made it."""
    made = owner.client("cloudformation").create_stack(
        StackName="InfosecClientRoles",
        TemplateBody=template,
        Capabilities=["CAPABILITY_NAMED_IAM"],
        **more,
    )
    return str(made["StackId"])


def test_41_it_is_there_already(owner_of: OwnerOf) -> None:
    """Made by hand from an older version: brought up to date, not made again."""
    owner = owner_of("half-finished")
    run = planned(owner, None, "delete")
    assert_told(owner, run, Told(S.PLANNED, act="plan"))
    stack = owner.client("cloudformation").describe_stacks(StackName="InfosecClientRoles")["Stacks"][0]
    assert "The stack InfosecClientRoles is already as it should be" in look(owner, url_of("plan", run)).words
    owner.approve(run)
    run = drive(run.pk)
    assert run.status == S.VERIFIED, (run.reason_code, run.failure)
    now = owner.client("cloudformation").describe_stacks(StackName="InfosecClientRoles")["Stacks"][0]
    assert now["StackId"] == stack["StackId"]
    assert owner.writes("CreateStack") != []


def test_41_somebody_was_faster(owner_of: OwnerOf) -> None:
    """AlreadyExistsException is looked into and not believed: what is there then decides."""
    owner = owner_of()
    run = approved(owner)
    message = "Stack [InfosecClientRoles] already exists"
    refuse(owner, "CreateStack", "AlreadyExistsException", message, count=1)
    assert_told(owner, drive(run.pk), Told(S.VERIFIED, act="logs", writes=BOTH))


def test_42_a_failed_attempt_holds_the_name(owner_of: OwnerOf) -> None:
    """Ours and rolled back: it is removed first. What lives is left as it is."""
    owner = owner_of("half-finished")
    run = planned(owner, None, "delete")
    words = look(owner, url_of("plan", run)).words
    assert "An earlier attempt failed" in words
    owner.approve(run)
    parent_deleted = ("DeleteStack", HOME, "DeployCloudTrailCloudFormationStacks")
    assert_told(owner, drive(run.pk), Told(S.VERIFIED, act="logs", writes=(parent_deleted, PARENT)))


def test_45_nothing_to_update(owner_of: OwnerOf) -> None:
    owner = owner_of()
    assert onboarded(owner).status == S.VERIFIED
    stack = owner.client("cloudformation").describe_stacks(StackName="InfosecClientRoles")["Stacks"][0]
    tags = [{**tag, "Value": "older"} if "digest" in tag["Key"] else tag for tag in stack["Tags"]]
    owner.client("cloudformation").update_stack(
        StackName="InfosecClientRoles",
        UsePreviousTemplate=True,
        Tags=tags,
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[
            {"ParameterKey": each["ParameterKey"], "UsePreviousValue": True} for each in stack["Parameters"]
        ],
    )
    run = planned(owner)
    before = owner.cloud.last_request()
    refuse(owner, "UpdateStack", "ValidationError", "No updates are to be performed.")
    owner.approve(run)
    run = drive(run.pk)
    assert run.steps.get(kind=StepKind.DEPLOY_ROLES).status == StepStatus.FINISHED
    assert_told(owner, run, Told(S.VERIFIED, act="logs"), after=before)


@pytest.mark.parametrize(
    ("code", "message", "reason_code", "words"),
    [
        ("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]",
         "template_invalid", ("A temporary problem on our side", "infosec publishes a new version")),
        ("LimitExceededException", "Limit for stack has been exceeded",
         "stack_quota", ("The region us-west-2 has too many stacks", "the stack InfosecClientRoles",
                         "have AWS raise the limit")),
        ("ValidationError", "S3 error: Access Denied",
         "template_unreadable", ("The template could not be read", "else tell infosec")),
        ("TeapotException", "I'm a teapot, short and stout",
         "unknown", ("AWS gave an answer that we don't know", "TeapotException", "I'm a teapot",
                     "Request id")),
    ],
    ids=["46", "47", "51", "74"],
)  # fmt: skip
def test_refused_at_once(
    owner_of: OwnerOf, code: str, message: str, reason_code: str, words: tuple[str, ...]
) -> None:
    """Nothing else is begun that would need it, the access is given up, and AWS's own words are shown."""
    owner = owner_of()
    run = approved(owner)
    refuse(owner, "CreateStack", code, message)
    run = drive(run.pk)
    page = assert_told(owner, run, Told(S.FAILED, reason_code, (*words, code), act="retry"))
    assert run.failure is not None
    assert run.failure["request_id"] in page.words


@pytest.mark.parametrize(
    ("action", "message", "code", "reason_code", "words"),
    [
        ("iam:CreateRole", "Cannot exceed quota for RolesPerAccount: 1000", "ServiceLimitExceeded",
         "role_quota", ("The account has too many roles", "RolesPerAccount: 1000", "raise the limit")),
        ("iam:CreateRole", "InfosecClientRoles-x already exists in stack arn:aws:cloudformation:x",
         "AlreadyExists", "role_exists",
         ("Something of that name exists already", "already exists in stack", "Delete or rename")),
        ("iam:CreateRole", "Die Rolle konnte nicht angelegt werden.", "",
         "create_failed", ("AWS could not create", "Die Rolle konnte nicht angelegt werden.",
                           "the failed attempt is cleaned up first")),
    ],
    ids=["48-quota", "48-name", "55"],
)  # fmt: skip
def test_the_roles_are_rolled_back(
    owner_of: OwnerOf,
    action: str,
    message: str,
    code: str,
    reason_code: str,
    words: tuple[str, ...],
) -> None:
    """One role fails, the other is only cancelled for it: the first is the cause that is told."""
    owner = owner_of()
    run = approved(owner)
    refuse_inside(owner, action, message, code=code, count=1, status=409)
    run = drive(run.pk)
    step = run.steps.get(kind=StepKind.DEPLOY_ROLES)
    assert step.failure is not None
    assert "cancelled" not in step.failure["message"]
    assert step.reason_code == reason_code, step.failure
    page = run_page(owner, run)
    for each in words:
        assert each in page.words, page.words
    assert owner.status(HOME, "InfosecClientRoles") == "ROLLBACK_COMPLETE"

    # Once it is mended the remains go first, and then it is made.
    before = owner.cloud.last_request()
    again = planned(owner, None, "delete")
    assert "An earlier attempt failed" in look(owner, url_of("plan", again)).words
    owner.approve(again)
    again = drive(again.pk)
    assert again.status == S.VERIFIED, (again.reason_code, again.failure)
    assert ROLES_DELETED in [
        (each.action, each.region, each.stack) for each in owner.writes("DeleteStack", after=before)
    ]


@pytest.mark.parametrize(
    ("action", "message", "code", "reason_code", "words"),
    [
        ("lambda:CreateFunction",
         "The runtime parameter of python2.7 is no longer supported", "InvalidRequest", "runtime_retired",
         ("A temporary problem on our side", "python2.7", "Nothing for you to do")),
        ("lambda:InvokeFunction",
         "User: x is not authorized to perform: lambda:InvokeFunction on resource: y", "AccessDenied",
         "installer_not_invoked", ("The installer could not be started", "Allow lambda:InvokeFunction")),
    ],
    ids=["49", "53"],
)  # fmt: skip
def test_the_installer_does_not_start(
    owner_of: OwnerOf,
    action: str,
    message: str,
    code: str,
    reason_code: str,
    words: tuple[str, ...],
) -> None:
    """The roles are made all the same, and stay."""
    owner = owner_of()
    run = approved(owner)
    refuse_inside(owner, action, message, code=code, count=1, status=403)
    run = drive(run.pk)
    told = Told(S.PARTLY_DONE, reason_code, words, act="retry", writes=BOTH)
    assert_told(owner, run, told)
    assert run.steps.get(kind=StepKind.DEPLOY_ROLES).status == StepStatus.FINISHED
    assert owner.status(HOME, "DeployCloudTrailCloudFormationStacks") == "ROLLBACK_COMPLETE"


def test_52_the_installer_does_not_answer(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = approved(owner)
    owner.cloud.fault(
        kind="answer-lost",
        principal="cloudformation.amazonaws.com",
        service="lambda",
        action="InvokeFunction",
        account=owner.account.number,
        count=1,
    )
    seen: list[str] = []

    def note(now: Run) -> None:
        step = now.steps.filter(kind=StepKind.DEPLOY_TRAILS).first()
        if step is not None and step.aws_status and step.aws_status not in seen:
            seen.append(step.aws_status)

    run = drive(run.pk, note)
    words = ("The installer did not answer", "did not receive a response from your Custom Resource")
    told = Told(S.PARTLY_DONE, "installer_silent", words, act="retry", writes=BOTH)
    assert_told(owner, run, told)
    assert "CREATE_IN_PROGRESS" in seen


def test_56_the_rollback_is_stuck(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = approved(owner)
    refuse_inside(owner, "lambda:CreateFunction", "Something broke", code="InternalFailure", count=1)
    refuse_inside(owner, "iam:DeleteRole", "A policy keeps it", code="AccessDenied")
    run = drive(run.pk)
    assert run.steps.get(kind=StepKind.DEPLOY_TRAILS).aws_status == "ROLLBACK_FAILED"
    words = ("AWS could not clean up", "A policy keeps it", "the remains are removed first")
    told = Told(S.PARTLY_DONE, "rollback_stuck", words, act="retry", writes=BOTH)
    assert_told(owner, run, told)
