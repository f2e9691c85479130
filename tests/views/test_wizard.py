"""Does the wizard take what people really type, keep it when something is wrong, and never echo a secret?"""

import re
from dataclasses import replace
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from onboarding.models import AwsAccount, Grant, Run
from onboarding.models.audit import AuditRecord
from onboarding.states import GrantKind, RunStatus
from tests.views.conftest import SignIn

NUMBER = "484535289196"
CANARIES = {
    "access_key_id": "ASIACANARYCANARY1234",
    "secret_access_key": "canary/secret+" + "k" * 26,
    "session_token": "canarytoken" + "t" * 200,
}
REGISTRATION = {
    "number": NUMBER,
    "name": "Mozilla Community IT - 1002",
    "contact_email": "it@example.org",
    "ticket_url": "https://tickets.example.org/1002",
}


@pytest.mark.parametrize("typed", [NUMBER, "4845 3528 9196", "4845-3528-9196", " 484535289196\u00a0"])
def test_an_account_number_may_be_typed_as_people_write_it(typed: str, browser: Client) -> None:
    answer = browser.post(reverse("register"), {**REGISTRATION, "number": typed})
    assert answer.headers["Location"] == reverse("hand-over", args=[NUMBER])
    assert AwsAccount.objects.get().number == NUMBER


@pytest.mark.parametrize("typed", ["", "12345", "4845352891960", "48453528919x", "４８４５３５２８９１９６"])
def test_a_wrong_number_is_explained_beside_the_field_and_in_the_summary_and_nothing_is_lost(
    typed: str, browser: Client
) -> None:
    page = browser.post(reverse("register"), {**REGISTRATION, "number": typed}).text
    assert 'id="error-summary"' in page
    assert 'href="#id_number"' in page
    assert 'id="id_number_error"' in page
    assert 'aria-invalid="true"' in page
    for kept in ("Mozilla Community IT - 1002", "it@example.org", "https://tickets.example.org/1002"):
        assert f'value="{kept}"' in page
    assert AwsAccount.objects.count() == 0


def test_a_link_that_a_browser_would_run_is_no_ticket(browser: Client) -> None:
    page = browser.post(reverse("register"), {**REGISTRATION, "ticket_url": "javascript:alert(1)"}).text
    assert 'id="id_ticket_url_error"' in page


def test_somebody_elses_account_leads_to_asking_its_owners(
    account: AwsAccount, stranger: User, sign_in: SignIn
) -> None:
    answer = sign_in(stranger).post(reverse("register"), REGISTRATION)
    assert answer.headers["Location"] == reverse("ask-owners", args=[account.number])
    assert stranger not in [ownership.user for ownership in account.ownerships.all()]


def test_registering_again_leads_back_to_the_run(
    account: AwsAccount, surveying: Run, browser: Client
) -> None:
    answer = browser.post(reverse("register"), {**REGISTRATION, "name": "Another name"}, follow=True)
    assert answer.redirect_chain == [(reverse("run", args=[surveying.pk]), 302)]
    assert f"You had registered this account already, as “{account.name}”." in answer.text
    assert "Where it stands: Looking at the account." in answer.text
    account.refresh_from_db()
    assert account.name != "Another name"


def test_registering_for_the_first_time_is_no_second_time(browser: Client) -> None:
    assert (
        "registered this account already"
        not in browser.post(reverse("register"), REGISTRATION, follow=True).text
    )


def test_the_role_page_has_everything_filled_in_and_is_not_stored(
    account: AwsAccount, browser: Client
) -> None:
    answer = browser.get(reverse("hand-over", args=[NUMBER]))
    page = answer.text
    assert "no-store" in answer.headers["Cache-Control"]
    assert account.external_id in page
    assert f'value="arn:aws:iam::{NUMBER}:role/InfosecOnboardingHandover"' in page
    assert "aws cloudformation deploy" in page
    assert f"ExternalId={account.external_id}" in page


def test_the_template_comes_filled_in(account: AwsAccount, browser: Client) -> None:
    answer = browser.get(reverse("hand-over-template", args=[NUMBER]))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="InfosecOnboardingHandover.yaml"'
    assert "no-store" in answer.headers["Cache-Control"]
    assert f'Default: "{account.external_id}"' in answer.text
    assert answer.text.count("Default:") == 2


def test_handing_over_a_role_opens_a_run(account: AwsAccount, browser: Client) -> None:
    role = f"arn:aws:iam::{NUMBER}:role/InfosecOnboardingHandover"
    answer = browser.post(reverse("hand-over", args=[NUMBER]), {"role_arn": role, "external_id": "mine"})
    run = Run.objects.get()
    assert answer.headers["Location"] == reverse("run", args=[run.pk])
    assert run.status == RunStatus.SURVEYING
    account.refresh_from_db()
    assert account.external_id != "mine"


@pytest.mark.parametrize(
    "arn", ["", "nonsense", "arn:aws:iam::111122223333:role/X", f"arn:aws-cn:iam::{NUMBER}:role/X"]
)
def test_a_role_that_cannot_be_right_is_refused_beside_the_field(
    arn: str, account: AwsAccount, browser: Client
) -> None:
    page = browser.post(reverse("hand-over", args=[NUMBER]), {"role_arn": arn}).text
    assert 'id="id_role_arn_error"' in page
    assert not Run.objects.exists()


def test_credentials_in_three_fields_are_sealed(account: AwsAccount, browser: Client) -> None:
    answer = browser.post(reverse("hand-over-credentials", args=[NUMBER]), CANARIES)
    assert answer.status_code == 302
    grant = Grant.objects.get()
    assert grant.kind == GrantKind.TEMPORARY_CREDENTIALS
    for secret in CANARIES.values():
        assert secret.encode() not in bytes(grant.sealed or b"")


