"""Who gets what at every address? doors.txt states it for each visitor; an address without a row fails.

    ok  the page, or the form again      go  done, and sent on       in  sent to sign in
    2f  sent to a second factor          re  sent to prove again who they are
    404, 403, 405, 410, ...              HTTP's own

The visitors: nobody signed in; somebody who never confirmed their address; a stranger with an account of
their own; the account's owner and co-owner; infosec's analyst, operator, auditor and superuser, with a
second factor and (in the second four) without one. "absent" asks for what isn't there: whoever may not see
must not learn the difference, so both rows must then be alike.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import transaction
from django.http import HttpResponseBase
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import DjangoDbBlocker

from onboarding.models import Member, Notice, Ownership, OwnershipRole, SavedView, StaffRole
from onboarding.services.accounts import register, register_without_owner
from onboarding.services.hand_over import hand_over_role
from onboarding.services.importing import judge_list
from onboarding.services.invitations import invite
from tests.services.conftest import NUMBER, ROLE_ARN, make_plan, put_plan
from tests.views.conftest import prove

pytestmark = pytest.mark.django_db

TABLE = Path(__file__).with_name("doors.txt")
VISITORS = TABLE.read_text().splitlines()[0].split()[2:]
ROWS = [line.split() for line in TABLE.read_text().splitlines()[1:] if line and not line.startswith("#")]
PASSWORD = "made-up-7351"
# As the fixtures of every view's test have it, but for longer.
LIGHT = {
    "WHITENOISE_AUTOREFRESH": True,
    "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
    "CACHES": {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
}
# Where a sign-in of an hour ago isn't enough. allauth adds its own: whatever changes how one signs in.
DANGEROUS = {
    "by-hand",
    "approve",
    "cancel",
    "undo",
    "check-again",
    "decide",
    "hand-on",
    "hand-over",
    "hand-over-credentials",
    "invite-owner",
    "import",
    "people",
    "remove-owner",
    "retry",
    "rotate-external-id",
    "staff",
    "mfa_activate_totp",
    "mfa_add_webauthn",
    "mfa_deactivate_totp",
    "mfa_edit_webauthn",
    "mfa_generate_recovery_codes",
    "mfa_remove_webauthn",
}


def walk(resolver: URLResolver, prefix: str = "", name: str = "") -> Iterator[tuple[str, str, str]]:
    """Every address of the site: the name of its row, its own name, and its pattern."""
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from walk(pattern, path, "admin" if path.startswith("admin/") else name)
        else:
            assert isinstance(pattern, URLPattern)
            yield row_of(path, pattern.name or ""), pattern.name or "", path


def row_of(path: str, name: str) -> str:
    """One row for each kind of admin page, as models are alike; allauth's old addresses have no name."""
    if path.startswith(("admin/onboarding/", "admin/auth/")):
        return f"admin:{path.split('/', 3)[3].strip('/').split('/')[-1] or 'list'}"
    if path.startswith("admin/"):
        return f"admin:{name or 'anything-else'}"
    return name or path


ADDRESSES = list(walk(get_resolver()))


@dataclass(frozen=True, slots=True)
class World:
    # One for all, as it loads the middleware; its cookies say who is asking.
    client: Client
    sessions: dict[str, str]
    values: dict[str, dict[str, object]]

    def ask(self, visitor: str, method: str, path: str) -> HttpResponseBase:
        """One request, whose effects are undone."""
        session = self.sessions.get(visitor)
        self.client.cookies = SimpleCookie({"sessionid": session} if session else {})
        cache.clear()
        with undone():
            return self.client.generic(method, path, content_type="application/x-www-form-urlencoded")


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    """Made once, and undone after the last row."""
    logging.disable(logging.CRITICAL)
    with django_db_blocker.unblock(), override_settings(**LIGHT), undone():
        yield make_world()
    logging.disable(logging.NOTSET)


