"""Forms are limited in number and size, whoever sends them and however many processes count."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from demo.processes import Processes
from demo.stack import start_redis
from onboarding.middleware.bodies import SmallBodies
from onboarding.models import AwsAccount, Grant
from tests.views.conftest import SignIn


def send_until_refused(send: Callable[[], Any], *, at_most: int) -> tuple[int, Any]:
    """How many were let in, and the first refusal."""
    for count in range(at_most):
        answer = send()
        if answer.status_code == 429:
            return count, answer
    raise AssertionError(f"{at_most} forms were let in.")


def test_pastes_are_limited_and_the_refusal_says_what_to_do(account: AwsAccount, browser: Client) -> None:
    url = reverse("hand-over-credentials", args=[account.number])
    count, refusal = send_until_refused(lambda: browser.post(url, {"pasted": "nothing"}), at_most=11)
    assert count == 10
    assert "That was too often" in refusal.text
    assert refusal.headers["Retry-After"] == "60"
    assert browser.get(url).status_code == 200


def test_a_form_without_a_limit_of_its_own_is_limited_too(account: AwsAccount, browser: Client) -> None:
    url = reverse("start-again", args=[account.number])
    count, _ = send_until_refused(lambda: browser.post(url), at_most=61)
    assert count == 60


def test_trying_account_numbers_out_ends_soon(browser: Client) -> None:
    numbers = iter(range(100_000_000_000, 100_000_000_100))
    count, _ = send_until_refused(
        lambda: browser.post(
            reverse("register"), {"number": str(next(numbers)), "name": "x", "contact_email": "x@example.org"}
        ),
        at_most=21,
    )
    assert count == 20


def test_one_persons_limit_is_not_anothers(
    account: AwsAccount, owner: User, stranger: User, sign_in: SignIn
) -> None:
    url = reverse("register")
    first, second = sign_in(owner), sign_in(stranger)
    send_until_refused(lambda: first.post(url), at_most=21)
    assert second.post(url).status_code == 200


@pytest.mark.django_db
def test_a_visitors_forms_are_limited_by_address(client: Client) -> None:
    count, _ = send_until_refused(lambda: client.post("/accounts/login/", {"login": "x"}), at_most=61)
    assert count <= 60
    assert client.post("/accounts/login/", {"login": "x"}, REMOTE_ADDR="10.0.0.7").status_code == 200


@pytest.mark.django_db
def test_a_forged_address_does_not_lift_the_limit(client: Client, settings: Settings) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    forged = (f"10.0.0.{number}, 192.0.2.1" for number in range(70))
    send_until_refused(
        lambda: client.post("/accounts/login/", {"login": "x"}, headers={"X-Forwarded-For": next(forged)}),
        at_most=61,
    )


def test_processes_count_together_in_redis_and_losing_it_lets_everybody_in(
    tmp_path: Path, settings: Settings
) -> None:
    count = (
        "import django; django.setup(); from django.core.cache import cache;"
        "print(cache.get('hits', []), cache.add('once', True, 60)); cache.set('hits', [1.5], 60)"
    )
    with Processes(tmp_path / "logs") as processes:
        url = start_redis(processes, tmp_path)

        def another_process() -> str:
            environment = {"DJANGO_SETTINGS_MODULE": "portal.settings", "REDIS_URL": url, "PATH": "/usr/bin"}
            return subprocess.run(
                [sys.executable, "-c", count], env=environment, text=True, capture_output=True, check=True
            ).stdout.strip()

        assert [another_process(), another_process()] == ["[] True", "[1.5] False"]
        assert another_process() == "[1.5] False"
    settings.CACHES = {"default": {"BACKEND": "portal.cache.ForgivingRedisCache", "LOCATION": url}}
    assert cache.get("hits", "gone") == "gone"
    assert cache.add("once", 1) is True
    cache.set("hits", 1)
    assert cache.delete("hits") is False


def test_what_redis_holds_is_never_unpickled(tmp_path: Path, settings: Settings) -> None:
    import pickle

    import redis

    with Processes(tmp_path / "logs") as processes:
        url = start_redis(processes, tmp_path)
        settings.CACHES = {
            "default": {
                "BACKEND": "portal.cache.ForgivingRedisCache",
                "LOCATION": url,
                "OPTIONS": {"serializer": "portal.cache.JsonSerializer"},
            }
        }
        redis.Redis.from_url(url).set(":1:hits", pickle.dumps([1.5]))
        assert cache.get("hits", "refused") == "refused"


@pytest.mark.parametrize("field", ["pasted", "unknown"])
def test_a_body_larger_than_any_form_is_refused(field: str, account: AwsAccount, browser: Client) -> None:
    url = reverse("hand-over-credentials", args=[account.number])
    assert browser.post(url, {field: "A" * 100_001}).status_code == 400
    assert not Grant.objects.exists()


def test_too_many_fields_and_any_file_are_refused(
    account: AwsAccount, browser: Client, tmp_path: Path
) -> None:
    url = reverse("register")
    assert browser.post(url, {f"field{number}": "x" for number in range(130)}).status_code == 400
    file = tmp_path / "file"
    file.write_text("x")
    with file.open("rb") as opened:
        assert browser.post(url, {"file": opened}).status_code == 400


async def _ask(messages: list[dict[str, Any]], headers: list[tuple[bytes, bytes]]) -> tuple[int, bytes, int]:
    """The status, the body that the application saw, and how many parts were taken from the network."""
    sent: list[Any] = []
    seen = b""
    waiting = list(messages)

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        nonlocal seen
        more = True
        while more:
            message = await receive()
            seen += message.get("body", b"")
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    await SmallBodies(application, most_bytes=10)({"type": "http", "headers": headers}, receive, send)
    return sent[0]["status"], seen, len(messages) - len(waiting)


def part(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.mark.parametrize(
    ("messages", "headers", "expected"),
    [
        ([part(b"")], [], (200, b"", 1)),
        ([part(b"01234", more=True), part(b"56789")], [], (200, b"0123456789", 2)),
        ([part(b"01234", more=True), part(b"567890", more=True), part(b"x")], [], (413, b"", 2)),
        ([part(b"0")], [(b"content-length", b"11")], (413, b"", 0)),
        ([part(b"0")], [(b"content-length", b"nonsense")], (200, b"0", 1)),
    ],
)
def test_a_body_too_large_is_refused_at_the_door_before_the_rest_is_read(
    messages: list[dict[str, Any]], headers: list[tuple[bytes, bytes]], expected: tuple[int, bytes, int]
) -> None:
    with asyncio.Runner() as runner:
        assert runner.run(_ask(messages, headers)) == expected
