"""Do the plan, the live page and the owner's acts say the truth, and do what they say?"""

import dataclasses
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from onboarding.models import AwsAccount, RegionReading, Run
from onboarding.models.history import move_run, move_step, record
from onboarding.observed import Failure
from onboarding.services.approval import approve
from onboarding.services.cancelling import undo
from onboarding.states import FailureKind, RegionState, RunStatus, StepKind, StepStatus
from tests.services.conftest import PROTECTED, make_plan, put_plan
from tests.services.test_cancelling import created
from tests.surveys import right_survey
from tests.test_undoing import undoing
from tests.views.conftest import SignIn, consent


@pytest.fixture
def running(planned: Run, owner: User) -> Run:
    approve(owner, planned, planned.plan_digest)
    return planned


def page_of(browser: Client, run: Run) -> str:
    return browser.get(reverse("run", args=[run.pk])).text


def test_the_first_page_names_each_account_with_its_state_and_next_act(
    account: AwsAccount, planned: Run, browser: Client
) -> None:
    page = browser.get("/").text
    assert account.number in page
    assert "Plan ready to approve" in page
    assert reverse("plan", args=[planned.pk]) in page


def test_the_first_page_shows_nobody_elses_accounts(
    account: AwsAccount, stranger: User, staff: User, sign_in: SignIn
) -> None:
    assert account.number not in sign_in(stranger).get("/").text
    assert account.number in sign_in(staff).get("/fleet/accounts/").text


def test_the_plan_names_every_deletion_and_region_before_anything_happens(
    planned: Run, browser: Client
) -> None:
    page = browser.get(reverse("plan", args=[planned.pk])).text
    assert "Deletes 1 stack" in page
    assert "opsec-old" in page
    assert "Ireland (eu-west-1)" in page
    assert "InfosecClientRoles" in page
    for region in ("us-east-1", "us-west-2"):
        assert region in page
    assert f'name="digest" value="{planned.plan_digest}"' in page


def test_staff_read_the_plan_without_a_button(planned: Run, staff: User, sign_in: SignIn) -> None:
    page = sign_in(staff).get(reverse("plan", args=[planned.pk])).text
    assert "Only an owner of this account can approve" in page
    assert 'name="digest"' not in page


def test_approving_twice_has_one_effect(planned: Run, browser: Client) -> None:
    for _ in range(2):
        answer = browser.post(reverse("approve", args=[planned.pk]), consent(planned))
        assert answer.headers["Location"] == reverse("run", args=[planned.pk])
    planned.refresh_from_db()
    assert planned.status == RunStatus.RUNNING
    assert planned.events.filter(kind="plan.approved").count() == 1


def test_a_deletion_that_isnt_ticked_stops_the_approval_and_says_so_beside_it(
    planned: Run, browser: Client
) -> None:
    answer = browser.post(reverse("approve", args=[planned.pk]), {"digest": planned.plan_digest})
    assert answer.status_code == 200
    assert 'href="#tick-2"' in answer.text
    assert 'id="tick-2-error"' in answer.text
    planned.refresh_from_db()
    assert planned.status == RunStatus.PLANNED
    assert not planned.events.filter(kind="plan.approved").exists()


def test_a_tick_that_no_deletion_has_agrees_to_nothing(planned: Run, browser: Client) -> None:
    form = {"digest": planned.plan_digest, "tick": ["9" * 5_000, "x", "²", "-1", ""]}
    assert browser.post(reverse("approve", args=[planned.pk]), form).status_code == 200
    planned.refresh_from_db()
    assert planned.status == RunStatus.PLANNED


def test_what_was_ticked_stays_ticked_when_another_deletion_was_not(surveying: Run, browser: Client) -> None:
    plan = make_plan()
    removal = next(step for step in plan.steps if step.kind == StepKind.REMOVE_STACK)
    another = dataclasses.replace(removal, ordinal=99, region="eu-west-2", target="opsec-older")
    run = put_plan(surveying, dataclasses.replace(plan, steps=(*plan.steps, another)))
    page = browser.post(reverse("approve", args=[run.pk]), consent(run) | {"tick": ["99"]}).text
    assert re.search(r'id="tick-99"[^>]* checked', page)
    assert not re.search(r'id="tick-2"[^>]* checked', page)


def test_each_deletion_that_was_agreed_to_is_on_record(planned: Run, browser: Client) -> None:
    browser.post(reverse("approve", args=[planned.pk]), consent(planned))
    assert planned.events.get(kind="plan.approved").data["ticked"] == [2]


