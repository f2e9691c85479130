"""Owners read their account's part, auditors all of it, nobody else any; and both can take it away."""

import json
from collections.abc import AsyncIterator
from typing import cast

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.http import StreamingHttpResponse
from django.test import Client
from django.urls import reverse

from onboarding.models import AuditRecord, AwsAccount, Member, Run, StaffRole, audit
from onboarding.views import audit as page
from tests.views.conftest import SignIn


@pytest.fixture
def auditor(db: None) -> User:
    user = User.objects.create_user("auditor", "auditor@example.org")
    Member.objects.create(user=user, role=StaffRole.AUDITOR)
    return user


def lines_of(client: Client, name: str, *words: str) -> list[dict[str, object]]:
    answer = client.get(reverse(name, args=words))
    assert answer.status_code == 200, answer
    assert answer.headers["Content-Type"] == "application/jsonl; charset=utf-8"
    assert "attachment" in answer.headers["Content-Disposition"]

    async def gather() -> bytes:
        parts = cast("AsyncIterator[bytes]", cast("StreamingHttpResponse", answer).streaming_content)
        return b"".join([part async for part in parts])

    return [json.loads(line) for line in async_to_sync(gather)().splitlines()]


def test_an_owner_reads_what_happened_to_their_account(
    account: AwsAccount, planned: Run, browser: Client
) -> None:
    audit.append("plan.approved", account_id=account.pk + 1, digest="another account's")
    answer = browser.get(reverse("account-audit", args=[account.number]))
    assert "Registered the account" in answer.text
    assert "Handed over access" in answer.text
    assert "owner@example.org" in answer.text
    assert "another account" not in answer.text
    assert "not yet sealed" in answer.text


def test_an_owner_sees_no_addresses_and_an_auditor_does(
    account: AwsAccount, browser: Client, auditor: User, sign_in: SignIn
) -> None:
    audit.append("plan.approved", account_id=account.pk, ip="192.0.2.77")
    url = reverse("account-audit", args=[account.number])
    assert "192.0.2.77" not in browser.get(url).text
    assert "192.0.2.77" in sign_in(auditor).get(url).text


def test_an_auditor_reads_everything(account: AwsAccount, auditor: User, sign_in: SignIn) -> None:
    text = sign_in(auditor).get(reverse("audit")).text
    assert "Signed in" in text
    assert "Registered the account" in text
    assert reverse("account-audit", args=[account.number]) in text


def test_an_auditor_without_a_second_factor_is_led_to_one(account: AwsAccount, auditor: User) -> None:
    client = Client()
    client.force_login(auditor)
    for url in (reverse("audit"), reverse("account-audit", args=[account.number])):
        answer = client.get(url)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith(reverse("second-factor"))


@pytest.mark.parametrize("name", ["audit", "audit-export"])
def test_the_whole_log_is_not_there_for_anybody_else(
    name: str, owner: User, stranger: User, staff: User, sign_in: SignIn
) -> None:
    for user in (owner, stranger, staff):
        assert sign_in(user).get(reverse(name)).status_code == 404


def test_pages_follow_each_other_without_doubles_while_the_log_grows(
    account: AwsAccount, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "RECORDS_PER_PAGE", 4)
    for number in range(10):
        audit.append("test.written", account_id=account.pk, mark=f"mark-{number:02}")
    url, seen = reverse("account-audit", args=[account.number]), []
    answer = browser.get(url)
    while True:
        seen += [f"mark-{number:02}" for number in reversed(range(10)) if f"mark-{number:02}" in answer.text]
        if 'rel="next"' not in answer.text:
            break
        audit.append("test.written", account_id=account.pk, mark="later")
        answer = browser.get(url + "?" + answer.text.partition(chr(34) + "?")[2].partition(chr(34))[0])
    assert seen == [f"mark-{number:02}" for number in reversed(range(10))]


@pytest.mark.parametrize("before", ["x", "-1", "9" * 30, "٣"])
def test_a_made_up_place_shows_the_newest(account: AwsAccount, browser: Client, before: str) -> None:
    answer = browser.get(reverse("account-audit", args=[account.number]), {"before": before})
    assert answer.status_code == 200
    assert "Registered the account" in answer.text


@pytest.mark.django_db(transaction=True)
def test_an_owner_takes_their_part_away_as_json_lines(
    account: AwsAccount, planned: Run, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onboarding.audit.export.CHUNK", 2)
    lines = lines_of(browser, "account-audit-export", account.number)
    assert [line["kind"] for line in lines][:3] == [
        "account.registered",
        "run.opened",
        "grant.received",
    ]
    assert lines[-1]["kind"] == "audit.exported"
    assert {line["account"] for line in lines} == {account.number}
    assert not any("ip" in line for line in lines)


@pytest.mark.django_db(transaction=True)
def test_an_auditor_takes_everything_away(account: AwsAccount, auditor: User, sign_in: SignIn) -> None:
    lines = lines_of(sign_in(auditor), "audit-export")
    assert len(lines) == AuditRecord.objects.count()
    assert all("ip" in line for line in lines)


def test_what_is_in_a_record_is_shown_as_text(account: AwsAccount, browser: Client) -> None:
    audit.append("test.written", account_id=account.pk, name="<script>alert(1)</script>")
    text = browser.get(reverse("account-audit", args=[account.number])).text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


def test_a_long_record_says_first_what_it_was_about(account: AwsAccount, browser: Client) -> None:
    audit.append(
        "aws.write",
        account_id=account.pk,
        operation="CreateStack",
        region="us-west-2",
        stack="OurRoles",
        token="t-1",
    )
    text = browser.get(reverse("account-audit", args=[account.number])).text
    assert "CreateStack · OurRoles · us-west-2" in text
    assert "<dt>token</dt><dd>t-1</dd>" in text


@pytest.mark.parametrize(("name", "place"), [("hand-over", "page"), ("hand-over-template", "template")])
def test_whoever_sees_the_external_id_is_on_record(
    name: str, place: str, account: AwsAccount, owner: User, browser: Client
) -> None:
    assert browser.get(reverse(name, args=[account.number])).status_code == 200
    record = AuditRecord.objects.get(kind="external_id.viewed")
    assert (record.actor_id, record.account_id) == (owner.pk, account.pk)
    assert record.data["place"] == place
    assert account.external_id not in record.details