def test_credentials_pasted_in_one_go_are_sealed(account: AwsAccount, browser: Client) -> None:
    pasted = "\n".join(f"export AWS_{name.upper()}={value}" for name, value in CANARIES.items())
    answer = browser.post(reverse("hand-over-credentials", args=[NUMBER]), {"pasted": pasted})
    assert answer.status_code == 302
    assert Grant.objects.get().label == "…1234"


def _pasted(**changed: str) -> str:
    return "\n".join(f"AWS_{name.upper()}={value}" for name, value in {**CANARIES, **changed}.items())


@pytest.mark.parametrize(
    "typed",
    [
        {**CANARIES, "session_token": ""},
        {**CANARIES, "access_key_id": "AKIACANARYCANARY1234"},
        {**CANARIES, "access_key_id": "ASIA"},
        {"pasted": _pasted(session_token="")},
        {"pasted": _pasted(access_key_id="AKIACANARYCANARY1234")},
        {"pasted": f"canary {CANARIES['secret_access_key']} and nothing else"},
        {**CANARIES, "secret_access_key": CANARIES["secret_access_key"] * 20},
    ],
    ids=[
        "a part missing",
        "permanent key",
        "short key",
        "paste incomplete",
        "paste permanent",
        "noise",
        "long",
    ],
)
def test_refused_credentials_are_never_sent_back(
    typed: dict[str, str], account: AwsAccount, browser: Client, caplog: pytest.LogCaptureFixture
) -> None:
    answer = browser.post(reverse("hand-over-credentials", args=[NUMBER]), typed)
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    assert 'id="error-summary"' in answer.text
    assert "CANARY" not in answer.text
    assert "canary" not in answer.text
    assert "canary" not in caplog.text.lower()
    assert not Grant.objects.exists()


@pytest.mark.parametrize(
    ("typed", "is_worth_it"),
    [
        ({"pasted": _pasted(session_token="")}, True),
        ({"pasted": "noise"}, True),
        ({**CANARIES, "session_token": ""}, True),
        ({"pasted": _pasted(access_key_id="AKIACANARYCANARY1234")}, False),
        ({**CANARIES, "access_key_id": "AKIACANARYCANARY1234"}, False),
        ({"pasted": _pasted(access_key_id="AROACANARYCANARY1234")}, False),
        ({"pasted": f"{_pasted()}\nAWS_CREDENTIAL_EXPIRATION=2020-01-01T00:00:00Z"}, False),
        ({"pasted": ""}, False),
    ],
)
def test_only_what_may_be_right_the_next_time_is_to_be_pasted_once_more(
    typed: dict[str, str], is_worth_it: bool, account: AwsAccount, browser: Client
) -> None:
    answer = browser.post(reverse("hand-over-credentials", args=[NUMBER]), typed)
    assert 'id="error-summary"' in answer.text
    assert ("please paste it once more" in answer.text) is is_worth_it


def test_the_credential_fields_ask_browsers_not_to_remember(account: AwsAccount, browser: Client) -> None:
    page = browser.get(reverse("hand-over-credentials", args=[NUMBER])).text
    assert page.count('autocomplete="off"') == 5


def test_a_second_hand_over_while_the_run_works_leads_to_the_run(
    account: AwsAccount, surveying: Run, browser: Client
) -> None:
    answer = browser.post(reverse("hand-over-credentials", args=[NUMBER]), CANARIES, follow=True)
    assert answer.redirect_chain[-1][0] == reverse("run", args=[surveying.pk])
    assert "already running" in answer.text


def test_with_published_templates_one_link_opens_the_console_with_everything_filled_in(
    account: AwsAccount, browser: Client, settings: Settings
) -> None:
    company = settings.COMPANY
    settings.COMPANY = replace(company, templates=replace(company.templates, bucket="onboarding-templates"))
    page = unescape(browser.get(reverse("hand-over", args=[NUMBER])).text)
    link = re.search(r'href="(https://us-west-2\.console\.aws\.amazon\.com/[^"]+)"', page)
    assert link is not None
    # Behind "#", so that the ExternalId reaches no server's log.
    assert f"param_ExternalId={account.external_id}" in link[1].partition("#")[2]


def test_an_owner_changes_name_contact_and_ticket_and_it_is_on_record(
    account: AwsAccount, browser: Client
) -> None:
    url = reverse("account-details", args=[account.number])
    assert f'value="{account.name}"' in browser.get(url).text
    details = {"name": "Renamed", "contact_email": account.contact_email, "ticket_url": "https://t.example/2"}
    answer = browser.post(url, details)
    assert answer.headers["Location"] == reverse("hand-over", args=[account.number])
    account.refresh_from_db()
    assert (account.name, account.ticket_url) == ("Renamed", "https://t.example/2")
    record = AuditRecord.objects.get(kind="account.changed")
    assert (record.account_id, record.data) == (
        account.pk,
        {"name": "Renamed", "ticket_url": "https://t.example/2"},
    )


def test_details_that_cant_be_right_are_told_beside_the_field_and_kept_in_it(
    account: AwsAccount, browser: Client
) -> None:
    details = {"name": "Kept", "contact_email": "nobody", "ticket_url": ""}
    page = browser.post(reverse("account-details", args=[account.number]), details).text
    assert 'value="Kept"' in page
    assert 'value="nobody"' in page
    assert 'href="#id_contact_email"' in page
    account.refresh_from_db()
    assert account.name != "Kept"