def test_the_approval_can_be_printed_with_who_when_and_what(
    planned: Run, browser: Client, owner: User
) -> None:
    before = browser.get(reverse("approval", args=[planned.pk])).text
    assert "Plan, not approved yet" in before
    assert "A signature here starts nothing" in before
    assert 'name="digest"' not in before
    browser.post(reverse("approve", args=[planned.pk]), consent(planned))
    after = browser.get(reverse("approval", args=[planned.pk])).text
    assert f"{owner.email} approved exactly this plan" in after
    assert planned.plan_digest in after
    assert "Each deletion was agreed to by itself." in after


def test_aws_words_are_shown_with_their_request_ids(planned: Run, browser: Client) -> None:
    url = reverse("aws-words", args=[planned.pk])
    assert "AWS has not been asked to change anything yet" in browser.get(url).text
    record(planned.pk, "aws.write", region="us-west-2", service="cloudformation", operation="CreateStack",
           stack="InfosecClientRoles", request_id="4f1c")  # fmt: skip
    record(planned.pk, "region.reading", region="eu-west-1", stack_status="CREATE_IN_PROGRESS")
    page = browser.get(url).text
    for words in ("cloudformation:CreateStack InfosecClientRoles", "4f1c", "CREATE_IN_PROGRESS", "eu-west-1"):
        assert words in page


def test_the_live_page_fetches_aws_words_where_they_are_asked_for(running: Run, browser: Client) -> None:
    """Opened by htmx; without it, what is opened holds the link to their own page."""
    page = page_of(browser, running)
    _before, _id, opened = page.partition('<details id="aws-words">')
    url = reverse("aws-words", args=[running.pk])
    assert f'hx-get="{url}" hx-trigger="toggle from:#aws-words" hx-select="#aws-lines"' in opened
    assert f'href="{url}"' in opened
    assert 'id="aws-lines"' in browser.get(url).text


def test_a_question_is_told_once_on_the_live_page(planned: Run, browser: Client) -> None:
    asking = make_plan(questions=(PROTECTED,)).as_json()
    Run.objects.filter(pk=planned.pk).update(
        status=RunStatus.NEEDS_OWNER, reason_code="owner_must_decide", plan=asking
    )
    page = page_of(browser, planned)
    assert "The portal found things of yours" in page
    assert "A question that only the owner can answer" not in page


def test_a_plan_that_changed_is_shown_again_and_not_started(planned: Run, browser: Client) -> None:
    answer = browser.post(reverse("approve", args=[planned.pk]), {"digest": "0" * 64}, follow=True)
    assert answer.redirect_chain[-1][0] == reverse("plan", args=[planned.pk])
    assert "The plan has changed since you opened it" in answer.text
    planned.refresh_from_db()
    assert planned.status == RunStatus.PLANNED


def test_the_plan_is_not_there_before_the_survey(surveying: Run, browser: Client) -> None:
    answer = browser.get(reverse("plan", args=[surveying.pk]))
    assert answer.headers["Location"] == reverse("run", args=[surveying.pk])


def test_a_draft_leads_to_the_hand_over(account: AwsAccount, owner: User, browser: Client) -> None:
    draft = Run.objects.create(account=account)
    answer = browser.get(reverse("run", args=[draft.pk]))
    assert answer.headers["Location"] == reverse("hand-over", args=[account.number])


def test_the_live_page_reloads_itself_without_javascript_until_the_run_is_settled(
    running: Run, browser: Client
) -> None:
    reload = '<noscript><meta http-equiv="refresh" content="5"></noscript>'
    page = page_of(browser, running)
    assert reload in page
    assert f'sse-connect="{reverse("events", args=[running.pk])}?after=' in page
    move_run(running, RunStatus.FAILED, expect=[RunStatus.RUNNING], reason_code="unknown")
    page = page_of(browser, running)
    assert reload not in page
    assert "sse-connect" not in page


def test_the_live_page_has_a_way_to_sign_in_for_when_its_stream_ends(running: Run, browser: Client) -> None:
    page = page_of(browser, running)
    path = reverse("run", args=[running.pk])
    assert "Not live any more" in page
    assert f'<a class="sign-in-again" href="{reverse("account_login")}?next={path}" hidden>' in page


