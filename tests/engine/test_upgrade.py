"""Deployed at one version of the blueprint, the portal at the next: behind, upgraded, up to date again."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from onboarding import blueprint
from onboarding.engine.drive import drive
from onboarding.models import (
    AccountSummary,
    BatchKind,
    BlueprintPart,
    Deployment,
    KnownTemplate,
    Member,
    Run,
    StaffRole,
)
from onboarding.progress.plan_page import plan_page
from onboarding.services import bulk, hand_over
from onboarding.services.retrying import start_again
from onboarding.states import RunStatus
from tests.engine.conftest import Owner

OwnerOf = Callable[..., Owner]


@pytest.fixture
def earlier_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """The product as it was a version ago, until the function is called: an audit session lasted longer."""
    sources = tmp_path / "cloudformation"
    shutil.copytree(blueprint._SOURCES, sources)
    roles = sources / "infosec_client_roles.yaml"
    text = roles.read_text()
    assert text.count("MaxSessionDuration: 3600") >= 1
    roles.write_text(text.replace("MaxSessionDuration: 3600", "MaxSessionDuration: 7200", 1))
    before = replace(blueprint.RELEASES[-1], version="2020.1", sources="")
    with monkeypatch.context() as patch:
        patch.setattr(blueprint, "_SOURCES", sources)
        patch.setattr(blueprint, "RELEASES", (before, *blueprint.RELEASES[:0]))
        blueprint.build_blueprint.cache_clear()

        def upgrade_the_product() -> None:
            patch.undo()
            blueprint.build_blueprint.cache_clear()

        yield upgrade_the_product
    blueprint.build_blueprint.cache_clear()


def behind(settings: Settings) -> list[str]:
    current = blueprint.build_blueprint(settings.COMPANY).current_digests
    return list(AccountSummary.objects.all().behind(current).values_list("number", flat=True))


def onboard(owner: Owner, run: Run) -> Run:
    run = drive(run.pk)
    assert run.status == RunStatus.PLANNED, (run.reason_code, run.failure)
    owner.approve(run)
    run = drive(run.pk)
    assert run.status == RunStatus.VERIFIED, (run.reason_code, run.failure)
    return run


def test_an_account_deployed_a_version_ago_is_behind_until_its_upgrade(
    owner_of: OwnerOf, earlier_version: Callable[[], None], settings: Settings
) -> None:
    owner = owner_of()
    first = onboard(owner, owner.hand_over_role())
    parts = dict(Deployment.objects.filter(account=owner.account).values_list("part", "version"))
    assert parts == {BlueprintPart.ROLES: "2020.1", BlueprintPart.TRAILS: "2020.1"}
    assert behind(settings) == []

    earlier_version()
    assert behind(settings) == [owner.account.number]
    assert AccountSummary.objects.get().blueprint_version == "2020.1"
    Member.objects.create(user=owner.user, role=StaffRole.OPERATOR)
    judged = bulk.judge_accounts(owner.user, BatchKind.RETRY, [owner.account.pk], {})
    assert [line.state for line in judged.lines.all()] == ["applies"]

    start_again(owner.user, owner.account)
    run = drive(owner._choose(owner_hands_over_again(owner)).pk)
    assert run.status == RunStatus.PLANNED, (run.reason_code, run.failure)
    assert run.pk != first.pk
    page = plan_page(run)
    assert page is not None
    [write] = [each for each in page.writes if each.step.kind == "deploy_roles"]
    assert write.step.why == "outdated"
    assert write.difference is not None
    assert write.difference.changed == ("SecurityAuditRole",)
    assert "-      MaxSessionDuration: 7200" in write.difference.lines
    assert "+      MaxSessionDuration: 3600" in write.difference.lines

    owner.approve(run)
    run = drive(run.pk)
    assert run.status == RunStatus.VERIFIED, (run.reason_code, run.failure)
    assert behind(settings) == []
    roles = Deployment.objects.get(account=owner.account, part=BlueprintPart.ROLES)
    assert roles.version == blueprint.RELEASES[-1].version
    assert roles.template_digest == blueprint.build_blueprint(settings.COMPANY).roles.template.digest
    # Both versions' words are kept: the next upgrade can say what it changes, too.
    assert KnownTemplate.objects.filter(name="infosec_client_roles").count() == 2

    # What the company sets is part of what is deployed, though the version is the same.
    company = settings.COMPANY
    arns = ("arn:aws:iam::aws:policy/job-function/SupportUser",)
    settings.COMPANY = replace(company, roles=replace(company.roles, incident_response_policy_arns=arns))
    assert behind(settings) == [owner.account.number]


def owner_hands_over_again(owner: Owner) -> Run:
    owner.account.refresh_from_db()
    return hand_over.hand_over_role(owner.user, owner.account, owner.account.last_role_arn)
