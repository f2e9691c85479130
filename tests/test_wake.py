"""Telling others is a courtesy: it comes after the commit, and its failure changes nothing."""

import logging
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
from celery import current_app
from django.db import transaction
from django.test import override_settings

from onboarding import wake

# Nothing listens there.
DEAD = "redis://127.0.0.1:1/0"


@pytest.fixture
def _dead_redis() -> Iterator[None]:
    before = current_app.conf.broker_url
    current_app.conf.update(broker_url=DEAD)
    with override_settings(REDIS_URL=DEAD):
        yield
    current_app.conf.update(broker_url=before)


@pytest.mark.usefixtures("_dead_redis")
@pytest.mark.django_db(transaction=True)
def test_without_redis_nothing_is_raised_and_nobody_waits(caplog: pytest.LogCaptureFixture) -> None:
    started = time.monotonic()
    with caplog.at_level(logging.WARNING), transaction.atomic():
        wake.wake(uuid4())
        wake.announce(uuid4())
        assert not caplog.records
    assert time.monotonic() - started < 3
    assert {record.message.split()[0] for record in caplog.records} == {"wake.failed", "announce.failed"}


@pytest.mark.usefixtures("_dead_redis")
@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), transaction.atomic():
        wake.wake(uuid4())
        transaction.set_rollback(True)
    assert not caplog.records
