"""Does the page that takes long lists take them from whom it should, and show what each line would do?"""

import asyncio
import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from onboarding.middleware.bodies import TICKET, Larger, SmallBodies
from onboarding.models import AwsAccount, Batch, Member, StaffRole
from onboarding.services.batches import work
from onboarding.services.bulk import ACTS
from tests.services.test_importing import LIST, long_list
from tests.services.test_invitations_by_infosec import operator
from tests.views.conftest import SignIn

__all__ = ["operator"]

PATH = "/fleet/import/"


def uploaded(text: str | bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("list.csv", text.encode() if isinstance(text, str) else text)


def work_now() -> None:
    work(ACTS, until=timezone.now() + timedelta(hours=1))


@pytest.mark.parametrize("way", ["pasted", "file"])
def test_a_list_is_judged_then_confirmed_then_taken_in(operator: User, sign_in: SignIn, way: str) -> None:
    client = sign_in(operator)
    judged = client.post(PATH, {way: LIST if way == "pasted" else uploaded(LIST)}, follow=True)
    assert "Will be done for 2 accounts" in judged.text
    assert "Spreadsheets drop leading zeros" in judged.text
    assert "12345" in judged.text
    assert not AwsAccount.objects.exists()
    batch = Batch.objects.get()
    working = client.post(f"/fleet/batches/{batch.pk}/confirm/", {"digest": batch.digest}, follow=True)
    assert "data-load-again" in working.text
    assert "Take in" not in working.text
    work_now()
    done = client.get(f"/fleet/batches/{batch.pk}/").text
    assert "Done for 2 accounts" in done
    assert "data-load-again" not in done
    assert AwsAccount.objects.count() == 2


def test_a_list_longer_than_any_form_is_taken_pasted_too(operator: User, sign_in: SignIn) -> None:
    text = long_list(1_900, 100)
    assert len(text) > 150_000
    answer = sign_in(operator).post(PATH, {"pasted": text, "invite": "on"}, follow=True)
    assert "Will be done for 1900 accounts" in answer.text
    assert "Their owners are asked by mail" in answer.text
    # The first hundred faulty lines, and no more on this page.
    assert answer.text.count('<th scope="row">') == 100


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "one of the two"),
        ({"pasted": LIST, "file": uploaded(LIST)}, "one of the two"),
        ({"file": uploaded(b"PK\x03\x04")}, "a spreadsheet’s own file can’t be read"),
        ({"file": uploaded(b"\xff\xfe\x00")}, "It is not text"),
        ({"pasted": "number,name,account\n"}, "names a column twice. account"),
    ],
)
def test_what_is_no_list_is_said_at_the_field(
    operator: User, sign_in: SignIn, data: dict[str, Any], said: str
) -> None:
    assert said in sign_in(operator).post(PATH, data).text
    assert not Batch.objects.exists()


def test_the_lines_not_done_come_as_a_list_that_no_spreadsheet_runs(operator: User, sign_in: SignIn) -> None:
    client = sign_in(operator)
    client.post(PATH, {"pasted": f'{LIST}000000000009,"=1+1",a@example.org\n'})
    answer = client.get(f"/fleet/batches/{Batch.objects.get().pk}/not-done.csv")
    rows = list(csv.reader(io.StringIO(answer.getvalue().decode())))
    assert [row[0] for row in rows] == ["line", "4", "5"]
    assert rows[2][3] == "'=1+1"


def test_a_colleagues_batch_is_not_there(operator: User, stranger: User, sign_in: SignIn) -> None:
    Member.objects.create(user=stranger, role=StaffRole.SUPERUSER)
    sign_in(operator).post(PATH, {"pasted": LIST})
    batch = Batch.objects.get()
    client = sign_in(stranger)
    for path in ("", "not-done.csv"):
        assert client.get(f"/fleet/batches/{batch.pk}/{path}").status_code == 404
    assert client.post(f"/fleet/batches/{batch.pk}/confirm/", {"digest": batch.digest}).status_code == 404
    work_now()
    assert not AwsAccount.objects.exists()


def test_a_wrong_or_old_digest_does_nothing(operator: User, sign_in: SignIn) -> None:
    client = sign_in(operator)
    client.post(PATH, {"pasted": LIST})
    batch = Batch.objects.get()
    answer = client.post(f"/fleet/batches/{batch.pk}/confirm/", {"digest": "0" * 64}, follow=True)
    assert "Judge it again" in answer.text


def test_the_form_needs_its_token(operator: User) -> None:
    from tests.views.conftest import prove

    client = Client(enforce_csrf_checks=True)
    client.force_login(operator)
    prove(client, operator, second_factor=True)
    assert client.post(PATH, {"pasted": LIST}).status_code == 403
    assert not Batch.objects.exists()
    token = client.get(PATH).cookies["csrftoken"].value
    assert client.post(PATH, {"pasted": LIST, "csrfmiddlewaretoken": token}).status_code == 302


def test_a_list_beyond_the_limit_is_refused_whole(
    operator: User, sign_in: SignIn, settings: Settings
) -> None:
    settings.IMPORT_MOST_BYTES = 1_000
    assert sign_in(operator).post(PATH, {"pasted": long_list(50, 0)}).status_code == 400


def knock(cookie: str, path: str = PATH, size: int = 50) -> int:
    """The status at the door for a body of that size, where 10 bytes is the limit and 100 the larger one."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"x" * size, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    door = SmallBodies(application, most_bytes=10, larger=Larger(PATH, 100))
    headers = [(b"cookie", cookie.encode()), (b"content-length", str(size).encode())]
    with asyncio.Runner() as runner:
        runner.run(door({"type": "http", "path": path, "headers": headers}, receive, send))
    status: int = sent[0]["status"]
    return status


def test_the_door_lets_a_large_body_in_for_this_page_and_who_was_shown_it(
    operator: User, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = sign_in(operator).get(PATH).cookies[TICKET]
    ticket = f"{TICKET}={given.value}"
    assert (given["path"], given["httponly"], given["samesite"]) == (PATH, True, "Strict")
    assert knock(f"a=b; {ticket}") == 200
    assert knock(ticket, size=101) == 413
    assert knock(ticket, path="/register/") == 413
    for cookie in ("", "a=b", f"{ticket}x", f"{TICKET}=1:made:up", "\x00;=;;"):
        assert knock(cookie) == 413
    import time

    later = time.time() + 3_700
    monkeypatch.setattr(time, "time", lambda: later)
    assert knock(ticket) == 413


def test_an_analyst_gets_no_ticket(staff: User, sign_in: SignIn) -> None:
    answer = sign_in(staff).get(PATH)
    assert answer.status_code == 404
    assert TICKET not in answer.cookies
