"""Does an account's page lead to what was done in the account?"""

from django.test import Client

from onboarding.fleet.history import history_of
from onboarding.models import AccountNote, AccountSummary, AccountTag
from onboarding.states import AccountState


def test_an_accounts_history_names_its_runs_hand_overs_and_stacks(fleet: None, watching: Client) -> None:
    summary = AccountSummary.objects.filter(state=AccountState.VERIFIED)[0]
    history = history_of(summary.account)
    assert all((history.runs, history.grants, history.stacks))
    page = watching.get(f"/fleet/accounts/{summary.number}/history/").text
    for run in history.runs:
        assert f"/runs/{run.pk}/" in page
    for stack in history.stacks:
        assert stack.stack_id in page
    assert page.count('scope="row"') == len(history.runs) + len(history.grants) + len(history.stacks)


def test_an_account_in_which_nothing_was_done_says_so(fleet: None, watching: Client) -> None:
    summary = AccountSummary.objects.filter(latest_run=None)[0]
    page = watching.get(f"/fleet/accounts/{summary.number}/history/").text
    for words in ("No run yet.", "Nothing was handed over yet.", "No stack is known yet."):
        assert words in page


def test_an_accounts_page_leads_there(fleet: None, watching: Client) -> None:
    for state in AccountState:
        number = AccountSummary.objects.filter(state=state)[0].number
        page = watching.get(f"/fleet/accounts/{number}/").text
        assert f'href="/fleet/accounts/{number}/history/"' in page


def test_an_account_shows_its_tags_notes_and_who_looks_after_it(fleet: None, watching: Client) -> None:
    account = AccountSummary.objects.all()[0].account
    AccountTag.objects.create(account=account, name="prod")
    AccountNote.objects.create(account=account, text="Ask the <team> first.")
    page = watching.get(f"/fleet/accounts/{account.number}/").text
    assert 'href="/fleet/accounts/?tag=prod"' in page
    assert "Ask the &lt;team&gt; first." in page
