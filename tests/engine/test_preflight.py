"""Before consent the page names exactly what a role lacks, gives the policy that mends it, and looks anew."""

import json
import random
import re
from collections.abc import Callable, Collection
from html import unescape
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from onboarding import needs, policies
from onboarding.engine.drive import drive
from onboarding.models import Run
from onboarding.services import hand_over
from onboarding.states import RunStatus
from tests.engine.conftest import Owner
from tests.views.conftest import prove

OwnerOf = Callable[..., Owner]

# What the pre-flight is made by: without these it can tell less, but nothing is missing for the job.
ASIDE = {*needs.SIMULATING, "iam:GetRole"}
# What is needed only after an owner's answer is asked about when that was given.
NEEDED = sorted(
    {
        action
        for need in needs.needs_of(settings.COMPANY, "0" * 12)
        if not need.after
        for action in need.actions
    }
    - ASIDE
)
READS = {
    action
    for need in needs.needs_of(settings.COMPANY, "0" * 12)
    for action in need.actions
    if need.sid in {"LookRound", "ReadStacks", "ReadRoles"}
}


@pytest.fixture(autouse=True)
def _no_collected_files(settings: Settings) -> None:
    settings.WHITENOISE_AUTOREFRESH = True


def put_policy(owner: Owner, document: Any, name: str = "Onboarding") -> None:
    owner.client("iam").put_role_policy(
        RoleName=settings.COMPANY.portal.handover_role_name,
        PolicyName=name,
        PolicyDocument=json.dumps(document),
    )


def lacking(owner: Owner, dropped: Collection[str]) -> dict[str, Any]:
    """The whole policy without these actions."""
    policy = policies.policy_of(settings.COMPANY, owner.account.number)
    left = [
        {**each, "Action": kept}
        for each in policy["Statement"]
        if (kept := [action for action in each["Action"] if action not in dropped])
    ]
    return {**policy, "Statement": left}


def hand_over_lacking(owner: Owner, dropped: Collection[str]) -> Run:
    """A role made by the two policies that the page shows, but for these actions; handed over, looked at."""
    return drive(hand_over_with(owner, lacking(owner, dropped)).pk)


def hand_over_with(owner: Owner, policy: dict[str, Any]) -> Run:
    company = settings.COMPANY
    trust = policies.trust_policy_of(
        company, external_id=owner.account.external_id, expires_at="2099-01-01T00:00:00Z"
    )
    made = owner.client("iam").create_role(
        RoleName=company.portal.handover_role_name, AssumeRolePolicyDocument=json.dumps(trust)
    )
    put_policy(owner, policy)
    return hand_over.hand_over_role(owner.user, owner.account, made["Role"]["Arn"])


def browser_of(owner: Owner) -> Client:
    """The owner's, who proved a moment ago who they are."""
    client = Client()
    client.force_login(owner.user)
    prove(client, owner.user, second_factor=False)
    return client


def named(page: str, list_id: str) -> set[str]:
    """The actions in one of the page's two lists."""
    found = re.search(rf'<dl[^>]*id="{list_id}">(.*?)</dl>', page, re.DOTALL)
    return set(re.findall(r'<dt class="mono">([^<]+)</dt>', found[1])) if found else set()


def rights_page(owner: Owner, run: Run) -> str:
    return browser_of(owner).get(reverse("rights", args=[run.pk])).text


