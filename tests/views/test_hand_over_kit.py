"""Is each way of making the hand-over role complete, the same role, and usable as it is pasted?"""

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from onboarding import policies
from onboarding.models import AwsAccount, Run
from onboarding.models.history import move_run, record
from onboarding.states import RunStatus
from onboarding.views.hand_over_kit import kit_for
from tests.views.conftest import SignIn, consent

NUMBER = "484535289196"
NOW = datetime(2026, 11, 24, 10, 20, tzinfo=UTC)


def test_the_command_writes_the_file_and_deploys_it(account: AwsAccount, tmp_path: Path) -> None:
    """Run by a shell, with an `aws` that only tells what it was asked."""
    kit = kit_for(account, now=NOW)
    told = tmp_path / "told"
    aws = tmp_path / "aws"
    aws.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {told}\n')
    aws.chmod(0o755)
    subprocess.run(
        ["/bin/sh", "-ec", kit.command], cwd=tmp_path, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True
    )
    written = (tmp_path / kit.file_name).read_text()
    assert written.strip() == kit.template_body.strip()
    asked = told.read_text().splitlines()
    assert asked[:2] == ["cloudformation", "deploy"]
    assert "CAPABILITY_NAMED_IAM" in asked
    assert f"ExternalId={account.external_id}" in asked
    assert "ExpiresAt=2026-11-27T11:00:00Z" in asked


def test_the_plain_policies_are_those_of_the_template(account: AwsAccount) -> None:
    kit = kit_for(account, now=NOW)
    assert json.loads(kit.permission_policy) == policies.policy_of(settings.COMPANY, NUMBER)
    (trust,) = json.loads(kit.trust_policy)["Statement"]
    assert trust["Principal"] == {"AWS": settings.COMPANY.portal.worker_principal_arn}
    assert trust["Condition"] == {
        "StringEquals": {"sts:ExternalId": account.external_id},
        "DateLessThan": {"aws:CurrentTime": "2026-11-27T11:00:00Z"},
    }


def test_the_terraform_file_says_the_same_and_leaves_nothing_to_fill_in(account: AwsAccount) -> None:
    text = kit_for(account, now=NOW).terraform
    assert f'"sts:ExternalId" = "{account.external_id}"' in text
    assert '"aws:CurrentTime" = "2026-11-27T11:00:00Z"' in text
    assert "max_session_duration = 3600" in text
    for statement in policies.policy_of(settings.COMPANY, NUMBER)["Statement"]:
        assert f'= "{statement["Sid"]}"' in text
        for action in statement["Action"]:
            assert f'"{action}"' in text
    assert "<" not in text
    assert text.count("{") == text.count("}")


def test_the_terraform_file_has_terraforms_own_form(account: AwsAccount, tmp_path: Path) -> None:
    terraform = shutil.which("terraform") or shutil.which("tofu")
    if terraform is None:
        pytest.skip("neither terraform nor tofu is installed")
    file = tmp_path / "main.tf"
    file.write_text(kit_for(account, now=NOW).terraform)
    checked = subprocess.run(
        [terraform, "fmt", "-check", "-diff", str(file)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout


def test_the_page_shows_every_way_and_only_to_owners(
    account: AwsAccount, browser: Client, staff: User, stranger: User, sign_in: SignIn
) -> None:
    url = reverse("hand-over", args=[NUMBER])
    page = unescape(browser.get(url).text)
    kit = kit_for(account)
    for text in (kit.command, kit.terraform, kit.trust_policy, kit.permission_policy):
        assert text.strip() in page
    assert page.count('class="copy"') == 4
    for other in (staff, stranger):
        assert sign_in(other).get(url).status_code == 404


def plan_page_of(run: Run, browser: Client) -> str:
    return unescape(browser.get(reverse("plan", args=[run.pk])).text)


def tell_rights(run: Run, **changed: Any) -> None:
    told: dict[str, Any] = {
        "principal": f"arn:aws:iam::{NUMBER}:role/Admin",
        "is_simulated": True,
        "is_narrowed": True,
        "missing": [],
        "cannot_tell": [],
        "mending": [],
    }
    record(run.pk, "preflight.done", **{**told, **changed})


def test_before_consent_the_account_is_shown_back_and_what_was_checked(planned: Run, browser: Client) -> None:
    AwsAccount.objects.update(alias="community-it")
    tell_rights(planned)
    page = plan_page_of(planned, browser)
    assert f"{NUMBER} (community-it)" in page
    assert f"arn:aws:iam::{NUMBER}:role/Admin" in page
    assert "Everything that this plan needs is allowed" in page
    assert "ends-soon" not in page


@pytest.mark.parametrize(("minutes", "is_soon"), [(20, True), (45, False)])
def test_credentials_that_end_soon_are_told_of_before_starting(
    planned: Run, browser: Client, minutes: int, is_soon: bool
) -> None:
    grant = planned.grant
    assert grant is not None
    grant.kind = "temporary_credentials"
    grant.claimed_expiry = timezone.now() + timedelta(minutes=minutes)
    grant.save()
    tell_rights(planned, is_narrowed=False)
    page = plan_page_of(planned, browser)
    assert ("Your credentials end soon" in page) is is_soon
    assert "data-until" in page
    assert "these credentials can’t be narrowed" in page


def test_an_unknown_end_is_said_to_be_unknown(planned: Run, browser: Client) -> None:
    grant = planned.grant
    assert grant is not None
    grant.kind = "temporary_credentials"
    grant.save()
    tell_rights(planned)
    assert "Not known. If they end too early" in plan_page_of(planned, browser)


def test_a_plan_whose_rights_are_missing_cannot_be_approved(planned: Run, browser: Client) -> None:
    missing = {"action": "iam:CreateRole", "stage": "roles", "because": "role"}
    mending = [{"Sid": "NewRoles", "Effect": "Allow", "Action": ["iam:CreateRole"], "Resource": ["*"]}]
    tell_rights(planned, missing=[missing], mending=mending)
    move_run(planned, RunStatus.NEEDS_ACCESS, expect={RunStatus.PLANNED}, reason_code="missing_permissions")
    browser.post(reverse("approve", args=[planned.pk]), consent(planned))
    planned.refresh_from_db()
    assert planned.status == RunStatus.NEEDS_ACCESS
    page = unescape(browser.get(reverse("rights", args=[planned.pk])).text)
    assert "aws iam put-role-policy --role-name Admin" in page
    run_page = browser.get(reverse("run", args=[planned.pk])).text
    assert reverse("rights", args=[planned.pk]) in run_page


def test_how_long_credentials_are_valid_may_be_said_and_what_is_pasted_counts_more(
    account: AwsAccount, browser: Client
) -> None:
    keys = {"AccessKeyId": "ASIAMADEUPMADEUP1234", "SecretAccessKey": "s" * 40, "SessionToken": "t" * 80}
    url = reverse("hand-over-credentials", args=[NUMBER])
    browser.post(url, {"pasted": json.dumps(keys), "valid_for": "60"})
    claimed = account.grants.get(destroyed_at=None).claimed_expiry
    assert claimed is not None
    assert timedelta(minutes=59) < claimed - timezone.now() < timedelta(minutes=61)
    move_run(account.runs.get(), RunStatus.NEEDS_ACCESS, expect={RunStatus.SURVEYING})
    later = timezone.now() + timedelta(hours=5)
    browser.post(url, {"pasted": json.dumps({**keys, "Expiration": later.isoformat()}), "valid_for": "15"})
    assert account.grants.get(destroyed_at=None).claimed_expiry == later
