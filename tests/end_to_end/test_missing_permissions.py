"""Can an owner mend a role that is too small by what the page shows, and go on with one click?"""

import json

import pytest
from playwright.sync_api import Page, expect

from demo.owner import Owner
from demo.stack import Stack
from tests.end_to_end import acts
from tests.end_to_end.test_owner import assert_accessible

pytestmark = pytest.mark.end_to_end

NUMBER = "222233331111"
ROLE = "InfosecOnboardingHandover"
FORGOTTEN = {"iam:PassRole", "lambda:InvokeFunction", "iam:AttachRolePolicy"}


def test_what_is_missing_is_shown_mended_and_looked_for_again(page: Page, stack: Stack) -> None:
    stack.cloud.account(NUMBER, name="A role too small", alias="too-small", enabled_opt_in_regions=0)
    acts.sign_in(page, stack)
    acts.register(page, stack, NUMBER, "A role too small")
    page.locator("#by-policies summary").click()
    trust, permissions = page.locator("#by-policies pre").all_text_contents()
    policy = json.loads(permissions)
    for statement in policy["Statement"]:
        statement["Action"] = [each for each in statement["Action"] if each not in FORGOTTEN]
    policy["Statement"] = [each for each in policy["Statement"] if each["Action"]]
    iam = Owner(stack.cloud, NUMBER).client("iam", "us-east-1")
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=trust)
    iam.put_role_policy(RoleName=ROLE, PolicyName="Onboarding", PolicyDocument=json.dumps(policy))
    assert_accessible(page)

    page.get_by_role("button", name="Hand over, and look").click()
    page.get_by_role("link", name="See what is missing").click(timeout=60_000)
    expect(page.get_by_role("heading", name="3 permissions are missing")).to_be_visible()
    assert set(page.locator("#missing-actions dt").all_text_contents()) == FORGOTTEN
    assert_accessible(page)
    offered = page.locator("pre").first.text_content() or ""
    iam.put_role_policy(RoleName=ROLE, PolicyName="OnboardingMissing", PolicyDocument=offered)

    page.get_by_role("button", name="Check again").click()
    page.get_by_role("link", name="Read the plan").click(timeout=60_000)
    expect(page.locator("main")).to_contain_text("Everything that this plan needs is allowed")
    assert_accessible(page)
