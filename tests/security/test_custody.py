"""What is handed over is kept for as long as it must be and no longer, under the key that is preferred."""

import re
import sqlite3
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from onboarding.credentials import RoleHandOver, TemporaryCredentials
from onboarding.custody.keys import new_pair
from onboarding.custody.seal import key_id
from onboarding.custody.unseal import SealUnreadable
from onboarding.engine import claims, grants, sweeping
from onboarding.engine.work import work
from onboarding.models import AwsAccount, Grant, Run
from onboarding.services import hand_over
from onboarding.states import RunStatus
from tests.security.detector import files_of
from tests.services.conftest import ROLE_ARN

CREDENTIALS = TemporaryCredentials("ASIA" + "B" * 16, "made-up-secret", "made-up-token")


@pytest.fixture(autouse=True)
def keys(settings: Settings) -> tuple[str, str]:
    """The worker's pair, as production's settings have it."""
    private, public = new_pair()
    settings.CUSTODY_DEVELOPMENT_FILE = None
    settings.CUSTODY_PRIVATE_KEYS = [private]
    settings.CUSTODY_PUBLIC_KEY = public
    return private, public


def sweep_after(**time: float) -> None:
    sweeping.sweep(timezone.now() + timedelta(**time))


def run_of(account: AwsAccount) -> Run:
    return account.runs.get()


@pytest.fixture
def with_credentials(owner: User, account: AwsAccount) -> Run:
    """Temporary credentials that say that they end in twenty minutes."""
    expiry = timezone.now() + timedelta(minutes=20)
    return hand_over.hand_over_credentials(owner, account, CREDENTIALS, expiry)


@pytest.mark.parametrize("status", [RunStatus.SURVEYING, RunStatus.PLANNED, RunStatus.RUNNING])
def test_credentials_are_destroyed_when_they_say_they_end_and_their_owner_is_asked_for_more(
    status: RunStatus, with_credentials: Run
) -> None:
    Run.objects.filter(pk=with_credentials.pk).update(status=status)
    sweep_after(minutes=19)
    assert Grant.objects.filter(destroyed_at=None).exists()
    sweep_after(minutes=20, seconds=2)
    assert not Grant.objects.filter(destroyed_at=None).exists()
    with_credentials.refresh_from_db()
    assert (with_credentials.status, with_credentials.reason_code) == ("needs_access", "expired_credentials")
    assert not with_credentials.work_items.filter(due_at__isnull=False).exists()


@pytest.mark.parametrize(
    ("status", "after"),
    [(RunStatus.PLANNED, RunStatus.NEEDS_ACCESS), (RunStatus.NEEDS_OWNER, RunStatus.NEEDS_OWNER)],
)
def test_a_run_that_waits_for_its_owner_keeps_access_for_a_day_at_most(
    status: RunStatus, after: RunStatus, surveying: Run
) -> None:
    Run.objects.filter(pk=surveying.pk).update(status=status)
    sweep_after(hours=23, minutes=59)
    assert Grant.objects.filter(destroyed_at=None).exists()
    sweep_after(hours=24, seconds=2)
    grant = Grant.objects.get()
    assert grant.sealed is None
    assert surveying.events.filter(kind="grant.destroyed", data__reason="kept_too_long").exists()
    surveying.refresh_from_db()
    assert surveying.status == after


def test_how_long_it_is_kept_can_be_set(surveying: Run, settings: Settings) -> None:
    settings.GRANT_KEEP_HOURS = 0.5
    sweep_after(minutes=31)
    assert not Grant.objects.filter(destroyed_at=None).exists()


@pytest.mark.parametrize(
    "status", [RunStatus.VERIFIED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.VERIFYING]
)
def test_access_that_no_run_needs_any_more_is_swept_away_whatever_left_it_behind(
    status: RunStatus, surveying: Run
) -> None:
    """As when somebody restores yesterday's database, or a defect forgot to destroy it."""
    Run.objects.filter(pk=surveying.pk).update(status=status)
    sweep_after(seconds=2)
    assert not Grant.objects.filter(destroyed_at=None).exists()


def test_what_was_handed_over_while_the_sweep_looked_is_left_alone(
    owner: User, surveying: Run, account: AwsAccount
) -> None:
    Grant.objects.update(handed_over_at=timezone.now() - timedelta(days=2))
    Run.objects.filter(pk=surveying.pk).update(status=RunStatus.PLANNED)
    [seen] = grants.overdue(timezone.now())
    hand_over.hand_over_credentials(owner, account, CREDENTIALS)
    sweeping._give_up(seen, timezone.now())
    held = Grant.objects.get(destroyed_at=None)
    assert held.kind == "temporary_credentials"


def test_a_worker_that_was_dead_for_a_week_sweeps_first_and_then_finds_nothing_to_use(
    with_credentials: Run,
) -> None:
    a_week_later = timezone.now() + timedelta(days=7)
    sweeping.sweep(a_week_later)
    assert claims.claim_due(a_week_later, 9) == []
    assert not Grant.objects.filter(destroyed_at=None).exists()


