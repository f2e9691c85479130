"""After the run: the portal shows by trying that it is locked out; a new ExternalId locks it out at once."""

import re
import time
from collections.abc import Callable
from html import unescape

import pytest
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from onboarding.engine import claims
from onboarding.engine.drive import drive
from onboarding.engine.work import work
from onboarding.models import Grant, Run
from onboarding.models.audit import AuditKind, AuditRecord
from onboarding.models.history import move_run
from onboarding.services import external_id, hand_over, revocation
from onboarding.services.refusals import NotOwner
from onboarding.states import RunStatus, Stage
from tests.engine.conftest import Owner
from tests.engine.test_preflight import browser_of

OwnerOf = Callable[..., Owner]


@pytest.fixture(autouse=True)
def _no_collected_files(settings: Settings) -> None:
    settings.WHITENOISE_AUTOREFRESH = True


def page_after_checking(owner: Owner, run: Run) -> str:
    """Press the button, let the worker try, and read what it found."""
    browser, page = browser_of(owner), reverse("hand-over-role-gone", args=[run.pk])
    assert browser.post(page).headers["Location"] == page
    assert 'http-equiv="refresh"' in browser.get(page).text
    work_on(run)
    return unescape(browser.get(page).text)


def work_on(run: Run) -> None:
    for claim in claims.claim_due(timezone.now(), 4, run_id=run.pk):
        work(claim)
    assert not run.work_items.filter(stage=Stage.REVOKED, due_at__isnull=False).exists()


def outcome(page: str) -> str:
    found = re.search(r'data-outcome="(\w+)"', page)
    return found[1] if found else ""


def delete_role(owner: Owner) -> None:
    cloudformation = owner.client("cloudformation", "us-west-2")
    cloudformation.delete_stack(StackName="InfosecOnboardingHandover")
    until = time.monotonic() + 20
    while owner.status("us-west-2", "InfosecOnboardingHandover") and time.monotonic() < until:
        time.sleep(0.05)


def test_the_role_is_proven_gone_with_awss_own_refusal(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = drive(owner.hand_over_role().pk)
    owner.approve(run)
    run = drive(run.pk)
    assert run.status == RunStatus.VERIFIED, (run.reason_code, run.failure)

    still = page_after_checking(owner, run)
    assert outcome(still) == "assumable"
    assert "Delete it, then check again" in still

    delete_role(owner)
    gone = page_after_checking(owner, run)
    assert outcome(gone) == "gone"
    assert "AccessDenied" in gone
    assert re.search(r"<dt>Request id</dt><dd>[0-9a-f-]{36}</dd>", gone)
    assert "delete-stack" in gone


def settled_without_work(owner: Owner) -> Run:
    """A run that its owner cancelled before anything was done."""
    run = drive(owner.hand_over_role().pk)
    move_run(run, RunStatus.CANCELLED, expect={RunStatus.PLANNED})
    return run


def test_a_run_without_an_audit_role_shows_the_refusal_alone(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = settled_without_work(owner)
    delete_role(owner)
    page = page_after_checking(owner, run)
    assert outcome(page) == "refused"
    assert "Whether it still exists we can’t see" in page


def test_an_answer_that_is_no_refusal_proves_nothing(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = settled_without_work(owner)
    owner.cloud.fault(kind="throttle", service="sts", action="AssumeRole")
    assert outcome(page_after_checking(owner, run)) == "unknown"


def test_nothing_is_tried_while_the_run_needs_the_role_nor_for_a_stranger(
    owner_of: OwnerOf,
) -> None:
    owner, stranger = owner_of(), owner_of()
    run = drive(owner.hand_over_role().pk)
    with pytest.raises(revocation.NothingToProve):
        revocation.ask(owner.user, run)
    with pytest.raises(NotOwner):
        revocation.ask(stranger.user, run)
    page = reverse("hand-over-role-gone", args=[run.pk])
    assert browser_of(stranger).post(page).status_code == 404
    assert not run.work_items.filter(stage=Stage.REVOKED).exists()


def test_a_new_external_id_lets_the_old_role_go_and_the_run_goes_on_with_a_new_one(
    owner_of: OwnerOf,
) -> None:
    owner = owner_of()
    run = drive(owner.hand_over_role().pk)
    before = owner.account.external_id
    answer = browser_of(owner).post(reverse("rotate-external-id", args=[owner.account.number]))
    assert answer.headers["Location"] == reverse("hand-over", args=[owner.account.number])
    owner.account.refresh_from_db()
    run.refresh_from_db()
    assert owner.account.external_id != before
    assert (run.status, run.reason_code) == (RunStatus.NEEDS_ACCESS, "external_id_rotated")
    assert not Grant.objects.filter(account=owner.account, destroyed_at=None).exists()
    record = AuditRecord.objects.get(kind=AuditKind.EXTERNAL_ID_ROTATED)
    assert record.account_id == owner.account.pk
    assert before not in record.details
    assert owner.account.external_id not in record.details

    # The role still demands the old one, which nobody sends any more.
    run = drive(hand_over.check_again(owner.user, run).pk)
    assert (run.status, run.reason_code) == (RunStatus.NEEDS_ACCESS, "role_not_assumable")

    delete_role(owner)
    run = drive(owner.hand_over_role().pk)
    assert run.status == RunStatus.PLANNED, (run.reason_code, run.failure)
    assert owner.writes() == []


def test_only_owners_get_a_new_external_id(owner_of: OwnerOf) -> None:
    owner, stranger = owner_of(), owner_of()
    with pytest.raises(NotOwner):
        external_id.rotate(stranger.user, owner.account)
    url = reverse("rotate-external-id", args=[owner.account.number])
    assert browser_of(stranger).post(url).status_code == 404
    assert browser_of(owner).get(url).status_code == 405
