"""Do the pages about people prove who is asking, tell nobody more than they may know, and keep no input?"""

import json
from types import SimpleNamespace

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.models import Session
from django.core import mail
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import Settings

from onboarding.models import AwsAccount, Grant, Invitation, Member, Run, StaffRole
from onboarding.models.people import token_digest
from onboarding.views.sign_in import SecondFactorAdapter
from portal.identity import IdentityProvider
from tests.views.conftest import SignIn, consent, prove

SECRET = "made-up-secret-that-must-not-stay-anywhere"
PASTE = f"AWS_ACCESS_KEY_ID=ASIAMADEUPMADEUP0000\nAWS_SECRET_ACCESS_KEY={SECRET}\nAWS_SESSION_TOKEN={SECRET}"


@pytest.fixture
def long_ago(owner: User) -> Client:
    """The owner's browser, an hour after signing in."""
    owner.set_password("made-up-7351")
    owner.save()
    client = Client()
    client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    prove(client, owner, second_factor=False, seconds_ago=3600)
    return client


# --- A recent sign-in -----------------------------------------------------------------------------


def test_a_paste_that_came_too_late_is_kept_nowhere(account: AwsAccount, long_ago: Client) -> None:
    page = reverse("hand-over-credentials", args=[account.number])
    answer = long_ago.post(page, {"pasted": PASTE})
    assert answer.headers["Location"] == f"/accounts/reauthenticate/?next={page.replace('/', '%2F')}"
    for session in Session.objects.all():
        assert SECRET not in json.dumps(session.get_decoded())
    assert not Grant.objects.exists()
    told = long_ago.get(answer.headers["Location"]).text
    assert "Nothing of what you sent was kept" in told
    assert SECRET not in told


def test_after_proving_it_the_person_is_back_on_the_page_and_nothing_was_done_by_itself(
    planned: Run, long_ago: Client
) -> None:
    answer = long_ago.post(reverse("approve", args=[planned.pk]), consent(planned))
    assert answer.headers["Location"].startswith("/accounts/reauthenticate/")
    plan = reverse("plan", args=[planned.pk])
    back = long_ago.post("/accounts/reauthenticate/", {"password": "made-up-7351", "next": plan})
    assert back.headers["Location"] == plan
    planned.refresh_from_db()
    assert planned.status == "planned"
    long_ago.post(reverse("approve", args=[planned.pk]), consent(planned))
    planned.refresh_from_db()
    assert planned.status == "running"


def test_another_address_for_a_forgotten_password_is_dangerous_too(long_ago: Client, owner: User) -> None:
    EmailAddress.objects.create(user=owner, email=owner.email, verified=True, primary=True)
    answer = long_ago.post("/accounts/email/", {"action_add": "", "email": "thief@example.org"})
    assert answer.headers["Location"].startswith("/accounts/reauthenticate/")
    assert not EmailAddress.objects.filter(email="thief@example.org").exists()


def test_a_form_may_take_as_long_again_as_its_page(account: AwsAccount, owner: User, sign_in: SignIn) -> None:
    client = sign_in(owner)
    prove(client, owner, second_factor=False, seconds_ago=20 * 60)
    page = reverse("hand-over", args=[account.number])
    assert client.get(page).status_code == 302
    assert client.post(page, {}).status_code == 200


def test_who_signs_in_elsewhere_alone_is_sent_there_again(
    account: AwsAccount, long_ago: Client, owner: User, settings: Settings
) -> None:
    settings.IDENTITY_PROVIDER = IdentityProvider(
        name="Corp", issuer_url="https://id.example.org", client_id="portal", client_secret="made-up",
        groups_claim="groups", group_roles={}, mfa_claim="amr", mfa_values=frozenset({"mfa"}),
    )  # fmt: skip
    owner.set_unusable_password()
    owner.save()
    client = Client()
    client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    prove(client, owner, second_factor=False, seconds_ago=3600)
    page = reverse("hand-over", args=[account.number])
    assert client.get(page).headers["Location"].startswith("/accounts/oidc/company/login/?next=")
    # Without a provider they get a password by mail, as who forgot theirs.
    settings.IDENTITY_PROVIDER = None
    assert client.get(page).headers["Location"].startswith("/accounts/password/reset/")


# --- A second factor ------------------------------------------------------------------------------


def test_staff_without_a_second_factor_are_led_to_one_and_back(
    planned: Run, staff: User, sign_in: SignIn
) -> None:
    client = sign_in(staff)
    prove(client, staff, second_factor=False)
    page = reverse("run", args=[planned.pk])
    answer = client.get(page)
    told = client.get(answer.headers["Location"])
    assert "A second factor first" in told.text
    assert "next=" in told.text
    prove(client, staff, second_factor=True)
    assert client.get(answer.headers["Location"]).headers["Location"] == page
    assert client.get(page).status_code == 200


def test_a_second_factor_that_was_taken_away_proves_nothing_any_more(
    planned: Run, staff: User, sign_in: SignIn
) -> None:
    client = sign_in(staff)
    page = reverse("run", args=[planned.pk])
    assert client.get(page).status_code == 200
    Authenticator.objects.filter(user=staff).delete()
    assert client.get(page).headers["Location"].startswith("/second-factor/")