def test_what_was_destroyed_is_gone_from_sqlites_file_and_log(
    transactional_db: None, django_user_model: type[User]
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL's vacuum is its own")
    path = Path(str(connection.settings_dict["NAME"]))
    owner = django_user_model.objects.create_user("owner", "owner@example.org")
    account = AwsAccount.objects.create(
        number="484535289196", name="An account", contact_email="o@example.org"
    )
    account.ownerships.create(user=owner)
    hand_over.hand_over_role(owner, account, ROLE_ARN)
    sealed = bytes(Grant.objects.get().sealed or b"")

    def on_disk() -> bool:
        return any(sealed in content for content in files_of(path).values())

    assert on_disk()
    Run.objects.update(status=RunStatus.FAILED)
    sweep_after(seconds=1)
    grants.wipe_traces(timezone.now())
    assert not on_disk()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA secure_delete")
        assert cursor.fetchone() == (1,)


def test_a_key_is_changed_while_grants_are_held_and_everything_stays_open(
    surveying: Run, keys: tuple[str, str], settings: Settings
) -> None:
    old_private, old_public = keys
    account = surveying.account
    printed = custody("rotate")
    new_private = found(r"CUSTODY_PRIVATE_KEYS=([^,\s]+),", printed)
    new_public = found(r"CUSTODY_PUBLIC_KEY=(\S+)", printed)
    assert old_private not in printed

    # First every worker holds both; the web side still seals with the old one.
    settings.CUSTODY_PRIVATE_KEYS = [new_private, old_private]
    sweep_after(seconds=1)
    assert Grant.objects.get().sealing_key_id == key_id(old_public)
    assert grants.open_grant(surveying, Grant.objects.get()) == RoleHandOver(ROLE_ARN, account.external_id)
    assert "an older key, still needed" not in custody("status")

    # Then everybody seals with the new one, and what is held is sealed anew.
    settings.CUSTODY_PUBLIC_KEY = new_public
    assert re.search(rf"{key_id(old_public)}  seals 1  an older key, still needed", custody("status"))
    sweep_after(seconds=1)
    assert Grant.objects.get().sealing_key_id == key_id(new_public)
    assert re.search(rf"{key_id(old_public)}  seals 0  no longer needed", custody("status"))

    # At last the old one goes.
    settings.CUSTODY_PRIVATE_KEYS = [new_private]
    opened = grants.open_grant(surveying, Grant.objects.get())
    assert opened == RoleHandOver(ROLE_ARN, account.external_id)


def test_a_worker_with_older_settings_does_not_seal_back(
    surveying: Run, keys: tuple[str, str], settings: Settings
) -> None:
    _, old_public = keys
    new_private, new_public = new_pair()
    settings.CUSTODY_PRIVATE_KEYS = [new_private, keys[0]]
    settings.CUSTODY_PUBLIC_KEY = new_public
    assert grants.seal_anew() == 1
    settings.CUSTODY_PUBLIC_KEY = old_public
    assert grants.seal_anew() == 0


def test_what_cannot_be_opened_is_left_and_told(surveying: Run, settings: Settings) -> None:
    private, public = new_pair()
    settings.CUSTODY_PRIVATE_KEYS, settings.CUSTODY_PUBLIC_KEY = [private], public
    before = bytes(Grant.objects.get().sealed or b"")
    assert grants.seal_anew() == 0
    assert bytes(Grant.objects.get().sealed or b"") == before
    with pytest.raises(SystemExit):
        custody("status")


def test_a_private_key_that_is_none_is_told_and_stops_nothing(
    surveying: Run, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CUSTODY_PRIVATE_KEYS = ["bm8ga2V5"]
    sweep_after(seconds=1)
    assert "custody.private_key_unusable" in caplog.text
    assert "bm8ga2V5" not in caplog.text


def test_status_tells_when_nothing_sweeps(surveying: Run) -> None:
    Grant.objects.update(handed_over_at=timezone.now() - timedelta(days=3))
    words = StringIO()
    with pytest.raises(SystemExit):
        call_command("custody", "status", stdout=words)
    assert "1 should have been destroyed" in words.getvalue()


def test_a_box_swapped_into_another_accounts_row_is_not_used(
    surveying: Run, stranger: User, settings: Settings
) -> None:
    """Whoever can write to the database gives their own run another account's box."""
    other = AwsAccount.objects.create(number="1" * 12, name="Theirs", contact_email="s@example.org")
    other.ownerships.create(user=stranger)
    theirs = hand_over.hand_over_role(stranger, other, f"arn:aws:iam::{'1' * 12}:role/Theirs")
    victim = Grant.objects.get(account=surveying.account)
    Grant.objects.filter(account=other).update(sealed=victim.sealed, sealing_key_id=victim.sealing_key_id)
    with pytest.raises(SealUnreadable):
        grants.open_grant(theirs, Grant.objects.get(account=other))
    # The same row pointed at from the attacker's run is refused by the account's number inside.
    Run.objects.filter(pk=theirs.pk).update(grant=victim)
    theirs.refresh_from_db()
    with pytest.raises(SealUnreadable):
        grants.open_grant(theirs, grants.live_grant(theirs))


def test_the_engine_asks_for_a_new_hand_over_when_a_box_was_swapped(
    surveying: Run, stranger: User, settings: Settings
) -> None:
    sealed = bytes(Grant.objects.get().sealed or b"")
    Grant.objects.update(sealed=sealed[:-1] + bytes([sealed[-1] ^ 1]))
    for claim in claims.claim_due(timezone.now(), 9):
        work(claim)
    surveying.refresh_from_db()
    assert (surveying.status, surveying.reason_code) == ("needs_access", "hand_over_unreadable")


def custody(act: str) -> str:
    words = StringIO()
    call_command("custody", act, stdout=words)
    return words.getvalue()


def found(pattern: str, text: str) -> str:
    match: Any = re.search(pattern, text)
    return str(match[1])


def test_sqlite_is_told_to_overwrite_what_it_frees() -> None:
    """The pragma must be one that this build of SQLite knows."""
    with sqlite3.connect(":memory:") as database:
        assert database.execute("PRAGMA secure_delete=ON").fetchone() == (1,)