def make_world() -> World:
    users: dict[str, User] = {}
    for visitor in VISITORS:
        if visitor == "nobody":
            continue
        users[visitor] = User.objects.create_user(f"u{visitor}", f"{visitor}@example.org", PASSWORD)
        EmailAddress.objects.create(
            user=users[visitor], email=users[visitor].email, verified=visitor != "unconfirmed", primary=True
        )
        if visitor.rstrip("-") in StaffRole.values:
            Member.objects.create(user=users[visitor], role=visitor.rstrip("-"))
            is_superuser = visitor.startswith(StaffRole.SUPERUSER)
            User.objects.filter(pk=users[visitor].pk).update(is_staff=is_superuser, is_superuser=is_superuser)
    account = register(users["owner"], number=NUMBER, name="Ours", contact_email="owner@example.org")
    Ownership.objects.create(account=account, user=users["co-owner"], role=OwnershipRole.CO_OWNER)
    register(users["stranger"], number="999999999999", name="Theirs", contact_email="x@example.org")
    run = put_plan(hand_over_role(users["owner"], account, ROLE_ARN), make_plan())
    invitation = invite(users["owner"], account, "new@example.org")
    unowned = register_without_owner(
        users["operator"], number="222222222222", name="Whose?", contact_email="new@example.org"
    )
    asked = invite(users["operator"], unowned, "asked@example.org")
    notice = Notice.objects.filter(run=run).first()
    assert notice is not None
    Notice.objects.filter(pk=notice.pk).update(attempts=9)
    view = SavedView.objects.create(owner=users["operator"], name="Mine", query="")
    batch, _shape = judge_list(users["operator"], BytesIO(b"333333333333,New,n@example.org"), invite=False)
    sessions = {visitor: session_of(visitor, user) for visitor, user in users.items()}
    sessions.pop("unconfirmed")
    for visitor in ("owner", "superuser"):
        sessions[f"{visitor} an hour ago"] = session_of(visitor, users[visitor], seconds_ago=3600)
    factor = Authenticator.objects.filter(user=users["analyst"]).get()
    there = {
        "number": account.number,
        "run_id": run.pk,
        "user_id": users["co-owner"].pk,
        "invitation_id": invitation.pk,
        "asked_id": asked.pk,
        "notice_id": notice.pk,
        "batch_id": batch.pk,
        "view_id": view.pk,
        "stack": "roles",
        "token": "made-up",
        "pk": factor.pk,
        "key": "made-up",
        "uidb36": "1",
        "provider_id": "company",
        "content_type_id": 1,
        "object_id": "there",
        "app_label": "onboarding",
        "url": "made-up",
        "code": "unknown",
    }
    absent = there | {
        "number": "111111111111",
        "run_id": uuid4(),
        "user_id": 999_999,
        "invitation_id": 999_999,
        "asked_id": 999_999,
        "notice_id": 999_999,
        "batch_id": uuid4(),
        "view_id": 999_999,
    }
    return World(
        Client(), sessions, {"there": there, "absent": absent | {"object_id": 999_999, "pk": 999_999}}
    )


def session_of(visitor: str, user: User, *, seconds_ago: float = 0) -> str:
    client = Client()
    if visitor == "unconfirmed":
        # The only way to a session is through the sign-in page, and that gives them none.
        client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
        assert "_auth_user_id" not in client.session
        return ""
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    prove(client, user, second_factor=visitor in StaffRole.values, seconds_ago=seconds_ago)
    return str(client.session.session_key)


def address(pattern: str, values: dict[str, object]) -> str | None:
    """The pattern with its holes filled in; None where the admin shows a model of which there is none."""
    if (found := re.match(r"admin/(\w+)/(\w+)/<path:object_id>", pattern)) and values["object_id"] == "there":
        first = apps.get_model(found[1], found[2])._default_manager.first()
        if first is None:
            return None
        values = values | {"object_id": first.pk}
    pattern = re.sub(
        r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"<\1>", pattern.replace("^", "").replace("$", "")
    )
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda hole: str(values[hole[1]]), pattern).replace("\\", "")


