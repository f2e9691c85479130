"""Every command on the pages about logs and about leaving does what the page says, as it stands there."""

import gzip
import json
import time
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from onboarding.engine.drive import drive
from onboarding.models import Run
from onboarding.states import RunStatus
from sandbox.client import Sandbox
from tests.engine.conftest import Owner
from tests.printed.conftest import Shell, blocks_of
from tests.views.conftest import prove

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owner(owner_of: Callable[..., Owner]) -> Owner:
    """Whose account has been brought under protection."""
    owner = owner_of()
    run = drive(owner.hand_over_role().pk)
    owner.approve(run)
    assert drive(run.pk).status == RunStatus.VERIFIED
    return owner


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    prove(client, user, second_factor=False)
    return client


def test_the_owner_fetches_their_logs_and_hears_of_new_ones(
    owner: Owner, shell_of: Callable[..., Shell], cloud: Sandbox
) -> None:
    number, shell = owner.account.number, shell_of(owner.keys())
    blocks = blocks_of(browser_of(owner.user), reverse("logs", args=[number]))
    assert set(blocks) == {
        "command to list logs",
        "command to copy logs",
        "command to make a queue",
        "command to subscribe",
        "command to receive messages",
    }
    # List, and copy: the very logs of the region, whole, and nobody is somebody else afterwards.
    listed = shell.run(blocks["command to list logs"])
    assert f"AWSLogs/{number}/CloudTrail/us-west-2/" in listed
    shell.run(blocks["command to copy logs"])
    copied = sorted((shell.place / f"cloudtrail-{number}-us-west-2").rglob("*.json.gz"))
    assert len(copied) >= len(listed.splitlines())
    records = json.loads(gzip.decompress(copied[0].read_bytes()))["Records"]
    assert {record["recipientAccountId"] for record in records} == {number}
    assert f'"{number}"' in shell.run("aws sts get-caller-identity --region us-west-2 --query Account")
    # The queue hears of this account's logs and of no other's.
    shell.run(blocks["command to make a queue"])
    assert "SubscriptionArn" in shell.run(blocks["command to subscribe"])
    message = _first_message(shell, blocks["command to receive messages"])
    told = json.loads(json.loads(message["Body"])["Message"])
    assert told["s3Bucket"] == "mozilla-cloudtrail-logs"
    assert told["s3ObjectKey"][0].startswith(f"AWSLogs/{number}/CloudTrail/")


def _first_message(shell: Shell, receive: str) -> dict[str, str]:
    """As the page says: nothing yet, run it again."""
    for _ in range(6):
        if said := shell.run(receive).strip():
            return dict(json.loads(said)["Messages"][0])
    raise AssertionError("no message came")


def test_nobody_else_fetches_or_hears_by_these_commands(
    owner: Owner, owner_of: Callable[..., Owner], shell_of: Callable[..., Shell]
) -> None:
    blocks = blocks_of(browser_of(owner.user), reverse("logs", args=[owner.account.number]))
    stranger = shell_of(owner_of().keys())
    refused = stranger.run(blocks["command to list logs"], fails=True)
    assert "AccessDenied" in refused
    assert "AuthorizationError" in stranger.run(blocks["command to subscribe"], fails=True)


def test_the_owner_takes_everything_back_in_the_order_of_the_page(
    owner: Owner, shell_of: Callable[..., Shell], cloud: Sandbox
) -> None:
    browser, shell = browser_of(owner.user), shell_of(owner.keys())
    blocks = blocks_of(browser, reverse("leave", args=[owner.account.number]))
    assert list(blocks) == [
        "commands to remove the trails",
        "command to look for stacks that are left",
        "commands to remove the roles",
        "commands to remove the hand-over",
    ]
    look = blocks["command to look for stacks that are left"]
    assert sorted(line.split()[0] for line in shell.run(look).splitlines()) == sorted(owner.regions)
    # Waiting asks AWS every thirty seconds: the stand-in is done before the first time.
    cloud.settings(speed=2000)
    try:
        shell.run(blocks["commands to remove the trails"])
        assert shell.run(look) == ""
        assert [region for region in owner.regions if owner.logging_trails(region)] == []
        assert owner.status("us-west-2", "InfosecClientRoles") == "CREATE_COMPLETE"
        shell.run(blocks["commands to remove the roles"])
        assert owner.status("us-west-2", "InfosecClientRoles") == ""
        shell.run(blocks["commands to remove the hand-over"])
        assert owner.status("us-west-2", "InfosecOnboardingHandover") == ""
        # Who has it removed already, or never made it, is told of no error.
        for name in ("commands to remove the roles", "commands to remove the hand-over"):
            shell.run(blocks[name])
    finally:
        cloud.settings(speed=100)
    roles = owner.client("iam").list_roles()["Roles"]
    assert [role["RoleName"] for role in roles if "Infosec" in role["RoleName"]] == []


def test_the_runs_page_removes_the_hand_over_too(owner: Owner, shell_of: Callable[..., Shell]) -> None:
    run = Run.objects.get(account=owner.account)
    blocks = blocks_of(browser_of(owner.user), reverse("run", args=[run.pk]))
    assert set(blocks) == {"command", "comment"}
    shell_of(owner.keys()).run(blocks["command"])
    for _ in range(200):
        if owner.status("us-west-2", "InfosecOnboardingHandover") == "":
            return
        time.sleep(0.05)
    raise AssertionError("the hand-over's stack is still there")
