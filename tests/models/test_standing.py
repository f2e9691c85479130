"""Does a summary always say what the tables it sums up say, whoever did what before?"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from io import BytesIO

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pytest_django import DjangoDbBlocker

from onboarding.engine import readings
from onboarding.engine.readings import Shown
from onboarding.models import (
    AccountSummary,
    AwsAccount,
    Batch,
    BatchKind,
    BatchLine,
    FleetDay,
    Invitation,
    Member,
    Ownership,
    Run,
    StaffRole,
    Tally,
    standing,
)
from onboarding.models.history import move_run, record
from onboarding.models.people import token_digest
from onboarding.models.recounting import recount
from onboarding.models.standing import LatestRun, coverage_of, standing_of
from onboarding.observed import Failure
from onboarding.services import (
    batches,
    bulk,
    cancelling,
    clusters,
    importing,
    invitations,
    ownership,
    retrying,
)
from onboarding.services.accounts import change_details, register
from onboarding.services.refusals import Refused
from onboarding.states import (
    AccountState,
    BlockedOn,
    FailureKind,
    RegionState,
    RunStatus,
    may_follow,
)

NOW = timezone.now()
REMEDIES = ("", "unknown", "not_logging", "no_first_log", "bucket_not_admitting")
REGIONS = ("eu-west-1", "us-east-1", "us-west-2")
FAILURE = Failure(FailureKind.DENIED, "AccessDenied", "no", request_id="req-1")


def run_in(status: RunStatus, reason: str = "", *, is_first: bool = True) -> LatestRun:
    return LatestRun(Run().pk, status, NOW, reason, is_first=is_first)


@pytest.mark.parametrize(
    ("run", "state", "blocked_on"),
    [
        (None, "not_started", "owner"),
        (run_in(RunStatus.DRAFT), "not_started", "owner"),
        (run_in(RunStatus.DRAFT, is_first=False), "waiting", "owner"),
        (run_in(RunStatus.SURVEYING), "working", "nobody"),
        (run_in(RunStatus.PLANNED), "waiting", "owner"),
        (run_in(RunStatus.NEEDS_OWNER, "unknown"), "waiting", "infosec"),
        (run_in(RunStatus.VERIFIED), "verified", "nobody"),
        (run_in(RunStatus.PARTLY_DONE, "not_logging"), "partly", "owner"),
        (run_in(RunStatus.FAILED, "unknown"), "failed", "infosec"),
        (run_in(RunStatus.FAILED, "a row that is no more"), "failed", "infosec"),
        (run_in(RunStatus.FAILED, "wrong_home_region"), "failed", "portal"),
        (run_in(RunStatus.CANCELLED, "cancelled_by_owner"), "cancelled", "owner"),
    ],
)
def test_where_an_account_stands_follows_from_its_latest_run(
    run: LatestRun | None, state: str, blocked_on: str
) -> None:
    found = standing_of(registered_at=NOW, has_owner=True, run=run)
    assert (found.state, found.blocked_on) == (state, blocked_on)


@pytest.mark.parametrize("status", RunStatus)
def test_every_status_of_a_run_has_a_standing(status: RunStatus) -> None:
    with_owner = standing_of(registered_at=NOW, has_owner=True, run=run_in(status))
    assert with_owner.state != AccountState.NO_OWNER
    without = standing_of(registered_at=NOW, has_owner=False, run=run_in(status))
    at_rest = {AccountState.WORKING, AccountState.VERIFIED}
    assert without.state in at_rest | {AccountState.NO_OWNER}
    assert (without.blocked_on == BlockedOn.INFOSEC) is (without.state not in at_rest)


@given(st.dictionaries(st.sampled_from(REGIONS), st.sampled_from(RegionState)))
def test_skipped_regions_are_not_counted_and_the_others_are_covered_or_not(
    states: dict[str, RegionState],
) -> None:
    found = coverage_of(states)
    assert found.regions_enabled == sum(state != RegionState.SKIPPED for state in states.values())
    assert found.regions_covered + found.regions_uncovered == found.regions_enabled
    assert dict(pair.split(":") for pair in found.regions.split()) == states


class Fleet(RuleBasedStateMachine):
    """People of every kind, workers and faults, in any order, on a few accounts."""

    def __init__(self) -> None:
        super().__init__()
        self.sandbox = transaction.atomic()
        self.sandbox.__enter__()
        self.users = [User.objects.create_user(f"u{n}", f"u{n}@example.org") for n in range(3)]
        for user in self.users:
            EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        self.operator = User.objects.create_user("operator", "operator@example.org")
        Member.objects.create(user=self.operator, role=StaffRole.OPERATOR)

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.sandbox.__exit__(None, None, None)

    @property
    def numbers(self) -> int:
        """Accounts are numbered from 1. A list whose worker died may yet bring some more."""
        return AwsAccount.objects.count()

    def accounts(self) -> list[AwsAccount]:
        return list(AwsAccount.objects.order_by("pk"))

    @rule(who=st.integers(0, 2))
    def somebody_registers(self, who: int) -> None:
        register(self.users[who], number=f"{self.numbers + 1:012}", name="IT", contact_email="it@example.org")

    @precondition(lambda self: self.numbers)
    @rule(which=st.integers(0, 9), who=st.integers(0, 2))
    def somebody_joins(self, which: int, who: int) -> None:
        account = self.accounts()[which % self.numbers]
        token = f"{which}{who}{Invitation.objects.count()}"
        Invitation.objects.filter(account=account, used_at=None).update(revoked_at=NOW)
        Invitation.objects.create(
            account=account,
            email=self.users[who].email,
            token_digest=token_digest(token),
            expires_at=timezone.now() + timedelta(days=1),
        )
        invitations.accept(self.users[who], token)

    @precondition(lambda self: self.numbers)
    @rule(which=st.integers(0, 9), by=st.integers(0, 2), who=st.integers(0, 2), hands_on=st.booleans())
    def owners_change(self, which: int, by: int, who: int, hands_on: bool) -> None:
        account = self.accounts()[which % self.numbers]
        act = ownership.hand_on if hands_on else ownership.remove
        try:
            act(self.users[by], account, self.users[who].pk)
        except Refused:
            return

    @precondition(lambda self: self.numbers)
    @rule(which=st.integers(0, 9))
    def an_owner_starts_again(self, which: int) -> None:
        account = self.accounts()[which % self.numbers]
        owner = account.ownerships.select_related("user").first()
        if owner is None:
            return
        try:
            retrying.start_again(owner.user, account)
        except Refused:
            return

    @precondition(lambda self: self.numbers)
    @rule(which=st.integers(0, 9), name=st.sampled_from(("IT", "Payments")))
    def an_owner_tells_another_name(self, which: int, name: str) -> None:
        account = self.accounts()[which % self.numbers]
        owner = account.ownerships.select_related("user").first()
        if owner is not None:
            change_details(owner.user, account, name=name, contact_email="new@example.org")

    @precondition(lambda self: Run.objects.open().exists())
    @rule(which=st.integers(0, 9))
    def an_owner_cancels(self, which: int) -> None:
        runs = list(Run.objects.open().order_by("created_at"))
        run = runs[which % len(runs)]
        owner = run.account.ownerships.select_related("user").first()
        if owner is None:
            return
        try:
            cancelling.cancel(owner.user, run)
        except Refused:
            return

    @rule(known=st.booleans(), dies=st.booleans())
    def infosec_takes_in_a_list(self, known: bool, dies: bool) -> None:
        numbers = [f"{self.numbers + n:012}" for n in ((0, 1, 2) if known and self.numbers else (1, 2))]
        listed = "".join(f"{number},From the list,u0@example.org\n" for number in numbers)
        batch, _shape = importing.judge_list(self.operator, BytesIO(listed.encode()), invite=True)
        self._carry_out(batch, dies=dies)

    @precondition(lambda self: self.numbers)
    @rule(kind=st.sampled_from((BatchKind.RETRY, BatchKind.REMIND, BatchKind.TAG)), dies=st.booleans())
    def infosec_acts_on_all(self, kind: BatchKind, dies: bool) -> None:
        ids = [account.pk for account in self.accounts()]
        self._carry_out(bulk.judge_accounts(self.operator, kind, ids, {"tag": "prod"}), dies=dies)

    def _carry_out(self, batch: Batch, *, dies: bool) -> None:
        """The worker that dies has done a chunk, and could not say so."""
        batches.confirm(self.operator, batch, batch.digest)

        def and_die(batch: Batch, by: User, lines: Sequence[BatchLine]) -> None:
            bulk.ACTS[BatchKind(batch.kind)](batch, by, lines)
            raise ConnectionError

        until = timezone.now() + timedelta(minutes=1)
        if dies:
            with suppress(ConnectionError):
                batches.work(dict.fromkeys(BatchKind, and_die), until)
            Batch.objects.update(lease_until=None)
        else:
            batches.work(bulk.ACTS, until)

    @rule(remedy=st.sampled_from(REMEDIES))
    def infosec_starts_a_cluster_again(self, remedy: str) -> None:
        clusters.retry_cluster(self.operator, remedy)

    @precondition(lambda self: Run.objects.open().exists())
    @rule(to=st.sampled_from(RunStatus), reason=st.sampled_from(REMEDIES), which=st.integers(0, 9))
    def a_run_moves(self, to: RunStatus, reason: str, which: int) -> None:
        runs = list(Run.objects.open().order_by("created_at"))
        run = runs[which % len(runs)]
        if may_follow(RunStatus(run.status), to):
            run.plan = {"blueprint_digest": "b" * 64}
            goes_by_hand = {"is_by_hand": True} if run.status == RunStatus.DRAFT else {}
            move_run(
                run,
                to,
                expect=[RunStatus(run.status)],
                reason_code=reason,
                failure=FAILURE if reason else None,
                plan=run.plan,
                **goes_by_hand,
            )

    @precondition(lambda self: Run.objects.exists())
    @rule(
        region=st.sampled_from(REGIONS),
        state=st.sampled_from(RegionState),
        marks=st.booleans(),
        which=st.integers(0, 9),
    )
    def a_region_is_read(self, region: str, state: RegionState, marks: bool, which: int) -> None:
        runs = list(Run.objects.order_by("created_at"))
        run = runs[which % len(runs)]
        if marks:
            readings.mark(run, region, state, reason_code="not_logging")
        else:
            readings.keep(run, [Shown(region, state)])

    @precondition(lambda self: Run.objects.exists())
    @rule(kind=st.sampled_from(("run.status", "owner.note")))
    def a_worker_breaks_in_the_middle(self, kind: str) -> None:
        run = Run.objects.first()
        assert run is not None
        with transaction.atomic():
            readings.keep(run, [Shown("us-east-1", RegionState.FAILED)])
            record(run.pk, kind, status=run.status)
            transaction.set_rollback(True)

    @rule()
    def the_ledger_is_folded(self) -> None:
        standing.fold_tally()

    @invariant()
    def nothing_has_drifted(self) -> None:
        assert list(recount(write=False)) == []


@pytest.mark.django_db
def test_counts_equal_a_recount_after_any_sequence_of_acts_and_faults(
    django_db_blocker: DjangoDbBlocker,
) -> None:
    case = Fleet.TestCase
    case.settings = settings(
        max_examples=15,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    case().runTest()


@pytest.fixture
def account(db: None) -> AwsAccount:
    owner = User.objects.create_user("owner", "owner@example.org")
    return register(owner, number="484535289196", name="IT", contact_email="it@example.org")


def test_recount_names_what_had_drifted_and_mends_it(
    account: AwsAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    AccountSummary.objects.update(state=AccountState.VERIFIED, name="another")
    with pytest.raises(CommandError, match=" had drifted; nothing was changed"):
        call_command("recount", "--check")
    assert AccountSummary.objects.get().state == AccountState.VERIFIED
    call_command("recount")
    said = capsys.readouterr().out
    assert "484535289196: state was 'verified', is AccountState.NOT_STARTED" in said
    call_command("recount", "--check")
    assert "Nothing had drifted." in capsys.readouterr().out
    assert AccountSummary.objects.get().state == AccountState.NOT_STARTED


def test_recount_mends_a_tally_that_lost_a_row(account: AwsAccount) -> None:
    Tally.objects.all().delete()
    call_command("recount", verbosity=0)
    assert [(row.state, row.accounts) for row in Tally.objects.all()] == [("not_started", 1)]


def test_an_account_that_no_summary_knows_is_summed_up_by_the_beat(account: AwsAccount) -> None:
    AccountSummary.objects.all().delete()
    Tally.objects.all().delete()
    assert standing.make_missing(10) == 1
    assert standing.make_missing(10) == 0
    assert list(recount(write=False)) == []


def test_a_changed_address_of_the_owner_is_followed(account: AwsAccount) -> None:
    User.objects.update(email="new@example.org")
    assert standing.follow_others(NOW) == 1
    assert standing.follow_others(NOW) == 0
    summary = AccountSummary.objects.get()
    assert summary.owner_email == "new@example.org"
    assert "new@example.org" in summary.search


def test_what_a_worker_of_the_version_before_moved_is_followed(account: AwsAccount) -> None:
    Run.objects.create(account=account, status=RunStatus.VERIFIED)
    now = timezone.now()
    assert standing.follow_others(now) == 1
    assert AccountSummary.objects.get().state == AccountState.VERIFIED
    assert standing.follow_others(now) == 0


def test_folding_leaves_the_sums_and_few_rows(account: AwsAccount) -> None:
    run = Run.objects.create(account=account)
    record(run.pk, "run.status", status=RunStatus.DRAFT)
    move_run(run, RunStatus.SURVEYING, expect=[RunStatus.DRAFT])
    assert Tally.objects.count() > 1
    standing.fold_tally()
    assert [(row.state, row.accounts) for row in Tally.objects.all()] == [("working", 1)]
    assert list(recount(write=False)) == []


def test_the_day_is_noted_again_as_it_goes_on(account: AwsAccount) -> None:
    standing.note_day(NOW.date())
    standing.note_day(NOW.date())
    day = FleetDay.objects.get()
    assert (day.accounts, day.verified, day.regions_enabled) == (1, 0, 0)
    assert Ownership.objects.count() == 1
