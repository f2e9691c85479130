"""A session is made once, kept for a while, and forgotten with its grant or its run."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding.aws.errors import IDENTITY_MISSING, AwsFailure
from onboarding.aws.session import AwsSession, Cloud
from onboarding.credentials import TemporaryCredentials
from onboarding.engine import sessions
from onboarding.models import AwsAccount, Grant, Run
from onboarding.states import GrantKind, RunStatus
from sandbox.client import Sandbox

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_is_kept() -> Iterator[None]:
    sessions._kept.clear()
    yield
    sessions._kept.clear()


@pytest.fixture
def grant() -> Grant:
    account = AwsAccount.objects.create(number="1" * 12, name="An account", contact_email="owner@example.org")
    return Grant.objects.create(account=account, kind=GrantKind.ROLE, sealed=b"sealed", label="a role")


def make_session(minutes: int = 60) -> AwsSession:
    keys = TemporaryCredentials("ASIAIOSFODNN7EXAMPLE", "secret", "token")
    ends = timezone.now() + timedelta(minutes=minutes)
    return AwsSession(Cloud("http://127.0.0.1:1"), credentials=keys, expires_at=ends)


def test_many_regions_that_ask_at_once_get_one_session() -> None:
    made: list[AwsSession] = []
    together = threading.Barrier(8)

    def make() -> AwsSession:
        made.append(make_session())
        return made[-1]

    def ask() -> AwsSession:
        together.wait()
        return sessions._keep("a stage", make)

    with ThreadPoolExecutor(8) as pool:
        answers = [future.result() for future in [pool.submit(ask) for _ in range(8)]]
    assert len(made) == 1
    assert {id(answer) for answer in answers} == {id(made[0])}


def test_a_session_is_renewed_before_it_ends() -> None:
    first = sessions._keep("a stage", lambda: make_session(minutes=4))
    assert sessions._keep("a stage", make_session) is not first


def test_a_session_is_forgotten_with_its_grant(grant: Grant) -> None:
    sessions._keep("a stage", make_session, grant_id=grant.pk)
    sessions.forget_ended()
    assert sessions._kept
    Grant.objects.filter(pk=grant.pk).update(sealed=None, destroyed_at=timezone.now())
    sessions.forget_ended()
    assert not sessions._kept


def test_the_audit_roles_session_is_forgotten_when_its_run_has_settled(grant: Grant) -> None:
    run = Run.objects.create(account=grant.account, status=RunStatus.VERIFYING)
    sessions._keep("audit", make_session, run_id=run.pk)
    sessions.forget_ended()
    assert sessions._kept
    Run.objects.filter(pk=run.pk).update(status=RunStatus.VERIFIED)
    sessions.forget_ended()
    assert not sessions._kept


def test_an_identity_that_comes_late_is_found_by_the_next_who_asks(
    cloud: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever gives a worker its identity may be away when it begins, or be late to renew it."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in cloud.credentials(kind="worker").for_environment():
        monkeypatch.delenv(name)
    for ask in (sessions.storage, sessions.auditor):
        with pytest.raises(AwsFailure) as refused:
            ask()
        assert refused.value.failure.code in IDENTITY_MISSING
    for name, value in cloud.credentials(kind="worker").for_environment().items():
        monkeypatch.setenv(name, value)
    for ask in (sessions.storage, sessions.auditor):
        assert ask().expires_at is not None
