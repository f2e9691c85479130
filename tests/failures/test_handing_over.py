"""What goes wrong with what is handed over: told on the page, nothing written, and gone on from.

Each mistake is made at the browser as in tests/engine/test_hand_over_mistakes.py; here each is also held to
the state it must lead to and the one act that the page then offers.
"""

import pytest
from pytest_django.fixtures import Settings

from onboarding.engine.drive import drive
from onboarding.models import Grant, Run
from onboarding.states import RunStatus
from tests.engine.test_hand_over_mistakes import MISTAKES, Hands
from tests.failures.conftest import OwnerOf, Told, assert_told, browser_of, planned, run_page

S = RunStatus


@pytest.mark.parametrize("number", [1, 2, 18])
def test_refused_in_the_form(owner_of: OwnerOf, number: int) -> None:
    """Nothing is stored, no run begins, and AWS is asked nothing."""
    owner = owner_of()
    before = owner.cloud.last_request()
    mistake, words = next(row for name, row in MISTAKES.items() if name.startswith(f"{number} "))
    page = mistake(Hands(owner, browser_of(owner)))
    assert words[0] in page
    assert 'class="wrong"' in page
    assert "Hand over, and look at the account" in page
    assert not Run.objects.filter(account=owner.account).exists()
    assert not Grant.objects.filter(account=owner.account).exists()
    assert [each for each in owner.cloud.requests(after=before) if "portal" in each.user_agent] == []