def test_whoever_has_no_passkey_is_not_asked_for_one(owner: User) -> None:
    owner.set_password("a made-up password of some length")
    owner.save()
    EmailAddress.objects.create(user=owner, email=owner.email, verified=True, primary=True)
    TOTP.activate(owner, "A" * 32)
    page = Client().post(
        reverse("account_login"),
        {"login": owner.email, "password": "a made-up password of some length"},
        follow=True,
    )
    assert page.redirect_chain[-1][0] == reverse("mfa_authenticate")
    assert "A code from your authenticator app." in page.text
    assert 'name="code"' in page.text
    assert "passkey" not in page.text
    assert "recovery codes" not in page.text


def test_whoever_has_but_a_passkey_is_asked_for_no_code(owner: User, rf: RequestFactory) -> None:
    Authenticator.objects.create(user=owner, type=Authenticator.Type.WEBAUTHN, data={})
    asked = AuthenticateView()
    asked.stage = SimpleNamespace(login=SimpleNamespace(user=owner))
    request = rf.get(reverse("mfa_authenticate"))
    request.user = AnonymousUser()
    form = AuthenticateForm(user=owner)
    page = render_to_string("mfa/authenticate.html", {"view": asked, "form": form, "js_data": {}}, request)
    assert "Use my passkey or security key" in page
    assert "authenticator app" not in page
    assert 'name="code"' not in page


def test_the_way_back_leads_to_no_other_site(staff: User, sign_in: SignIn) -> None:
    answer = sign_in(staff).get("/second-factor/?next=https://evil.example.org/")
    assert answer.headers["Location"] == "/"


def test_staff_who_own_an_account_need_no_second_factor_for_it(
    planned: Run, owner: User, sign_in: SignIn
) -> None:
    Member.objects.create(user=owner, role=StaffRole.ANALYST)
    client = sign_in(owner)
    prove(client, owner, second_factor=False)
    front = client.get("/").text
    assert "You see your own accounts only." in front
    assert client.get(reverse("run", args=[planned.pk])).status_code == 200


def test_a_seed_in_the_database_is_of_no_use_without_the_secret_key(settings: Settings) -> None:
    adapter = SecondFactorAdapter()
    sealed = adapter.encrypt("SEEDSEED")
    assert "SEEDSEED" not in sealed
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another" * 10
    assert adapter.decrypt(sealed) == "SEEDSEED"


# --- Joining --------------------------------------------------------------------------------------


def test_the_page_that_asks_owners_is_the_same_for_every_number(
    account: AwsAccount, stranger: User, sign_in: SignIn
) -> None:
    client = sign_in(stranger)
    told = []
    for number in (account.number, "111111111111"):
        page = reverse("ask-owners", args=[number])
        asked, done = client.get(page), client.post(page)
        assert (asked.status_code, done.status_code) == (200, 200)
        told.append([answer.text.replace(number, "") for answer in (asked, done)])
    token = r'name="csrfmiddlewaretoken"'
    assert [text.split(token)[0] for text in told[0]] == [text.split(token)[0] for text in told[1]]
    assert account.name not in str(told)
    assert "owner@example.org" not in str(told)
    assert len(mail.outbox) == 1


def test_an_invitation_for_another_address_is_refused_in_words(
    account: AwsAccount, owner: User, stranger: User, sign_in: SignIn
) -> None:
    EmailAddress.objects.create(user=stranger, email=stranger.email, verified=True, primary=True)
    Invitation.objects.create(
        account=account,
        email="other@example.org",
        token_digest=token_digest("made-up"),
        expires_at=account.registered_at.replace(year=2100),
    )
    client = sign_in(stranger)
    answer = client.get("/invitation/made-up/", follow=True)
    assert answer.status_code == 403
    assert "another address" in answer.text
    assert account.name not in answer.text
    assert client.post("/invitation/").status_code == 403
    assert not account.ownerships.filter(user=stranger).exists()


def test_operators_start_an_account_again_for_its_owner(
    planned: Run, account: AwsAccount, staff: User, sign_in: SignIn
) -> None:
    Member.objects.filter(user=staff).update(role=StaffRole.OPERATOR)
    Run.objects.update(status="failed")
    answer = sign_in(staff).post(reverse("start-again", args=[account.number]))
    assert answer.headers["Location"] == reverse("people", args=[account.number])
    assert account.runs.open().get().started_by == staff


def test_a_superuser_gives_a_role_on_the_page(staff: User, stranger: User, sign_in: SignIn) -> None:
    Member.objects.filter(user=staff).update(role=StaffRole.SUPERUSER)
    EmailAddress.objects.create(user=stranger, email=stranger.email, verified=True, primary=True)
    client = sign_in(staff)
    client.post("/staff/", {"email": stranger.email, "role": "auditor"})
    assert Member.objects.get(user=stranger).role == StaffRole.AUDITOR
    wrong = client.post("/staff/", {"email": staff.email, "role": ""}).text
    assert "Nobody has signed up with this address" in wrong
