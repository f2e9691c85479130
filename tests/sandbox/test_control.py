"""Can the stand-in be steered and watched, and a person play the owner on its console?"""

import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest

from sandbox.client import Sandbox, SandboxError
from tests.sandbox.conftest import ClientFactory
from tests.sandbox.steering import keys, refused

TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  ExternalId: {Type: String}
  ExpiresAt: {Type: String}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: InfosecOnboardingHandover
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: {AWS: "arn:aws:iam::777788889999:role/OnboardingWorker"}
            Action: sts:AssumeRole
            Condition:
              StringEquals: {"sts:ExternalId": !Ref ExternalId}
              DateLessThan: {"aws:CurrentTime": !Ref ExpiresAt}
"""


@pytest.fixture
def sandbox(cloud: str) -> Iterator[Sandbox]:
    steered = Sandbox(cloud)
    before = steered.settings()
    yield steered
    steered.settings(**before)


def page(sandbox: Sandbox, path: str = "", form: dict[str, str] | None = None, **headers: str) -> str:
    data = urllib.parse.urlencode(form).encode() if form is not None else None
    request = urllib.request.Request(f"{sandbox.url}/_sandbox/{path}", data=data, headers=headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        return str(answer.read().decode())


def test_the_log_says_who_did_what_and_whether_it_was_allowed(
    sandbox: Sandbox, client: ClientFactory, account: str
) -> None:
    sandbox.account(account)
    owner = sandbox.credentials(account=account)
    after = sandbox.last_request()
    stacks = client("cloudformation", region="eu-west-1", credentials=keys(owner))
    stacks.list_stacks()
    refused(stacks.describe_stacks, StackName="not-there")
    client("sns", credentials=keys(owner)).create_topic(Name="made")
    listed, described, created = sandbox.requests(account=account, after=after)
    assert (listed.service, listed.action, listed.region, listed.writes) == (
        "cloudformation", "ListStacks", "eu-west-1", False)  # fmt: skip
    assert listed.principal == owner.arn
    assert listed.allowed
    assert "Boto3" in listed.user_agent
    assert (described.stack, described.error, described.status) == ("not-there", "ValidationError", 400)
    assert (created.action, created.writes, created.allowed) == ("CreateTopic", True, True)
    assert [r.action for r in sandbox.writes(account=account, after=after)] == ["CreateTopic"]
    assert sandbox.requests(account=account, after=created.number) == []


def test_no_secret_stands_in_the_log(sandbox: Sandbox, client: ClientFactory, account: str) -> None:
    sandbox.account(account)
    owner = sandbox.credentials(account=account)
    client("sts", credentials=keys(owner)).get_caller_identity()
    text = repr(sandbox.requests(account=account))
    assert owner.access_key_id in text
    assert owner.secret_access_key not in text
    assert owner.session_token not in text


def test_settings_change_and_nonsense_is_refused(sandbox: Sandbox) -> None:
    assert sandbox.settings(latency_ms=1.5)["latency_ms"] == 1.5
    assert sandbox.settings(durations={"AWS::IAM::Role": 9})["durations"]["AWS::IAM::Role"] == 9
    for nonsense in ({"speed": 0}, {"latency_ms": -1}, {"colour": "red"}):
        with pytest.raises(SandboxError):
            sandbox.settings(**nonsense)


def test_what_is_not_there_is_said_to_be_missing(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="no scenario 'no-such'"):
        sandbox.scenario("no-such")
    with pytest.raises(SandboxError, match="There is no role"):
        sandbox.credentials(kind="role", role_arn="arn:aws:iam::100000000000:role/Missing")
    with pytest.raises(SandboxError, match="twelve digits"):
        sandbox.account("12345")
    with pytest.raises(SandboxError, match="Not an opt-in region"):
        sandbox.account("100000000000", enabled_opt_in_regions=["us-east-1"])


def test_another_sites_page_can_not_steer_it(sandbox: Sandbox) -> None:
    with pytest.raises(urllib.error.HTTPError, match="403"):
        page(sandbox, "console/clock", {"speed": "1"}, Origin="https://evil.example")


def test_the_owner_hands_the_account_over_with_the_wizards_template(
    sandbox: Sandbox, client: ClientFactory, account: str
) -> None:
    sandbox.account(account, name="A <team's> account")
    assert "A &lt;team&#x27;s&gt; account" in page(sandbox)
    after = sandbox.last_request()
    answer = page(
        sandbox,
        f"console/accounts/{account}/handover",
        {"template": TEMPLATE, "external_id": "by-the-wizard", "expires_at": "2099-01-01T00:00:00Z"},
    )
    role_arn = re.search(r'id="role-arn">([^<]+)<', answer)
    assert "CREATE_COMPLETE" in answer
    assert role_arn is not None
    assert role_arn[1] == f"arn:aws:iam::{account}:role/InfosecOnboardingHandover"
    assert [r.action for r in sandbox.writes(account=account, after=after)] == ["CreateStack"]
    worker = client("sts", credentials=keys(sandbox.credentials(kind="worker")))
    worker.assume_role(RoleArn=role_arn[1], RoleSessionName="abc", ExternalId="by-the-wizard")


def test_the_owner_makes_a_role_by_hand(sandbox: Sandbox, client: ClientFactory, account: str) -> None:
    sandbox.account(account)
    form = {
        "role_name": "InfosecOnboardingHandover",
        "principal": "arn:aws:iam::777788889999:role/OnboardingWorker",
        "external_id": "typed",
    }
    assert "The role InfosecOnboardingHandover exists." in page(
        sandbox, f"console/accounts/{account}/handover", form
    )
    assert "AWS refused: " in page(sandbox, f"console/accounts/{account}/handover", form)


def test_the_owner_gets_credentials_that_work(sandbox: Sandbox, client: ClientFactory, account: str) -> None:
    sandbox.account(account)
    answer = page(sandbox, f"console/accounts/{account}/credentials", {"kind": "role", "minutes": "15"})
    found = dict(re.findall(r"export (AWS_\w+)=(\S+)", answer))
    identity = client(
        "sts",
        credentials={
            "AccessKeyId": found["AWS_ACCESS_KEY_ID"],
            "SecretAccessKey": found["AWS_SECRET_ACCESS_KEY"],
            "SessionToken": found["AWS_SESSION_TOKEN"],
        },
    ).get_caller_identity()
    assert identity["Account"] == account


def test_a_page_that_does_not_exist_is_404(sandbox: Sandbox) -> None:
    for path in ("console/accounts/000000000000", "console/nothing"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            page(sandbox, path)


def test_the_clock_is_set_on_the_console(sandbox: Sandbox) -> None:
    page(sandbox, "console/clock", {"speed": "123", "log_delivery_seconds": "7"})
    assert sandbox.settings()["speed"] == 123
    assert sandbox.settings()["log_delivery_seconds"] == 7