def word(answer: HttpResponseBase) -> str:
    if answer.status_code == 200:
        return "ok"
    if answer.status_code not in {301, 302}:
        return str(answer.status_code)
    where = answer.headers["Location"]
    for begin, told in (
        ("/accounts/login/", "in"),
        ("/admin/login/", "in"),
        ("/second-factor/", "2f"),
        ("/accounts/reauthenticate/", "re"),
        ("/accounts/2fa/reauthenticate/", "re"),
    ):
        if where.startswith(begin):
            return told
    return "go"


def has_an_object(path: str) -> bool:
    """Whether the address names something that may belong to another, or not be there at all."""
    return any(
        f"{hole}>" in path
        for hole in (
            "number",
            "run_id",
            "user_id",
            "invitation_id",
            "asked_id",
            "notice_id",
            "batch_id",
            "view_id",
            "object_id",
            ":pk",
        )
    )


def patterns(row: str) -> list[str]:
    return [path for name, _own, path in ADDRESSES if name == row]


def test_every_address_has_its_rows() -> None:
    stated = {(method, row.removesuffix("/absent")) for method, row, *_ in ROWS}
    wanted = {(method, name) for name, _own, _path in ADDRESSES for method in ("GET", "POST")}
    assert wanted - stated == set(), "an address without a row: add it to doors.txt"
    assert stated - wanted == set(), "a row without an address: take it out of doors.txt"
    absent = {(method, row.removesuffix("/absent")) for method, row, *_ in ROWS if row.endswith("/absent")}
    with_object = {
        (method, name) for name, _own, path in ADDRESSES if has_an_object(path) for method in ("GET", "POST")
    }
    assert absent == with_object, "what names an object has a row for an absent one too"


def test_a_new_address_without_a_row_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ADDRESSES", [*ADDRESSES, ("made-up", "made-up", "made-up/")])
    with pytest.raises(AssertionError, match=r"add it to doors\.txt"):
        test_every_address_has_its_rows()


@pytest.mark.parametrize(
    "row", [row for row in ROWS if not row[1].startswith("events")], ids=lambda row: " ".join(row[:2])
)
def test_each_visitor_gets_the_answer_of_the_row(row: list[str], world: World) -> None:
    method, name, *expected = row
    there = "absent" if name.endswith("/absent") else "there"
    for path in patterns(name.removesuffix("/absent")):
        if (url := address(path, world.values[there])) is None:
            continue
        got = [word(world.ask(visitor, method, url)) for visitor in VISITORS]
        assert dict(zip(VISITORS, got, strict=True)) == dict(zip(VISITORS, expected, strict=True)), url


def test_who_may_not_see_can_not_tell_the_absent_from_the_others(world: World) -> None:
    rows = {(method, name): dict(zip(VISITORS, answers, strict=True)) for method, name, *answers in ROWS}
    for (method, name), absent in rows.items():
        if name.endswith("/absent") and not name.startswith("admin:"):
            there = rows[method, name.removesuffix("/absent")]
            for visitor in (
                "nobody",
                "unconfirmed",
                "stranger",
                *(each for each in VISITORS if each[-1] == "-"),
            ):
                assert there[visitor] == absent[visitor], (method, name, visitor)


def test_what_is_dangerous_asks_again_after_a_while(world: World) -> None:
    asks = set()
    for name, _own, path in ADDRESSES:
        for visitor in ("owner an hour ago", "superuser an hour ago"):
            for method in ("GET", "POST"):
                url = address(path, world.values["there"])
                if url is None or name == "events" or "reauthenticate" in name:
                    continue
                if word(world.ask(visitor, method, url)) == "re":
                    asks.add(name)
    assert asks == DANGEROUS
