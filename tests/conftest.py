"""What every test gets: no way out of this machine."""

import socket
from collections.abc import Iterator
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from pytest_django import DjangoDbBlocker, Settings

from onboarding.aws import breaker
from onboarding.engine import deadlines

LOOPBACK = ("127.", "::1", "localhost")


def _refuse_the_world(connect: Any) -> Any:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in {socket.AF_INET, socket.AF_INET6} and not str(address[0]).startswith(LOOPBACK):
            raise AssertionError(
                f"A test tried to reach {address[0]}: the network beyond loopback is closed."
            )
        return connect(self, address)

    return guarded


@pytest.fixture(autouse=True, scope="session")
def _network_is_closed() -> Iterator[None]:
    """A test that asks the real AWS, or anything else outside, fails at once and says so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", _refuse_the_world(socket.socket.connect))
        patch.setattr(socket.socket, "connect_ex", _refuse_the_world(socket.socket.connect_ex))
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Tests that commit empty all tables afterwards, which the audit log's triggers would refuse.

    tests/audit proves the triggers on databases of its own.
    """
    with django_db_blocker.unblock():
        import_module("onboarding.migrations.0002_audit").allow_changes(
            None, SimpleNamespace(connection=connection)
        )


@pytest.fixture(autouse=True)
def _counts_of_its_own(settings: Settings) -> None:
    """Rate limits are counted per test: users of many tests have the same id, and Redis remembers them."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()


@pytest.fixture(autouse=True)
def _patience_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """How late the workers of one test were puts off no look of the next."""
    monkeypatch.setattr(deadlines, "_lateness", [0.0])


@pytest.fixture(autouse=True)
def _silences_of_its_own() -> None:
    """An endpoint that one test kept silent is asked by the next."""
    breaker.forget()
