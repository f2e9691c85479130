"""A mail says what happened, what it means and the one thing to do, in its reader's words, and no secret."""

import re
from email import message_from_bytes, policy
from html import unescape

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.utils import translation

from onboarding.audiences import TOLD
from onboarding.models import AwsAccount, Notice, Run
from onboarding.models.reader import language_of, remember, zone_of
from onboarding.notices import mail as letters
from onboarding.notices import outbox
from onboarding.observed import Failure
from onboarding.remedies import REMEDIES
from onboarding.states import FailureKind, RunStatus
from tests.notices.conftest import NUMBER, Arrive

REASONS = {
    RunStatus.PARTLY_DONE: "no_first_log",
    RunStatus.FAILED: "took_too_long",
    RunStatus.NEEDS_ACCESS: "expired_credentials",
}


def told_to(address: str) -> EmailMultiAlternatives:
    [message] = [message for message in mail.outbox if message.to == [address]]
    assert isinstance(message, EmailMultiAlternatives)
    return message


def html_of(message: EmailMultiAlternatives) -> str:
    [(body, kind)] = message.alternatives
    assert kind == "text/html"
    return str(body)


@pytest.mark.parametrize("status", sorted(TOLD))
def test_each_says_what_happened_and_leads_to_the_one_next_act(arrive: Arrive, status: RunStatus) -> None:
    run = arrive(status, reason_code=REASONS.get(status, ""))
    outbox.tell()
    for address in ("owner@example.org", "infosec@example.org"):
        message = told_to(address)
        assert message.subject.startswith(f"{NUMBER}: ")
        body, html = str(message.body), html_of(message)
        [link] = re.findall(r"https?://\S+", body)
        assert link.startswith(f"{settings.PUBLIC_URL}/runs/{run.pk}/")
        assert re.findall(r'href="(https?://[^"]+)"', html) == [link]
        for words in (" ".join(body.split()), " ".join(unescape(html).split())):
            assert str(letters.ACTS[status]) in words or address.startswith("infosec")
            if reason := REASONS.get(status):
                assert str(REMEDIES[reason].title) in words
                assert str(REMEDIES[reason].act) in words


def test_a_finished_run_is_told_with_its_regions(arrive: Arrive) -> None:
    arrive(RunStatus.VERIFIED)
    outbox.tell()
    message = told_to("owner@example.org")
    assert message.subject == f"{NUMBER}: The account is verified (Mozilla Community IT - 1002)"
    assert "CloudTrail logs in 2 regions, and a first log has arrived from each." in message.body
    assert "because you answer for this account" in message.body
    assert "because you are infosec’s contact" in told_to("infosec@example.org").body


def test_an_owner_is_led_to_the_plan_and_infosec_to_the_run(arrive: Arrive) -> None:
    run = arrive(RunStatus.PLANNED)
    outbox.tell()
    assert f"/runs/{run.pk}/plan/" in told_to("owner@example.org").body
    assert f"/runs/{run.pk}/plan/" not in told_to("infosec@example.org").body


def test_what_aws_said_and_what_opens_the_account_stay_here(arrive: Arrive, account: AwsAccount) -> None:
    AwsAccount.objects.filter(pk=account.pk).update(last_role_arn="arn:aws:iam::484535289196:role/Canary")
    failure = Failure(
        FailureKind.DENIED, "AccessDenied", "canary in AWS's words", request_id="canary-request"
    )
    arrive(RunStatus.FAILED, reason_code="unknown", failure=failure)
    outbox.tell()
    for message in mail.outbox:
        assert isinstance(message, EmailMultiAlternatives)
        everything = message.message().as_string() + message.body + html_of(message)
        assert account.external_id not in everything
        assert "canary" not in everything.lower()


def test_a_name_can_neither_add_a_header_nor_markup(arrive: Arrive, account: AwsAccount) -> None:
    name = "Evil\r\nBcc: all@example.org <script>alert(1)</script>"
    AwsAccount.objects.filter(pk=account.pk).update(name=name)
    arrive(RunStatus.FAILED)
    outbox.tell()
    message = told_to("owner@example.org")
    parsed = message_from_bytes(message.message().as_bytes(), policy=policy.default)
    assert parsed["Bcc"] is None
    assert "<script>" not in html_of(message)


def test_mails_of_one_run_stand_together_and_say_that_a_program_sent_them(arrive: Arrive) -> None:
    run = arrive(RunStatus.VERIFIED)
    outbox.tell()
    headers = told_to("owner@example.org").extra_headers
    assert headers["References"] == f"<run-{run.pk}@localhost>"
    assert headers["Auto-Submitted"] == "auto-generated"


def test_times_are_the_readers_own(arrive: Arrive, owner: User) -> None:
    remember(owner.pk, language="en", time_zone="Asia/Kolkata")
    run: Run = arrive(RunStatus.NEEDS_OWNER)
    outbox.tell()
    here = run.status_since.astimezone(zone_of(owner.pk))
    told = " ".join(told_to("owner@example.org").body.split())
    assert here.strftime("%-I:%M") in told
    assert "(Asia/Kolkata)" in told
    assert "(UTC)" in told_to("infosec@example.org").body


def test_the_readers_language_is_active_while_their_mail_is_written(
    arrive: Arrive, owner: User, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LANGUAGES = [("en", "English"), ("de", "Deutsch")]  # type: ignore[attr-defined]
    remember(owner.pk, language="de", time_zone="Europe/Berlin")
    arrive(RunStatus.NEEDS_OWNER)
    spoken = {}
    write = letters.letter_for

    def letter_for(notice: Notice) -> object:
        spoken[notice.recipient] = translation.get_language()
        return write(notice)

    monkeypatch.setattr(letters, "letter_for", letter_for)
    outbox.tell()
    assert spoken == {"owner@example.org": "de", "infosec@example.org": "en"}


@pytest.mark.parametrize(
    "zone", ["", "Nowhere/Land", "../../etc/passwd", "x" * 400, "Europe/Berlin\x00", "/etc"]
)
def test_a_time_zone_that_nobody_knows_is_not_kept(owner: User, zone: str) -> None:
    remember(owner.pk, language="en", time_zone="Europe/Berlin")
    remember(owner.pk, language="tlh", time_zone=zone)
    assert zone_of(owner.pk).key == "Europe/Berlin"
    assert language_of(owner.pk) == "en"
    assert zone_of(None).key == "UTC"