def test_a_region_shows_its_stack_trail_last_log_and_age(
    running: Run, account: AwsAccount, browser: Client
) -> None:
    now = timezone.now()
    RegionReading.objects.create(
        account=account,
        region="us-east-1",
        state=RegionState.COVERED,
        stack_status="CREATE_COMPLETE",
        trail_arn="arn:aws:cloudtrail:us-east-1:484535289196:trail/Ours",
        is_logging=True,
        latest_delivery_at=now - timedelta(minutes=3),
        read_at=now,
    )
    page = page_of(browser, running)
    found = re.search(r'(?s)<tr id="row-us-east-1".*?</tr>', page)
    assert found is not None
    row = found[0]
    for told in ("CREATE_COMPLETE", "Ours", "Logging", "Covered", now.isoformat()):
        assert told in row
    assert 'id="cell-us-east-1" class="tone-good is-covered"' in page
    assert 'id="cell-us-west-2" class="tone-idle is-waiting"' in page
    assert "1 of 2" in page


def test_a_failed_region_says_why_with_aws_words_folded_away(running: Run, browser: Client) -> None:
    step = running.steps.get(kind=StepKind.REGION_TRAIL, region="us-east-1")
    failure = Failure(
        kind=FailureKind.QUOTA, code="MaximumNumberOfTrailsExceededException", message="<b>Too many</b>"
    )
    move_step(step, StepStatus.FAILED, reason_code="unknown", failure=failure)
    page = page_of(browser, running)
    assert '<details id="why-us-east-1">' in page
    assert "MaximumNumberOfTrailsExceededException" in page
    assert "<b>Too many</b>" not in page
    assert "1 failed" in page


ACTS = {
    RunStatus.SURVEYING: None,
    RunStatus.PLANNED: "plan",
    RunStatus.RUNNING: None,
    RunStatus.VERIFYING: None,
    RunStatus.VERIFIED: "logs",
    RunStatus.NEEDS_ACCESS: "hand-over",
    RunStatus.NEEDS_OWNER: "decide",
    RunStatus.PARTLY_DONE: "start-again",
    RunStatus.FAILED: "start-again",
    RunStatus.CANCELLING: "leave-as-is",
    RunStatus.CANCELLED: "start-again",
}


@pytest.mark.parametrize("status", sorted(set(RunStatus) - {RunStatus.DRAFT}))
def test_each_status_has_exactly_one_obvious_act(
    status: RunStatus, planned: Run, account: AwsAccount, browser: Client
) -> None:
    asking = make_plan(questions=(PROTECTED,)).as_json()
    Run.objects.filter(pk=planned.pk).update(status=status, plan=asking)
    page = page_of(browser, planned)
    acts = re.findall(r'id="next-act" href="([^"]+)"', page)
    name = ACTS[status]
    if name is None:
        assert acts == []
        assert "Nothing for you to do" in page
    else:
        arguments = [account.number] if name in {"hand-over", "start-again", "logs"} else [planned.pk]
        assert acts == [reverse(name, args=arguments)]
        assert browser.get(acts[0]).status_code == 200


def test_the_finished_page_shows_both_roles_and_what_is_left_to_do(running: Run, browser: Client) -> None:
    roles = {
        "SecurityAuditRoleArn": "arn:aws:iam::484535289196:role/audit-1",
        "IncidentResponseRoleArn": "arn:aws:iam::484535289196:role/response-1",
    }
    move_step(running.steps.get(kind=StepKind.DEPLOY_ROLES), StepStatus.FINISHED, outputs=roles)
    Run.objects.filter(pk=running.pk).update(status=RunStatus.VERIFIED)
    page = page_of(browser, running)
    for arn in roles.values():
        assert arn in page
    assert "What was proven, from outside" in page
    # The one next act stands above whatever there is to read.
    assert page.index('id="next-act"') < page.index('id="proven"') < page.index('id="clean-up"')
    assert "aws cloudformation delete-stack --region us-west-2 --stack-name InfosecOnboardingHandover" in page


def test_cancelling_asks_first_and_then_ends_the_run(planned: Run, browser: Client) -> None:
    cancel = reverse("cancel", args=[planned.pk])
    assert "Nothing was changed in your account" in browser.get(cancel).text
    planned.refresh_from_db()
    assert planned.status == RunStatus.PLANNED
    assert browser.post(cancel).headers["Location"] == reverse("run", args=[planned.pk])
    planned.refresh_from_db()
    assert planned.status == RunStatus.CANCELLED


