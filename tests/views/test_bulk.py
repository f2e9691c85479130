"""What does infosec do from the list of accounts and from an account's page?"""

import csv
import io

import pytest
from django.contrib.auth.models import User

from onboarding.models import AuditRecord, AwsAccount, Batch, LineState, Member, SavedView, StaffRole
from onboarding.models.audit import AuditKind
from onboarding.services import desk
from onboarding.services.accounts import register
from tests.services.test_invitations_by_infosec import operator
from tests.views.conftest import SignIn

__all__ = ["operator"]

LIST = "/fleet/accounts/"


@pytest.fixture
def accounts(owner: User) -> list[AwsAccount]:
    return [
        register(owner, number=f"{n:012}", name=f"=cmd{n}", contact_email="o@example.org")
        for n in range(1, 6)
    ]


def numbers(batch: Batch) -> list[str]:
    return list(batch.lines.values_list("number", flat=True))


def test_the_ticked_ones_are_judged_and_confirmed(
    operator: User, accounts: list[AwsAccount], sign_in: SignIn
) -> None:
    client = sign_in(operator)
    ticked = {"number": [accounts[0].number, accounts[2].number], "act": "tag", "tag": "prod", "query": ""}
    page = client.post(f"{LIST}bulk/", ticked, follow=True)
    assert "Will be done for 2 accounts" in page.text
    assert numbers(Batch.objects.get()) == [accounts[0].number, accounts[2].number]
    assert not accounts[0].tags.exists()


def test_all_that_match_are_meant_whatever_is_ticked(
    operator: User, accounts: list[AwsAccount], sign_in: SignIn
) -> None:
    desk.tag(operator, accounts[:3], "prod")
    client = sign_in(operator)
    client.post(f"{LIST}bulk/", {"all": "1", "query": "?tag=prod", "act": "remind", "number": "x"})
    assert numbers(Batch.objects.get()) == [account.number for account in accounts[:3]]
    shown = client.get(f"{LIST}?tag=prod&column=tags&column=assigned").text
    assert shown.count('<span class="tag">prod</span>') == 3
    assert client.get(f"{LIST}?assigned=nobody&tag=prod").text.count('name="number"') == 3


def test_nothing_selected_or_an_unknown_act_does_nothing(
    operator: User, accounts: list[AwsAccount], sign_in: SignIn
) -> None:
    client = sign_in(operator)
    for data in ({"act": "remind"}, {"act": "import", "all": "1"}, {"act": "made-up", "all": "1"}):
        assert "Tick the accounts first" in client.post(f"{LIST}bulk/", data, follow=True).text
    refused = client.post(f"{LIST}bulk/", {"act": "tag", "tag": "no tag", "all": "1"}, follow=True)
    assert "A tag has up to 40" in refused.text
    assert not Batch.objects.exists()


def test_an_export_is_a_list_that_no_spreadsheet_runs_and_is_on_record(
    operator: User, accounts: list[AwsAccount], sign_in: SignIn
) -> None:
    answer = sign_in(operator).post(f"{LIST}bulk/", {"act": "export", "all": "1"})
    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode())))
    assert [row["number"] for row in rows] == [account.number for account in accounts]
    assert rows[0]["name"] == "'=cmd1"
    assert AuditRecord.objects.filter(kind=AuditKind.LIST_EXPORTED, actor_id=operator.pk).exists()


def test_an_analyst_sees_the_list_without_its_acts(
    staff: User, accounts: list[AwsAccount], sign_in: SignIn
) -> None:
    client = sign_in(staff)
    assert "With the selected accounts" not in client.get(LIST).text
    page = client.get(f"{LIST}{accounts[0].number}/").text
    assert "Owners see none of this" in page
    assert "/desk/" not in page
    assert client.post(f"{LIST}bulk/", {"act": "remind", "all": "1"}).status_code == 404
    assert client.post(f"{LIST}{accounts[0].number}/desk/", {"act": "note", "text": "x"}).status_code == 404