@pytest.mark.parametrize("seed", range(24))
def test_a_role_that_lacks_any_actions_has_exactly_those_named(owner_of: OwnerOf, seed: int) -> None:
    chance = random.Random(seed)
    dropped = set(chance.sample(NEEDED, k=chance.randint(1, len(NEEDED) // 2)))
    owner = owner_of("old-stack")
    run = hand_over_lacking(owner, dropped)
    assert (run.status, run.reason_code) == (RunStatus.NEEDS_ACCESS, "missing_permissions")
    page = rights_page(owner, run)
    assert named(page, "missing-actions") == dropped
    assert named(page, "unknown-actions") == set()
    assert owner.writes() == []


def test_the_policy_on_the_page_mends_the_role_and_one_click_goes_on(owner_of: OwnerOf) -> None:
    owner = owner_of("old-stack")
    run = hand_over_lacking(owner, {"cloudformation:DeleteStack", "iam:AttachRolePolicy", "iam:PassRole"})
    assert run.status == RunStatus.NEEDS_ACCESS
    page = unescape(rights_page(owner, run))
    offered = re.search(r'<pre[^>]*aria-label="policy">(.*?)</pre>', page, re.DOTALL)
    assert offered is not None
    put_policy(owner, json.loads(offered[1]), "OnboardingMissing")

    answer = browser_of(owner).post(reverse("check-again", args=[run.pk]))
    assert answer.headers["Location"] == reverse("run", args=[run.pk])
    again = drive(run.pk)
    assert (again.pk, again.status) == (run.pk, RunStatus.PLANNED), (again.reason_code, again.failure)
    assert again.grant_id != run.grant_id


def test_what_the_plan_does_not_need_is_not_asked_for(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = hand_over_lacking(owner, ())
    only_for_old_roles = lacking(owner, ())
    statements = only_for_old_roles["Statement"]
    only_for_old_roles["Statement"] = [each for each in statements if each["Sid"] != "DeleteOldRole"]
    put_policy(owner, only_for_old_roles)
    answer = browser_of(owner).post(reverse("check-again", args=[run.pk]))
    assert answer.headers["Location"] == reverse("run", args=[run.pk])
    again = drive(run.pk)
    assert (again.status, again.grant_id != run.grant_id) == (RunStatus.PLANNED, True)


@pytest.mark.parametrize("without", [{"iam:SimulatePrincipalPolicy"}, ASIDE])
def test_without_simulation_the_page_says_what_it_cannot_tell(owner_of: OwnerOf, without: set[str]) -> None:
    owner = owner_of("old-stack")
    run = hand_over_lacking(owner, without)
    page = rights_page(owner, run)
    writes = set(NEEDED) - READS
    assert writes <= named(page, "unknown-actions")
    if "iam:GetRole" in without:
        assert named(page, "missing-actions") == {"iam:GetRole"}
    else:
        assert run.status == RunStatus.PLANNED, (run.reason_code, run.failure)
        assert named(page, "missing-actions") == set()
        plan = unescape(browser_of(owner).get(reverse("plan", args=[run.pk])).text)
        assert "we can’t tell" in plan
        assert "Approve this plan" in plan
    assert owner.writes() == []


def test_without_simulation_missing_reads_are_still_named_all_at_once(owner_of: OwnerOf) -> None:
    owner = owner_of("old-stack")
    dropped = {"cloudtrail:DescribeTrails", "iam:ListRoles", "cloudformation:ListStackResources"}
    run = hand_over_lacking(owner, {*dropped, "iam:SimulatePrincipalPolicy"})
    assert run.status == RunStatus.NEEDS_ACCESS
    assert named(rights_page(owner, run), "missing-actions") == dropped
    assert owner.writes() == []


def test_a_boundary_is_named_as_what_forbids_and_no_policy_is_offered_for_it(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = hand_over_lacking(owner, ())
    assert run.status == RunStatus.PLANNED
    iam = owner.client("iam")
    boundary = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "Action": "lambda:CreateFunction", "Resource": "*"},
        ],
    }
    arn = iam.create_policy(PolicyName="Boundary", PolicyDocument=json.dumps(boundary))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(
        RoleName=settings.COMPANY.portal.handover_role_name, PermissionsBoundary=arn
    )
    run = drive(hand_over.check_again(owner.user, run).pk)
    assert (run.status, run.reason_code) == (RunStatus.NEEDS_ACCESS, "missing_permissions")
    page = unescape(rights_page(owner, run))
    assert named(page, "missing-actions") == {"lambda:CreateFunction"}
    assert "a permissions boundary forbids it" in page
    assert "No policy of the role can mend this" in page