def test_leaving_things_as_they_are_ends_a_cancelling_run(running: Run, browser: Client) -> None:
    browser.post(reverse("cancel", args=[running.pk]))
    running.refresh_from_db()
    assert running.status == RunStatus.CANCELLING
    browser.post(reverse("leave-as-is", args=[running.pk]))
    running.refresh_from_db()
    assert running.status == RunStatus.CANCELLED


def test_starting_again_makes_one_new_run(account: AwsAccount, planned: Run, browser: Client) -> None:
    browser.post(reverse("cancel", args=[planned.pk]))
    for _ in range(2):
        answer = browser.post(reverse("start-again", args=[account.number]))
        assert answer.headers["Location"] == reverse("hand-over", args=[account.number])
    assert account.runs.count() == 2


def test_an_open_run_is_not_started_again(account: AwsAccount, planned: Run, browser: Client) -> None:
    answer = browser.post(reverse("start-again", args=[account.number]), follow=True)
    assert "already running" in answer.text
    assert account.runs.count() == 1


def test_the_log_page_has_commands_with_everything_filled_in(account: AwsAccount, browser: Client) -> None:
    page = browser.get(reverse("logs", args=[account.number])).text
    assert f"arn:aws:iam::088944123687:role/CloudTrailLogReader{account.number}" in page
    assert f"s3://mozilla-cloudtrail-logs/AWSLogs/{account.number}/CloudTrail/" in page
    assert "--topic-arn arn:aws:sns:us-west-2:088944123687:MozillaCloudTrailLogs" in page


def test_the_log_page_takes_the_home_region_as_its_example_and_leads_back(
    running: Run, browser: Client
) -> None:
    for region in ("ap-south-1", "us-west-2"):
        RegionReading.objects.update_or_create(
            account=running.account,
            region=region,
            defaults={"state": RegionState.COVERED, "read_at": timezone.now()},
        )
    Run.objects.filter(pk=running.pk).update(home_region="us-west-2")
    page = browser.get(reverse("logs", args=[running.account.number])).text
    assert "/CloudTrail/us-west-2/" in page
    assert "ap-south-1" not in page
    assert f'href="{reverse("run", args=[running.pk])}"' in page


def test_an_account_that_is_already_right_is_said_to_be_so(surveying: Run, browser: Client) -> None:
    empty = make_plan(is_empty=True)
    move_run(
        surveying,
        RunStatus.PLANNED,
        expect=[RunStatus.SURVEYING],
        plan=empty.as_json(),
        plan_digest=empty.digest,
    )
    page = browser.get(reverse("plan", args=[surveying.pk])).text
    assert "Nothing has to be changed" in page
    assert "Approve, and verify" in page


def test_a_cancelled_run_that_created_something_asks_whether_to_undo_it(
    running: Run, account: AwsAccount, browser: Client
) -> None:
    cancelled_with_something_created(running, browser)
    page = page_of(browser, running)
    assert "Cancelled: leave it, or undo it?" in page
    choice = browser.get(reverse("leave-as-is", args=[running.pk])).text
    assert f'action="{reverse("undo", args=[running.pk])}"' in choice
    answer = browser.post(reverse("undo", args=[running.pk]))
    begun = account.runs.get(undoes=running)
    assert answer.headers["Location"] == reverse("run", args=[begun.pk])
    assert begun.status == RunStatus.SURVEYING


def test_the_plan_of_an_undoing_run_promises_no_trails_and_no_roles(
    running: Run, owner: User, browser: Client
) -> None:
    cancelled_with_something_created(running, browser)
    again = put_plan(undo(owner, running), undoing(right_survey()))
    for name in ("plan", "approval"):
        page = browser.get(reverse(name, args=[again.pk])).text
        assert "Deletes 2 stacks" in page
        assert "CloudTrail is on in every enabled region" not in page
        assert "What can infosec do afterwards?" not in page


def test_a_stranger_undoes_nothing(running: Run, browser: Client, stranger: User, sign_in: SignIn) -> None:
    cancelled_with_something_created(running, browser)
    assert sign_in(stranger).post(reverse("undo", args=[running.pk])).status_code == 404
    assert not Run.objects.filter(undoes=running).exists()


def test_undoing_what_is_not_being_cancelled_says_so(running: Run, browser: Client) -> None:
    answer = browser.post(reverse("undo", args=[running.pk]), follow=True)
    assert "There is nothing that could be undone here any more." in answer.text


def cancelled_with_something_created(run: Run, browser: Client) -> None:
    browser.post(reverse("cancel", args=[run.pk]))
    created(run)
