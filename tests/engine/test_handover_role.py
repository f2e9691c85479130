"""The hand-over role as shipped is enough for the whole job, and each of its statements is needed for it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from django.conf import settings
from pytest_django import Settings

from onboarding import needs, policies
from onboarding.aws import publish
from onboarding.aws.session import Cloud, session_from
from onboarding.blueprint import build_blueprint
from onboarding.credentials import TemporaryCredentials
from onboarding.engine import sessions
from onboarding.engine.drive import drive
from onboarding.models import Event, Run
from onboarding.services import deciding
from onboarding.states import RunStatus, Stage
from tests.engine.conftest import Owner
from tests.engine.test_preflight import hand_over_with

OwnerOf = Callable[..., Owner]


@pytest.fixture
def overrides(settings: Settings) -> Settings:
    """Django's settings, to be changed for one test."""
    return settings


ASKING = "AskWhatThisRoleMayDo"
STATEMENTS = [each["Sid"] for each in policies.policy_of(settings.COMPANY, "0" * 12)["Statement"]]
READING = {"LookRound", "ReadStacks", "ReadRoles"}
AFTER_AN_ANSWER = {need.sid for need in needs.needs_of(settings.COMPANY, "0" * 12) if need.after}


def without(owner: Owner, *sids: str) -> dict[str, Any]:
    policy = policies.policy_of(settings.COMPANY, owner.account.number)
    return {**policy, "Statement": [each for each in policy["Statement"] if each["Sid"] not in sids]}


def answered(owner: Owner, run: Run) -> Run:
    """The same run, when its owner has allowed whatever is asked."""
    if run.status == RunStatus.NEEDS_OWNER:
        given = {question.key: question.options[1] for question in deciding.questions_of(run)}
        deciding.answer(owner.user, run, deciding.version_of(run), given)
    return run


def told(run: Run) -> dict[str, Any]:
    data: dict[str, Any] = Event.objects.filter(run=run, kind="preflight.done").latest("number").data
    return data


@pytest.mark.parametrize(
    "scenario",
    ["old-stack", "half-finished", "stopped-trail", "termination-protected", "foreign-policy-on-old-role"],
)
def test_the_role_from_the_template_is_enough(owner_of: OwnerOf, scenario: str) -> None:
    """From nothing with an old stack; cleaning up and going on after a failed attempt; mending a trail."""
    owner = owner_of(scenario)
    run = answered(owner, drive(owner.hand_over_role().pk))
    assert run.status == RunStatus.PLANNED, (run.reason_code, run.failure)
    assert (told(run)["is_simulated"], told(run)["missing"], told(run)["cannot_tell"]) == (True, [], [])
    owner.approve(run)
    run = drive(run.pk)
    assert run.status == RunStatus.VERIFIED, (run.reason_code, run.failure)


@pytest.mark.parametrize("sid", sorted(set(STATEMENTS) - {ASKING, *READING, *AFTER_AN_ANSWER}))
def test_without_any_writing_statement_the_job_fails(owner_of: OwnerOf, sid: str) -> None:
    """The pre-flight is kept from telling so beforehand: what happens then is the proof."""
    owner = owner_of("old-stack")
    run = drive(owner._choose(hand_over_with(owner, without(owner, sid, ASKING))).pk)
    assert run.status == RunStatus.PLANNED, (run.reason_code, run.failure)
    assert told(run)["cannot_tell"]
    owner.approve(run)
    run = drive(run.pk)
    assert run.status in {RunStatus.PARTLY_DONE, RunStatus.FAILED, RunStatus.NEEDS_ACCESS}
    assert run.reason_code != ""


@pytest.mark.parametrize("sid", sorted(READING))
def test_without_any_reading_statement_nothing_is_begun(owner_of: OwnerOf, sid: str) -> None:
    owner = owner_of("old-stack")
    run = drive(owner._choose(hand_over_with(owner, without(owner, sid, ASKING))).pk)
    assert (run.status, run.reason_code) == (RunStatus.NEEDS_ACCESS, "missing_permissions")
    assert owner.writes() == []


def test_without_the_right_to_ask_the_preflight_can_tell_less(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = drive(owner._choose(hand_over_with(owner, without(owner, ASKING))).pk)
    assert run.status == RunStatus.PLANNED, (run.reason_code, run.failure)
    assert "iam:CreateRole" in {each["action"] for each in told(run)["cannot_tell"]}


def publish_templates(owner: Owner, overrides: Settings) -> None:
    """Let the company publish its templates; the bucket may be anybody's."""
    bucket = f"templates-{owner.account.number}"
    s3 = owner.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    company = settings.COMPANY
    overrides.COMPANY = replace(company, templates=replace(company.templates, bucket=bucket))
    blueprint = build_blueprint(overrides.COMPANY)
    keys = owner.keys()
    session = session_from(
        Cloud(owner.cloud.url),
        TemporaryCredentials(keys.access_key_id, keys.secret_access_key, keys.session_token),
    )
    publish.put_templates(session, overrides.COMPANY, [blueprint.roles.template, blueprint.trails.template])


@pytest.mark.parametrize("left_out", [(), (ASKING, "ReadPublishedTemplates")], ids=["whole", "without"])
def test_published_templates_are_read_by_their_statement_alone(
    owner_of: OwnerOf, overrides: Settings, left_out: tuple[str, ...]
) -> None:
    owner = owner_of()
    publish_templates(owner, overrides)
    run = drive(owner._choose(hand_over_with(owner, without(owner, *left_out))).pk)
    assert run.status == RunStatus.PLANNED, (run.reason_code, run.failure)
    assert bool(told(run)["cannot_tell"]) is bool(left_out)
    owner.approve(run)
    run = drive(run.pk)
    if left_out:
        assert run.status in {RunStatus.PARTLY_DONE, RunStatus.FAILED}
        assert "S3 error: Access Denied" in str(run.failure)
    else:
        assert run.status == RunStatus.VERIFIED, (run.reason_code, run.failure)


def test_a_template_from_elsewhere_is_refused_by_the_role_itself(
    owner_of: OwnerOf, overrides: Settings
) -> None:
    """Where templates are published the role makes stacks from nothing else, whoever holds it."""
    owner = owner_of()
    publish_templates(owner, overrides)
    run = drive(owner._choose(hand_over_with(owner, without(owner))).pk)
    assert run.status == RunStatus.PLANNED
    session = sessions.handed_over(run, Stage.ROLES)
    cloudformation: Any = session.client("cloudformation", "us-west-2")
    with pytest.raises(ClientError, match="AccessDenied"):
        cloudformation.create_stack(StackName="InfosecClientRoles", TemplateBody="{}")