def test_tags_notes_and_who_looks_after_it_on_the_accounts_page(
    operator: User, staff: User, accounts: list[AwsAccount], sign_in: SignIn
) -> None:
    client, page = sign_in(operator), f"{LIST}{accounts[0].number}/"
    for data, said in (
        ({"act": "tag", "tag": "Prod"}, "Tagged."),
        ({"act": "assign", "user": staff.pk}, "Assigned."),
        ({"act": "note", "text": "<b>Call Ann</b>"}, "The note is written."),
        ({"act": "note", "text": ""}, "Write something"),
        ({"act": "tag", "tag": "no tag"}, "A tag has up to 40"),
        ({"act": "remind"}, "on its way"),
        ({"act": "remind"}, "There is nobody who could go on"),
    ):
        assert said in client.post(f"{page}desk/", data, follow=True).text
    text = client.get(page).text
    assert "&lt;b&gt;Call Ann" in text
    assert f'<option value="{staff.pk}" selected>' in text
    assert "?tag=prod" in text
    client.post(f"{page}desk/", {"act": "untag", "tag": "prod"})
    assert not accounts[0].tags.exists()


def test_an_owner_sees_nothing_of_the_desk(
    operator: User, owner: User, accounts: list[AwsAccount], sign_in: SignIn
) -> None:
    desk.note(operator, accounts[0], "Between us")
    desk.tag(operator, accounts, "troublesome")
    client = sign_in(owner)
    for path in ("/", f"/aws/{accounts[0].number}/people/", f"/aws/{accounts[0].number}/audit/"):
        text = client.get(path).text
        assert "Between us" not in text
        assert "troublesome" not in text


def test_a_view_keeps_filters_order_and_columns_and_nothing_else(
    operator: User, stranger: User, accounts: list[AwsAccount], sign_in: SignIn
) -> None:
    client = sign_in(operator)
    query = "?state=failed&column=tags&sort=name&evil=javascript:1&after=x"
    client.post(f"{LIST}views/", {"name": "Stuck", "query": query, "shared": "1"})
    view = SavedView.objects.get()
    assert view.query == "?state=failed&sort=name&column=tags"
    assert f'href="{LIST}{view.query.replace("&", "&amp;")}"' in client.get(LIST).text
    Member.objects.create(user=stranger, role=StaffRole.ANALYST)
    colleague = sign_in(stranger)
    assert "Stuck" in colleague.get(LIST).text
    colleague.post(f"{LIST}views/{view.pk}/forget/")
    assert SavedView.objects.exists()
    client.post(f"{LIST}views/{view.pk}/forget/")
    assert not SavedView.objects.exists()


def test_the_page_says_to_how_many_it_applies_and_why_not_to_the_others(
    operator: User, accounts: list[AwsAccount], sign_in: SignIn
) -> None:
    client = sign_in(operator)
    page = client.post(f"{LIST}bulk/", {"act": "retry", "all": "1"}, follow=True).text
    assert "Will be done for 0 accounts" in page
    assert "its owner has still to hand it over" in page
    assert Batch.objects.get().lines.filter(state=LineState.FAULTY).count() == 5


def test_each_number_of_a_batch_leads_to_as_many_lines(
    operator: User, accounts: list[AwsAccount], sign_in: SignIn
) -> None:
    desk.tag(operator, accounts[:2], "prod")
    client = sign_in(operator)
    ticked = {"number": [account.number for account in accounts], "act": "tag", "tag": "prod", "query": ""}
    page = client.post(f"{LIST}bulk/", ticked, follow=True)
    address = page.redirect_chain[-1][0]
    for state, number in ((LineState.APPLIES, 3), (LineState.KNOWN, 2)):
        assert f'<a href="?lines={state}#lines">{number}</a>' in page.text
        lines = client.get(f"{address}?lines={state}").text
        assert lines.count("/fleet/accounts/0000000000") == number
    assert client.get(f"{address}?lines=made-up").status_code == 200
