"""An owner who hands nothing over follows the page, by its own files and commands, to a verified run."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from onboarding.blueprint import build_blueprint
from onboarding.company import TemplatesSettings
from onboarding.engine.drive import drive
from onboarding.models import Run
from onboarding.observed import DEFAULT_REGIONS
from onboarding.states import RunStatus, StepKind
from sandbox.client import Sandbox
from tests.engine.conftest import Owner
from tests.printed.conftest import Shell, blocks_of
from tests.printed.test_usage_and_leaving import browser_of

pytestmark = pytest.mark.django_db(transaction=True)

ROLES, TRAILS = "InfosecClientRoles", "DeployCloudTrailCloudFormationStacks"


def begin(owner: Owner, browser: Client, home: str = "us-east-1") -> Run:
    """The owner chooses this way, and the worker admits the account."""
    url = reverse("by-hand", args=[owner.account.number])
    assert 'value="us-east-1"' in browser.get(url).text
    assert browser.post(url, {"act": "begin", "home": home}).status_code == 302
    run = drive(owner.account.runs.get().pk)
    assert (run.status, run.reason_code) == (RunStatus.NEEDS_OWNER, "by_hand")
    return run


def download(owner: Owner, browser: Client, shell: Shell, stack: str, name: str) -> None:
    answer = browser.get(reverse("by-hand-template", args=[owner.account.number, stack]))
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}.yaml"'
    (shell.place / f"{name}.yaml").write_bytes(answer.content)


def test_the_pages_own_commands_lead_to_a_verified_run(
    owner_of: Callable[..., Owner], shell_of: Callable[..., Shell], cloud: Sandbox
) -> None:
    owner = owner_of("old-stack", region="sa-east-1")
    browser, shell = browser_of(owner.user), shell_of(owner.keys())
    url = reverse("by-hand", args=[owner.account.number])
    run = begin(owner, browser)
    blocks = blocks_of(browser, url)
    assert list(blocks) == [
        "command to find the old stack",
        f"command to create {ROLES}",
        f"command to create {TRAILS}",
        "command to see the audit role",
    ]
    # The old stack: found, and deleted by the command that was printed.
    find = blocks["command to find the old stack"]
    printed = shell.run(find).strip()
    assert printed.startswith("aws cloudformation delete-stack --region sa-east-1 --stack-name ")
    cloud.settings(speed=2000)
    try:
        shell.run(printed)
        shell.run(printed.replace("delete-stack", "wait stack-delete-complete"))
        assert shell.run(find).strip() == ""
        # Both new ones, from the files that the page offers.
        for stack, name in (("roles", ROLES), ("trails", TRAILS)):
            download(owner, browser, shell, stack, name)
            shell.run(blocks[f"command to create {name}"])
            assert owner.status("us-east-1", name) == "CREATE_COMPLETE"
        role = shell.run(blocks["command to see the audit role"]).strip()
    finally:
        cloud.settings(speed=100)
    browser.post(url, {"act": "save", "ticked": ["old", "roles"]})
    page = browser.get(url).text
    assert page.count(" checked") == 2
    answer = browser.post(
        url, {"act": "verify", "ticked": ["old", "roles", "trails"], "audit_role_arn": role}
    )
    assert answer.headers["Location"] == reverse("run", args=[run.pk])
    run = drive(run.pk)
    assert run.status == RunStatus.VERIFIED, (run.reason_code, run.failure)
    proven = run.steps.filter(kind=StepKind.VERIFY_REGION).values_list("region", flat=True)
    assert set(proven) == set(DEFAULT_REGIONS)
    assert not owner.account.grants.exists()
    assert [event.data["done"] for event in run.events.filter(kind="owner.note")] == [
        "begin", "old", "roles", "trails", "verify",
    ]  # fmt: skip
    finished = browser.get(reverse("run", args=[run.pk])).text
    assert role in finished
    assert "Roles: stack InfosecClientRoles in us-east-1" in finished


def test_what_is_lacking_is_named_and_verification_may_be_asked_for_again(
    owner_of: Callable[..., Owner], shell_of: Callable[..., Shell], cloud: Sandbox, settings: Settings
) -> None:
    owner = owner_of()
    browser, shell = browser_of(owner.user), shell_of(owner.keys())
    url = reverse("by-hand", args=[owner.account.number])
    run = begin(owner, browser, home="us-west-2")
    blocks = blocks_of(browser, url)
    cloud.settings(speed=2000)
    try:
        download(owner, browser, shell, "roles", ROLES)
        shell.run(blocks[f"command to create {ROLES}"])
        role = shell.run(blocks["command to see the audit role"]).strip()
    finally:
        cloud.settings(speed=100)
    # The trails were forgotten.
    browser.post(url, {"act": "verify", "audit_role_arn": role})
    settings.CLOUD_POLL_SECONDS = 0.05
    run = drive(run.pk)
    assert run.status == RunStatus.PARTLY_DONE
    assert run.steps.get(kind=StepKind.VERIFY_ROLES).status == "finished"
    lacking = run.steps.filter(kind=StepKind.VERIFY_REGION, reason_code="trail_missing")
    assert set(lacking.values_list("region", flat=True)) == set(DEFAULT_REGIONS)
    page = browser.get(reverse("run", args=[run.pk])).text
    assert f'href="{url}"' in page
    assert "Have it verified again" in page
    # Again: the account is admitted already, and it is at once the owner's turn.
    browser.post(url, {"act": "begin", "home": "us-west-2"})
    again = drive(owner.account.runs.open().get().pk)
    assert (again.status, again.reason_code) == (RunStatus.NEEDS_OWNER, "by_hand")


def test_published_templates_are_opened_in_the_console_filled_in(
    owner_of: Callable[..., Owner], settings: Settings
) -> None:
    templates = TemplatesSettings(bucket="published-templates", bucket_region="us-west-2")
    settings.COMPANY = replace(settings.COMPANY, templates=templates)
    owner = owner_of()
    browser = browser_of(owner.user)
    begin(owner, browser)
    page = browser.get(reverse("by-hand", args=[owner.account.number])).text
    for stack in (build_blueprint(settings.COMPANY).roles, build_blueprint(settings.COMPANY).trails):
        assert f"stackName%3D{stack.stack_name}" in page or f"stackName={stack.stack_name}" in page
    assert page.count("https://us-east-1.console.aws.amazon.com/cloudformation/home?region=us-east-1#") == 2
