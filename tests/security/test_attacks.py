"""What an attacker would try at the pages themselves."""

import json
import logging
import re
from collections.abc import Iterator
from gzip import decompress

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from onboarding.fleet.coverage_map import map_of
from onboarding.models import AccountSummary, AwsAccount, Run
from onboarding.models.history import move_run, record
from onboarding.observed import Failure
from onboarding.planning import Plan
from onboarding.services.accounts import NotAnAccount, register
from onboarding.services.approval import approve
from onboarding.states import FailureKind, RunStatus
from onboarding.stored import failure_as_json
from onboarding.views.rooms import message
from tests.views.conftest import SignIn

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7|add:7 }}{% debug %}"
PASSWORD = "a-password-of-ours"


def with_password(user: User) -> User:
    """The same user, who can sign in by the form."""
    user.set_password(PASSWORD)
    user.save()
    user.emailaddress_set.create(email=user.email, verified=True, primary=True)  # type: ignore[attr-defined]
    return user


def assert_inert(page: str) -> None:
    """The hostile text is there as text: no tag of it, and nothing of it was carried out."""
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "onerror=alert(1)>" not in page.replace("&gt;", "")
    assert "14{% debug %}" not in page


@pytest.fixture
def hostile_run(account: AwsAccount, planned: Run, owner: User) -> Run:
    """Everything that an owner or AWS can choose is hostile: names, aliases, stacks, messages."""
    AwsAccount.objects.update(name=HOSTILE[:120], alias=HOSTILE[:63])
    assert planned.plan is not None
    text = json.dumps(planned.plan)
    plan = Plan.from_json(json.loads(text.replace("opsec-old", json.dumps(HOSTILE)[1:-1])))
    Run.objects.filter(pk=planned.pk).update(plan=plan.as_json(), plan_digest=plan.digest)
    planned.refresh_from_db()
    return planned


def test_hostile_names_and_stacks_are_shown_as_text(hostile_run: Run, browser: Client) -> None:
    for url in ("/", reverse("plan", args=[hostile_run.pk]), reverse("run", args=[hostile_run.pk])):
        page = browser.get(url).text
        assert "&lt;script&gt;" in page
        assert_inert(page)


def test_what_aws_says_is_shown_as_text_on_the_page_and_in_its_stream(
    hostile_run: Run, owner: User, browser: Client
) -> None:
    approve(owner, hostile_run, hostile_run.plan_digest)
    failure = Failure(kind=FailureKind.DENIED, code=HOSTILE, message=HOSTILE, region="us-east-1")
    hostile_run.steps.update(
        status="failed",
        aws_status=HOSTILE[:32],
        reason_code="hand_over_too_small",
        failure=failure_as_json(failure),
    )
    record(hostile_run.pk, "aws.write", operation=HOSTILE, stack=HOSTILE, service="x", request_id=HOSTILE)
    move_run(
        hostile_run,
        RunStatus.FAILED,
        expect=[RunStatus.RUNNING],
        reason_code="hand_over_too_small",
        failure=failure,
    )
    page = browser.get(reverse("run", args=[hostile_run.pk])).text
    assert "&lt;script&gt;" in page
    assert_inert(page)


def test_hostile_names_and_regions_are_text_on_the_fleets_map() -> None:
    region = '"><script>alert(1)</script>'
    summary = AccountSummary(number="1" * 12, name=HOSTILE, regions=f"{region}:failed")
    _columns, rows = map_of([summary])
    assert_inert(rows)
    assert "&lt;script&gt;" in rows.partition('<td class="on-map')[2]


def test_a_line_break_in_a_piece_begins_no_event_of_its_own() -> None:
    for line_break in ("\n", "\r", "\r\n", "\u2028", "\x85", "\x0b"):
        sent = message("fragments", f"a{line_break}event: over{line_break}data: x")
        assert [line for line in sent.decode().splitlines() if line.startswith("event:")] == [
            "event: fragments"
        ]


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//evil.example.org\n", "ftp://x.org"]
)
def test_a_ticket_is_a_web_address_or_refused(url: str, browser: Client, owner: User) -> None:
    fields = {"number": "123456789012", "name": "x", "contact_email": "x@example.org", "ticket_url": url}
    answer = browser.post(reverse("register"), fields)
    account = AwsAccount.objects.filter(number="123456789012").first()
    assert account is None or account.ticket_url.startswith(("https://", "http://"))
    assert answer.status_code in {200, 302}