@pytest.mark.parametrize(
    ("number", "reason_code", "words"),
    [
        (3, "wrong_account", ("That is another account", "register the other one")),
        (4, "own_account", ("Internal error", "Nothing was changed", "operators look into it")),
        (5, "expired_credentials", ("The credentials have expired", "we continue where we stopped")),
        (7, "invalid_credentials", ("AWS doesn't recognise these credentials", "InvalidClientTokenId")),
        (8, "incomplete_paste", ("isn't complete", "often at a line break", "SignatureDoesNotMatch")),
        (9, "clock_skew", ("A temporary problem on our side", "Your access is fine")),
        (10, "session_revoked", ("The session was revoked", "explicit deny")),
        (11, "session_without_mfa", ("This session was made without MFA", "--token-code")),
        (12, "federated_user", ("A federated user's session can't do this", "aws sts assume-role")),
        (13, "root_user", ("the root user's credentials", "They were destroyed, unused")),
        (14, "role_not_assumable", ("We can't assume", "or demands another ExternalId", "AccessDenied")),
        (15, "role_without_external_id", ("lets anybody in who has our name", "We don't keep such a role")),
        (16, "session_too_long", ("The role allows shorter sessions only", "to one hour")),
        (17, "sts_region_disabled", ("switched off in a region", "Activate STS for us-east-1")),
    ],
    ids=["3", "4", "5", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17"],
)
def test_found_out_before_anything_is_written(
    owner_of: OwnerOf, number: int, reason_code: str, words: tuple[str, ...]
) -> None:
    owner = owner_of()
    mistake, _words = next(row for name, row in MISTAKES.items() if name.startswith(f"{number} "))
    hands = Hands(owner, browser_of(owner))
    mistake(hands)
    run = hands.run()
    told = Told(S.NEEDS_ACCESS, reason_code, words, act="hand-over")
    page = assert_told(owner, run, told)
    assert "Nothing was changed in your account" in page.words
    assert not Grant.objects.filter(account=owner.account, destroyed_at=None).exists()
    assert not run.events.filter(kind="aws.write").exists()


@pytest.mark.parametrize("number", [19, 20])
def test_what_is_missing_is_named_all_at_once(owner_of: OwnerOf, number: int) -> None:
    owner = owner_of()
    mistake, words = next(row for name, row in MISTAKES.items() if name.startswith(f"{number} "))
    hands = Hands(owner, browser_of(owner))
    both_pages = mistake(hands)
    for each in words:
        assert each in both_pages
    told = Told(S.NEEDS_ACCESS, "missing_permissions", ("Permissions are missing",), act="rights")
    assert_told(owner, hands.run(), told)


def test_expired_while_a_stack_is_made(owner_of: OwnerOf) -> None:
    """6: the stack's id is kept, new credentials take it up where it stands, and it is not made twice."""
    owner = owner_of()
    run = planned(owner)
    owner.approve(run)
    faults: list[int] = []

    def expire_once_the_roles_are_asked_for(now: Run) -> None:
        if not faults and now.steps.filter(kind="deploy_roles").exclude(stack_id="").exists():
            faults.append(owner.cloud.fault(kind="expired", account=owner.account.number))

    owner.cloud.settings(durations={"AWS::IAM::Role": 200})
    try:
        run = drive(run.pk, expire_once_the_roles_are_asked_for)
    finally:
        owner.cloud.settings(durations={"AWS::IAM::Role": 8})
    roles = ("CreateStack", "us-west-2", "InfosecClientRoles")
    words = ("The access expired during the work", "we can't see it until you hand over access again")
    told = Told(S.NEEDS_ACCESS, "expired_while_working", words, act="hand-over", writes=(roles,))
    assert_told(owner, run, told)
    kept = run.steps.get(kind="deploy_roles").stack_id
    assert kept

    owner.cloud.clear_faults()
    run = drive(owner.hand_over_credentials().pk)
    parent = ("CreateStack", "us-west-2", "DeployCloudTrailCloudFormationStacks")
    assert_told(owner, run, Told(S.VERIFIED, act="logs", writes=(roles, parent)))
    assert run.steps.get(kind="deploy_roles").stack_id == kept


def test_a_fresh_role_is_waited_for(owner_of: OwnerOf, settings: Settings) -> None:
    """14: IAM takes its time; the owner is only asked when a minute's retries have been refused."""
    settings.CLOUD_POLL_SECONDS = 0.5
    owner = owner_of()
    number = owner.cloud.fault(
        kind="access-denied", service="sts", action="AssumeRole", account="777788889999", count=3
    )
    run = planned(owner, owner.hand_over_role())
    played = next(each["played"] for each in owner.cloud.faults() if each["number"] == number)
    assert played == 3
    told = Told(
        S.PLANNED,
        words=("The plan is ready",),
        act="plan",
        writes=(),
    )
    assert_told(owner, run, told)


def test_a_shorter_session_is_asked_for(owner_of: OwnerOf) -> None:
    """16: an hour refused, a quarter of an hour taken, nobody asked."""
    owner = owner_of()
    run = owner.hand_over_role()
    owner.cloud.fault(
        kind="refuse",
        service="sts",
        action="AssumeRole",
        code="ValidationError",
        message="The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        count=1,
    )
    assert_told(owner, planned(owner, run), Told(S.PLANNED, act="plan"))


def test_signing_in_needs_no_region_but_the_first(owner_of: OwnerOf) -> None:
    """17: every session is opened in us-east-1, which no account can switch off."""
    owner = owner_of()
    before = owner.cloud.last_request()
    run = owner.hand_over_role()
    owner.cloud.fault(
        kind="refuse",
        service="sts",
        region="[!u]*",
        code="RegionDisabledException",
        message="STS is not activated in this region for account",
        status=403,
    )
    assert_told(owner, planned(owner, run), Told(S.PLANNED, act="plan"))
    asked = [each for each in owner.cloud.requests(after=before) if each.action == "AssumeRole"]
    assert {each.region for each in asked} == {"us-east-1"}
    assert run_page(owner, run).words


def test_an_expiry_by_a_wrong_clock_is_not_the_owners(owner_of: OwnerOf) -> None:
    """9: the words blame the credentials, and the answer's date shows that it is our clock."""
    owner = owner_of()
    owner.cloud.fault(
        kind="clock-skew",
        skew_seconds=1200,
        account=owner.account.number,
        message="The request signature we calculated does not match the signature you provided.",
    )
    run = drive(owner.hand_over_credentials().pk)
    words = ("A temporary problem on our side", "Your access is fine")
    assert_told(owner, run, Told(S.NEEDS_ACCESS, "clock_skew", words, act="hand-over"))


def test_a_session_policy_is_named(owner_of: OwnerOf) -> None:
    """20: the simulator knows nothing of it; AWS's refusal everywhere does, before the first write."""
    owner = owner_of()
    for service in ("cloudformation", "cloudtrail"):
        owner.cloud.fault(
            kind="refuse",
            service=service,
            account=owner.account.number,
            code="AccessDenied" if service == "cloudformation" else "AccessDeniedException",
            message="User: x is not authorized to perform: cloudformation:ListStacks because no session "
            "policy allows the cloudformation:ListStacks action",
            status=403,
        )
    run = drive(owner.hand_over_credentials().pk)
    words = ("The session is narrower than the work", "make them without a session policy", "ListStacks")
    assert_told(owner, run, Told(S.NEEDS_ACCESS, "session_policy", words, act="hand-over"))
