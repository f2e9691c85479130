"""The ticket gets one comment that both stacks exist, and where; whatever its server does meanwhile."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db.models import F
from pytest_django import Settings

from onboarding.company import TicketSettings
from onboarding.models import AwsAccount, Notice, NoticeOutcome, Run, Step
from onboarding.notices import bugzilla as client
from onboarding.notices import outbox
from onboarding.notices.comment import comment_on, run_url
from onboarding.states import Goal, RunStatus, Stage, StepKind, StepStatus
from tests.notices.bugzilla_server import (
    BUG,
    KEY,
    Bugzilla,
    comments_and_hangs_up,
    drips,
    hangs_up,
    is_slow,
    says,
    serving,
)
from tests.notices.conftest import Arrive

ROLES = {
    "SecurityAuditRoleArn": "arn:aws:iam::484535289196:role/Audit",
    "IncidentResponseRoleArn": "arn:aws:iam::484535289196:role/Respond",
}


@pytest.fixture
def bugzilla(settings: Settings, account: AwsAccount) -> Iterator[Bugzilla]:
    with serving() as server:
        settings.COMPANY = replace(settings.COMPANY, ticket=TicketSettings(bugzilla_url=server.url))
        settings.BUGZILLA_API_KEY = KEY
        AwsAccount.objects.filter(pk=account.pk).update(ticket_url=f"{server.url}/show_bug.cgi?id={BUG}")
        yield server


@pytest.fixture
def verified(bugzilla: Bugzilla, arrive: Arrive) -> Run:
    """A run that has just been verified; only its ticket is still to be told."""
    run = arrive(RunStatus.VERIFIED)
    Run.objects.filter(pk=run.pk).update(home_region="us-west-2")
    made = [
        (Stage.REMOVE, StepKind.REMOVE_STACK, Goal.ABSENT, "eu-west-1", "opsec-security-audit-role", {}),
        (Stage.VERIFY, StepKind.VERIFY_ROLES, Goal.VERIFIED, "", "InfosecClientRoles", ROLES),
        (Stage.VERIFY, StepKind.VERIFY_REGION, Goal.VERIFIED, "us-west-2", "Trail", {}),
        (Stage.VERIFY, StepKind.VERIFY_REGION, Goal.VERIFIED, "eu-west-1", "Trail", {}),
    ]
    for ordinal, (stage, kind, goal, region, target, outputs) in enumerate(made, 1):
        Step.objects.create(
            run=run, ordinal=ordinal, stage=stage, kind=kind, goal=goal, region=region, target=target,
            outputs=outputs, status=StepStatus.FINISHED,
        )  # fmt: skip
    Notice.objects.exclude(channel="ticket").delete()
    return run


def tell_later() -> Notice:
    Notice.objects.filter(handled_at=None).update(due_at=F("due_at") - timedelta(hours=2))
    outbox.tell()
    return Notice.objects.get(channel="ticket")


def posts(bugzilla: Bugzilla) -> int:
    return sum(method == "POST" for method, _path, _key in bugzilla.requests)


def test_the_comment_says_what_its_owner_once_wrote_by_hand(bugzilla: Bugzilla, verified: Run) -> None:
    assert tell_later().outcome == NoticeOutcome.SENT
    [comment] = bugzilla.comments
    for told in (
        "Both stacks are in place in the AWS account 484535289196 (Mozilla Community IT - 1002).",
        "Roles: stack InfosecClientRoles in us-west-2",
        "- Security audit role: arn:aws:iam::484535289196:role/Audit",
        "- Incident response role: arn:aws:iam::484535289196:role/Respond",
        "CloudTrail: stack DeployCloudTrailCloudFormationStacks in us-west-2",
        "CloudTrail logs in 2 regions, and a first log has arrived from each: eu-west-1, us-west-2",
        "Removed: the old stack opsec-security-audit-role in eu-west-1",
        f"/runs/{verified.pk}/",
    ):
        assert told in comment
    assert verified.account.external_id not in comment


def test_it_is_posted_once_however_often_the_worker_looks(bugzilla: Bugzilla, verified: Run) -> None:
    for _ in range(3):
        tell_later()
    assert len(bugzilla.comments) == 1
    assert all(has_key and KEY not in path for _method, path, has_key in bugzilla.requests)


def test_an_answer_that_was_lost_makes_no_second_comment(bugzilla: Bugzilla, verified: Run) -> None:
    bugzilla.next_fails("POST", comments_and_hangs_up)
    assert tell_later().outcome == ""
    assert tell_later().outcome == NoticeOutcome.SENT
    assert len(bugzilla.comments) == 1
    assert posts(bugzilla) == 1


def test_a_request_that_got_nowhere_is_sent_again(bugzilla: Bugzilla, verified: Run) -> None:
    bugzilla.next_fails("POST", hangs_up)
    assert tell_later().outcome == ""
    assert tell_later().outcome == NoticeOutcome.SENT
    assert len(bugzilla.comments) == 1
    assert posts(bugzilla) == 2


def test_another_runs_comment_is_not_taken_for_this_ones(bugzilla: Bugzilla, verified: Run) -> None:
    bugzilla.comments.append(f"Both stacks are in place. {verified.account.number} /runs/another/")
    assert tell_later().outcome == NoticeOutcome.SENT
    assert len(bugzilla.comments) == 2


def test_who_pastes_the_runs_address_into_the_ticket_keeps_no_comment_from_it(
    bugzilla: Bugzilla, verified: Run
) -> None:
    bugzilla.comments += [
        run_url(verified),
        f"See {run_url(verified)} (What was proven: {run_url(verified)})",
    ]
    assert tell_later().outcome == NoticeOutcome.SENT
    assert posts(bugzilla) == 1


def test_a_server_in_trouble_is_asked_again_later(bugzilla: Bugzilla, verified: Run) -> None:
    bugzilla.next_fails(
        "GET",
        says(500, b"<h1>Software error</h1>"),
        says(503, {}),
        says(200, b"not JSON"),
        says(200, {"surprise": True}),
        says(429, {"error": True, "code": 32000, "message": "slow down"}),
        says(302, b"", Location="http://127.0.0.1:1/elsewhere"),
    )
    kinds = []
    while not (notice := tell_later()).outcome:
        kinds.append(notice.last_error)
    assert kinds == [
        "http_500", "http_503", "unreadable", "unreadable", "bugzilla_32000_http_429", "http_302",
    ]  # fmt: skip
    assert len(bugzilla.comments) == 1


def test_a_server_that_is_slow_or_drips_is_left_in_time(
    bugzilla: Bugzilla, verified: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr(client, "LONGEST_ANSWER_SECONDS", 0.3)
    bugzilla.next_fails("GET", is_slow, drips)
    assert tell_later().last_error == "TimeoutError"
    assert tell_later().last_error == "too_long"
    monkeypatch.setattr(client, "TIMEOUT_SECONDS", 5.0)
    assert tell_later().outcome == NoticeOutcome.SENT


def test_a_wrong_key_is_tried_again_as_somebody_may_mend_it_and_stands_in_no_log(
    bugzilla: Bugzilla, verified: Run, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.BUGZILLA_API_KEY = "wrong-canary"
    assert tell_later().last_error == "bugzilla_306_http_400"
    bugzilla.next_fails("GET", says(401, {"error": True, "code": 410, "message": f"log in, {KEY}"}))
    assert tell_later().last_error == "bugzilla_410_http_401"
    assert "canary" not in caplog.text
    settings.BUGZILLA_API_KEY = KEY
    assert tell_later().outcome == NoticeOutcome.SENT


def test_a_bug_that_is_not_there_is_given_up_at_once(bugzilla: Bugzilla, verified: Run) -> None:
    Notice.objects.update(recipient=f"{bugzilla.url}/999")
    notice = tell_later()
    assert (notice.outcome, notice.last_error) == (NoticeOutcome.GIVEN_UP, "bugzilla_101_http_404")


def test_without_a_key_it_waits_for_one(bugzilla: Bugzilla, verified: Run, settings: Settings) -> None:
    settings.BUGZILLA_API_KEY = ""
    assert tell_later().last_error == "no_api_key"
    assert bugzilla.requests == []


def test_a_ticket_that_is_elsewhere_is_never_asked(
    bugzilla: Bugzilla, account: AwsAccount, arrive: Arrive
) -> None:
    AwsAccount.objects.filter(pk=account.pk).update(ticket_url="http://169.254.169.254/latest/1002")
    arrive(RunStatus.VERIFIED)
    assert not Notice.objects.filter(channel="ticket").exists()
    Notice.objects.filter(user=None).update(channel="ticket", recipient="http://169.254.169.254/1002")
    outbox.tell()
    notice = Notice.objects.get(channel="ticket")
    assert (notice.outcome, notice.last_error) == (NoticeOutcome.GIVEN_UP, "not_our_bugzilla")
    assert bugzilla.requests == []


def test_a_run_that_is_not_verified_is_not_told_there(bugzilla: Bugzilla, arrive: Arrive) -> None:
    arrive(RunStatus.PARTLY_DONE)
    arrive(RunStatus.FAILED)
    assert not Notice.objects.filter(channel="ticket").exists()


def test_a_name_stays_within_its_line(verified: Run) -> None:
    verified.account.name = "One\n\nTwo"
    assert comment_on(verified, []).splitlines()[0].endswith("(One Two).")