@pytest.mark.parametrize("address", ["x@example.org\nBcc: all@example.org", "x@example.org\r\nSubject: hi"])
def test_a_line_break_in_an_address_reaches_no_mail(address: str, browser: Client, owner: User) -> None:
    fields = {"number": "123456789012", "name": "x", "contact_email": address}
    browser.post(reverse("register"), fields)
    assert not AwsAccount.objects.filter(number="123456789012").exists()
    with pytest.raises(NotAnAccount):
        register(owner, number="123456789012", name="x", contact_email=address)


@pytest.mark.parametrize(
    "destination",
    [
        "https://evil.example.org/",
        "//evil.example.org/",
        "/\\evil.example.org",
        "javascript:alert(1)",
        "http:evil",
    ],
)
def test_after_signing_in_nobody_is_led_elsewhere(destination: str, owner: User, client: Client) -> None:
    with_password(owner)
    fields = {"login": owner.email, "password": PASSWORD, "next": destination}
    answer = client.post("/accounts/login/", fields)
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/"


def test_a_session_given_by_somebody_else_is_not_the_one_signed_in(owner: User, client: Client) -> None:
    with_password(owner)
    client.get("/accounts/login/")
    client.cookies["sessionid"] = given = "a" * 32
    client.post("/accounts/login/", {"login": owner.email, "password": PASSWORD})
    assert client.cookies["sessionid"].value != given
    thief = Client()
    thief.cookies["sessionid"] = given
    assert thief.get(reverse("register")).status_code == 302


def test_signing_out_ends_the_session_on_the_server(owner: User, client: Client) -> None:
    with_password(owner)
    client.post("/accounts/login/", {"login": owner.email, "password": PASSWORD})
    kept = client.cookies["sessionid"].value
    client.post("/accounts/logout/")
    thief = Client()
    thief.cookies["sessionid"] = kept
    assert thief.get(reverse("register")).status_code == 302


@pytest.mark.django_db
def test_a_forged_host_reaches_no_link_in_a_mail(owner: User, client: Client) -> None:
    with_password(owner)
    forged = {"Host": "evil.example.org"}
    assert client.post("/accounts/password/reset/", {"email": owner.email}, headers=forged).status_code == 400
    client.post(
        "/accounts/password/reset/", {"email": owner.email}, headers={"X-Forwarded-Host": "evil.example.org"}
    )
    assert mail.outbox
    assert "evil" not in "".join(str(message.body) for message in mail.outbox)


def test_whether_an_account_or_a_run_exists_is_told_to_nobody_else(
    account: AwsAccount, planned: Run, stranger: User, sign_in: SignIn
) -> None:
    """The same answer, to the letter, for what is another's and for what isn't there."""
    browser = sign_in(stranger)

    def said(url: str) -> tuple[int, str]:
        answer = browser.get(url)
        return answer.status_code, re.sub(r'value="[A-Za-z0-9]{64}"', "", answer.text)

    for name in ("hand-over", "hand-over-credentials", "hand-over-template", "logs"):
        anothers, absent = reverse(name, args=[account.number]), reverse(name, args=["9" * 12])
        assert said(anothers) == said(absent)
    absent_run = "00000000-0000-4000-8000-000000000000"
    for name in ("run", "plan", "cancel", "leave-as-is"):
        assert said(reverse(name, args=[planned.pk])) == said(reverse(name, args=[absent_run]))


def test_signing_in_and_resetting_do_not_tell_who_has_an_account(owner: User, client: Client) -> None:
    with_password(owner)

    def said(url: str, **fields: str) -> tuple[int, str]:
        answer = client.post(url, fields)
        text = answer.text.replace(fields.get("login", "-"), "").replace(fields.get("email", "-"), "")
        return answer.status_code, re.sub(r'value="[A-Za-z0-9]{64}"', "", text)

    known, unknown = owner.email, "nobody@example.org"
    assert said("/accounts/login/", login=known, password="wrong") == said(
        "/accounts/login/", login=unknown, password="wrong"
    )
    assert said("/accounts/password/reset/", email=known) == said("/accounts/password/reset/", email=unknown)


