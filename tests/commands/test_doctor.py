"""`manage.py doctor` says what it sees, and what to do where it is bad."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings
from redis import Redis

from onboarding.engine import pulse, sessions
from onboarding.models import AwsAccount, Run, WorkItem
from onboarding.states import RunStatus, Stage
from sandbox.client import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


def examine() -> tuple[dict[str, dict[str, Any]], int]:
    """The findings by their subject, and the exit status."""
    out, status = StringIO(), 0
    try:
        call_command("doctor", "--json", stdout=out)
    except SystemExit as end:
        status = int(str(end.code))
    return {finding["subject"]: finding for finding in json.loads(out.getvalue())}, status


@pytest.fixture
def well(cloud: Sandbox, settings: Settings) -> None:
    """A portal that is as it should be: its worker has told of itself, and nothing waits."""
    settings.AUDIT_KEYS = ["a" * 43 + "="]
    role_arn = settings.COMPANY.portal.worker_principal_arn
    assert cloud.credentials(kind="worker").arn.split("/")[1] == role_arn.rsplit("/", 1)[-1]
    Redis.from_url(settings.REDIS_URL).delete("work", *_keys(settings))
    pulse._told_at.clear()
    pulse.beat()


def _keys(settings: Settings) -> list[bytes]:
    return [*Redis.from_url(settings.REDIS_URL).scan_iter("pulse:*"), b"nothing"]


def test_a_portal_that_is_well_has_nothing_to_do(well: None) -> None:
    found, status = examine()
    assert {name: each for name, each in found.items() if each["state"] != "ok"} == {}
    assert all(not each["act"] for each in found.values())
    assert status == 0
    asked = ["database", "migrations", "broker", "workers", "tick", "breakers", "runs", "leases", "auditor"]
    for subject in (*asked, "due work", "custody keys", "audit log", "own identity", "AWS's clock"):
        assert subject in found


def test_for_people_each_finding_is_a_line_and_what_to_do_another(well: None, settings: Settings) -> None:
    Redis.from_url(settings.REDIS_URL).delete(*_keys(settings))
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("doctor", stdout=out)
    lines = out.getvalue().splitlines()
    bad = next(number for number, line in enumerate(lines) if line.startswith("bad   workers"))
    assert "-> Start a worker" in lines[bad + 1]


def _nobody_ticks(settings: Settings) -> None:
    Redis.from_url(settings.REDIS_URL).delete("pulse:tick")


def _redis_is_away(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"


def _work_is_not_claimed(_settings: Settings) -> None:
    _item(due_at=timezone.now() - timedelta(minutes=5))


def _a_dead_workers_lease_is_not_taken_over(_settings: Settings) -> None:
    then = timezone.now() - timedelta(minutes=5)
    _item(due_at=then, lease_until=then, holder="somebody")


def _our_code_breaks(_settings: Settings) -> None:
    _item(due_at=timezone.now() + timedelta(minutes=1), breaks=3)


def _a_run_stands_still(_settings: Settings) -> None:
    item = _item(due_at=None)
    Run.objects.filter(pk=item.run_id).update(status_since=timezone.now() - timedelta(minutes=10))


def _another_private_key(settings: Settings) -> None:
    settings.CUSTODY_DEVELOPMENT_FILE = None
    settings.CUSTODY_PRIVATE_KEYS = ["b" * 43 + "="]


def _no_audit_key(settings: Settings) -> None:
    settings.AUDIT_KEYS, settings.AUDIT_DEVELOPMENT_FILE = [], None


def _aws_is_away(settings: Settings) -> None:
    settings.CLOUD_ENDPOINT_URL = "http://127.0.0.1:1"
    sessions.own.cache_clear()
    sessions._kept.clear()


def _item(**fields: Any) -> WorkItem:
    account = AwsAccount.objects.create(number="1" * 12, name="An account", contact_email="o@example.org")
    run = Run.objects.create(account=account, status=RunStatus.SURVEYING)
    return WorkItem.objects.create(run=run, stage=Stage.SURVEY, **fields)


@pytest.mark.parametrize(
    ("trouble", "subject"),
    [
        (_nobody_ticks, "tick"),
        (_redis_is_away, "broker"),
        (_redis_is_away, "workers"),
        (_work_is_not_claimed, "due work"),
        (_a_dead_workers_lease_is_not_taken_over, "leases"),
        (_our_code_breaks, "defects"),
        (_a_run_stands_still, "runs"),
        (_another_private_key, "custody keys"),
        (_no_audit_key, "audit log"),
        (_aws_is_away, "own identity"),
        (_aws_is_away, "central side"),
    ],
)
def test_what_is_wrong_is_found_with_the_one_thing_to_do(
    well: None, settings: Settings, trouble: Callable[[Settings], None], subject: str
) -> None:
    trouble(settings)
    found, status = examine()
    assert found[subject]["state"] == "bad", found
    assert found[subject]["act"]
    assert status == 1


def test_a_silent_endpoint_and_lasting_faults_are_warnings(well: None, settings: Settings) -> None:
    told = {"clock_offset_seconds": 0, "paused": ["cloudformation in eu-west-1"]}
    pulse._keep("pulse:worker:elsewhere:1", told, seconds=60)
    trouble = {"kind": "clock_skew", "code": "RequestTimeTooSkewed", "message": "too far"}
    _item(due_at=timezone.now() + timedelta(minutes=1), faults=7, trouble=trouble)
    found, status = examine()
    assert (found["breakers"]["state"], found["faults of AWS"]["state"], status) == ("warn", "warn", 0)
    assert "cloudformation in eu-west-1" in found["breakers"]["seen"]
    assert "RequestTimeTooSkewed" in found["faults of AWS"]["seen"]
    assert "clock" in found["faults of AWS"]["act"]
