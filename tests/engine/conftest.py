"""A stand-in cloud in a process of its own, a worker's identity in it, and owners who hand accounts over."""

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from onboarding.credentials import TemporaryCredentials
from onboarding.engine import sessions
from onboarding.models import AwsAccount, Run
from onboarding.observed import DEFAULT_REGIONS as ALL_REGIONS
from onboarding.services import accounts, approval, hand_over
from onboarding.views.hand_over_kit import kit_for
from sandbox.client import Credentials, Request, Sandbox
from tests.stand_in import running_stand_in

# Of 18 regions most tests have all but these skipped: every path is there, and a run takes seconds.
FEW_REGIONS = ("eu-north-1", "us-east-1", "us-west-2")
OPTIONS = ("--speed", "100", "--log-delivery-seconds", "60")


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Where this session's stand-in cloud listens."""
    with running_stand_in(*OPTIONS) as address:
        yield address


@pytest.fixture
def cloud(address: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """The stand-in's control API; our code asks that cloud, as the worker."""
    sandbox = Sandbox(address)
    settings.CLOUD_ENDPOINT_URL = address
    settings.CLOUD_POLL_SECONDS = 0.2
    for name, value in sandbox.credentials(kind="worker").for_environment().items():
        monkeypatch.setenv(name, value)
    _forget_sessions()
    yield sandbox
    sandbox.clear_faults()
    _forget_sessions()


def _forget_sessions() -> None:
    sessions.own.cache_clear()
    sessions._kept.clear()


@dataclass(frozen=True, slots=True)
class Owner:
    """One user with one account of their own, and their hands in AWS."""

    cloud: Sandbox
    user: User
    account: AwsAccount
    regions: tuple[str, ...]

    def keys(self, kind: str = "role", **more: Any) -> Credentials:
        return self.cloud.credentials(account=self.account.number, kind=kind, **more)

    def client(self, service: str, region: str = "us-west-2") -> Any:
        keys: dict[str, Any] = self.keys().for_boto3()
        make: Any = boto3.client
        return make(service, region_name=region, endpoint_url=self.cloud.url, **keys)

    def create_role(self) -> str:
        """The hand-over role, by the template that the portal offers; its ARN."""
        kit = kit_for(self.account)
        cloudformation = self.client("cloudformation", kit.region)
        cloudformation.create_stack(
            StackName=kit.stack_name, TemplateBody=kit.template_body, Capabilities=["CAPABILITY_NAMED_IAM"]
        )
        while (status := self.status(kit.region, kit.stack_name)) == "CREATE_IN_PROGRESS":
            time.sleep(0.02)
        assert status == "CREATE_COMPLETE", cloudformation.describe_stack_events(StackName=kit.stack_name)
        return kit.role_arn

    def hand_over_role(self) -> Run:
        return self._choose(hand_over.hand_over_role(self.user, self.account, self.create_role()))

    def _choose(self, run: Run) -> Run:
        """Let the owner's choices leave out what this owner's test does not need."""
        skipped = set(ALL_REGIONS) - set(self.regions)
        Run.objects.filter(pk=run.pk).update(
            choices={"regions": dict.fromkeys(sorted(skipped), "skip")} if skipped else {}
        )
        return run

    def hand_over_credentials(self, kind: str = "role", **more: Any) -> Run:
        keys = self.keys(kind, **more)
        credentials = TemporaryCredentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
        return self._choose(hand_over.hand_over_credentials(self.user, self.account, credentials))

    def approve(self, run: Run) -> None:
        approval.approve(self.user, run, run.plan_digest)

    def status(self, region: str, name: str) -> str:
        """A stack's status; empty where there is none."""
        try:
            found = self.client("cloudformation", region).describe_stacks(StackName=name)
        except ClientError as error:
            assert "does not exist" in str(error)  # noqa: PT017 - any other refusal is a fault of the test
            return ""
        return str(found["Stacks"][0]["StackStatus"])

    def logging_trails(self, region: str) -> list[str]:
        """The trails of a region that deliver to the central bucket and log."""
        trails = self.client("cloudtrail", region)
        return [
            trail["Name"]
            for trail in trails.describe_trails(includeShadowTrails=False)["trailList"]
            if trail["S3BucketName"] == "mozilla-cloudtrail-logs"
            and trails.get_trail_status(Name=trail["TrailARN"])["IsLogging"]
        ]

    def writes(self, *actions: str, after: int = 0) -> list[Request]:
        """What the portal changed in the account, by action."""
        made = self.cloud.writes(account=self.account.number, after=after)
        return [
            request
            for request in made
            if "onboarding-portal" in request.user_agent and (not actions or request.action in actions)
        ]


@pytest.fixture
def owner_of(cloud: Sandbox, transactional_db: None, django_user_model: type[User]) -> Callable[..., Owner]:
    """`owner_of("old-stack")`: an owner, registered, whose account is in that scenario's state."""

    def make(scenario: str = "empty", *, everywhere: bool = False, **said: Any) -> Owner:
        number = str(100_000_000_000 + uuid.uuid4().int % 899_999_999_999)
        enabled = cloud.account(
            number, name="An owner's account", alias=f"owner-{number}", enabled_opt_in_regions=0
        )
        assert set(enabled) == set(ALL_REGIONS)
        regions = tuple(enabled) if everywhere else FEW_REGIONS
        cloud.scenario(scenario, account=number, **said)
        user = django_user_model.objects.create_user(number, f"owner-{number}@example.org", "made-up")
        account = accounts.register(user, number=number, name="An owner's account", contact_email=user.email)
        return Owner(cloud, user, account, regions)

    return make