@pytest.fixture
def django_log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


def test_an_address_cannot_write_a_line_into_the_log(
    browser: Client, django_log: pytest.LogCaptureFixture, settings: Settings
) -> None:
    settings.DEBUG = False
    browser.get("/nothing%0aERROR%20forged%20line%0d%1b[2J")
    assert django_log.records
    for entry in django_log.records:
        said = entry.getMessage()
        assert "\nERROR forged" not in said
        assert "\x1b" not in said


def test_forms_of_other_sites_are_refused_even_with_a_cookie(owner: User, account: AwsAccount) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(owner)
    strict.get(reverse("register"))
    token = strict.cookies["csrftoken"].value
    fields = {"csrfmiddlewaretoken": token, "number": "1" * 12, "name": "x", "contact_email": "x@example.org"}
    answer = strict.post(
        reverse("register"), fields, secure=True, headers={"Origin": "https://evil.example.org"}
    )
    assert answer.status_code == 403
    assert not AwsAccount.objects.filter(number="1" * 12).exists()


def test_fields_that_hold_access_are_not_kept_by_browsers(account: AwsAccount, browser: Client) -> None:
    page = browser.get(reverse("hand-over-credentials", args=[account.number])).text
    fields = re.findall(r"<(?:input|textarea)\b[^>]*name=\"(?!csrf)[^>]*>", page)
    assert len(fields) >= 4
    for field in fields:
        if 'type="hidden"' not in field:
            assert 'autocomplete="off"' in field, field


def test_an_external_id_is_never_taken_from_a_browser(account: AwsAccount, browser: Client) -> None:
    mine = "onb-" + "0" * 40
    for name, fields in {
        "register": {"number": account.number, "name": "x", "contact_email": "x@example.org"},
        "hand-over": {"role_arn": f"arn:aws:iam::{account.number}:role/Role"},
    }.items():
        url = reverse(name, args=[] if name == "register" else [account.number])
        browser.post(url, {**fields, "external_id": mine})
        browser.get(url, {"external_id": mine})
    account.refresh_from_db()
    assert account.external_id != mine


@pytest.mark.parametrize("name", ["hand-over", "hand-over-template", "hand-over-credentials", "by-hand"])
def test_a_page_with_a_secret_repeats_nothing_of_its_address(
    name: str, account: AwsAccount, browser: Client
) -> None:
    """Else whoever sees how long an encrypted answer is could guess the ExternalId, piece by piece."""
    guess = "onb-0123456789-guessed"
    page = browser.get(reverse(name, args=[account.number]), {"x": guess, "next": f"/{guess}"})
    assert page.status_code == 200
    assert guess not in page.text


def test_two_compressed_answers_to_the_same_question_differ(browser: Client) -> None:
    """In the form's token, masked anew each time, and in their length by random bytes."""
    answers = [browser.get(reverse("register"), headers={"Accept-Encoding": "gzip"}) for _ in range(12)]
    assert {answer.headers["Content-Encoding"] for answer in answers} == {"gzip"}
    tokens = [
        re.findall(rb'csrfmiddlewaretoken" value="(\w+)"', decompress(each.content))[0] for each in answers
    ]
    assert len(set(tokens)) == len(tokens)
    assert len({len(answer.content) for answer in answers}) > 1


def test_choosing_a_language_leads_back_to_where_one_was_and_nowhere_else(browser: Client) -> None:
    def chosen(referer: str) -> str:
        form = {"language": "de", "next": "https://evil.example.org/"} if not referer else {"language": "de"}
        answer = browser.post(reverse("set_language"), form, headers={"Referer": referer})
        return str(answer.headers["Location"])

    assert chosen("http://testserver/fleet/accounts/?state=failed").endswith("/fleet/accounts/?state=failed")
    for elsewhere in (
        "https://evil.example.org/fleet/",
        "http://testserver.evil.example.org/",
        "javascript:1",
        "",
    ):
        assert chosen(elsewhere) == "/"
