"""Workers die, answers get lost, two drive at once, owners change their minds: one run, one effect."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections
from django.utils import timezone

from onboarding.engine.drive import drive
from onboarding.models import Run, WorkItem
from onboarding.services import cancelling
from onboarding.states import RunStatus, StepKind, StepStatus
from tests.engine.conftest import Owner
from tests.stand_in import ROOT

OwnerOf = Callable[..., Owner]


def planned(owner: Owner) -> Run:
    run = drive(owner.hand_over_credentials().pk)
    assert run.status == RunStatus.PLANNED, (run.reason_code, run.failure)
    return run


def assert_made_once(owner: Owner) -> None:
    """Each parent stack was created by one request, and each region holds one trail."""
    created = [request.stack for request in owner.writes("CreateStack")]
    assert sorted(created) == ["DeployCloudTrailCloudFormationStacks", "InfosecClientRoles"]
    for region in owner.regions:
        assert len(owner.logging_trails(region)) == 1


def test_a_lost_answer_is_asked_for_again_and_makes_no_second_stack(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = planned(owner)
    owner.approve(run)
    for action in ("CreateStack", "CreateStack"):
        owner.cloud.fault(
            kind="answer-lost",
            service="cloudformation",
            action=action,
            region="us-west-2",
            account=owner.account.number,
            count=3,
        )
    run = drive(run.pk)
    assert run.status == RunStatus.VERIFIED, (run.reason_code, run.failure)
    stacks = owner.client("cloudformation").list_stacks()["StackSummaries"]
    ours = [stack["StackName"] for stack in stacks if stack["StackName"] == "InfosecClientRoles"]
    assert ours == ["InfosecClientRoles"]


def test_throttling_delays_and_changes_nothing(owner_of: OwnerOf) -> None:
    owner = owner_of("old-stack")
    run = planned(owner)
    owner.approve(run)
    owner.cloud.fault(
        kind="throttle", service="cloudformation", account=owner.account.number, probability=0.3, count=60
    )
    run = drive(run.pk)
    assert run.status == RunStatus.VERIFIED, (run.reason_code, run.failure)
    assert_made_once(owner)


def test_two_who_drive_the_same_run_at_once_make_everything_once(owner_of: OwnerOf) -> None:
    owner = owner_of("old-stack")
    run = planned(owner)
    owner.approve(run)

    def drive_too() -> str:
        try:
            return str(drive(run.pk).status)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        ends = [future.result() for future in [pool.submit(drive_too), pool.submit(drive_too)]]

    assert ends == [RunStatus.VERIFIED, RunStatus.VERIFIED]
    assert_made_once(owner)
    assert len(owner.writes("DeleteStack")) == 1


def test_workers_killed_at_random_points_leave_one_run_that_finishes(owner_of: OwnerOf) -> None:
    """SIGKILL, ten times: what was claimed falls due again when the lease ends, and nothing is made twice."""
    owner = owner_of("old-stack")
    run = planned(owner)
    owner.approve(run)
    chance = random.Random(484535289196)

    kills = 0
    while kills < 10:
        process = subprocess.Popen(
            [sys.executable, "-c", _DRIVE, str(run.pk)],
            cwd=ROOT,
            env=_environment(owner),
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"at work\n"
        _wait_for_events(run, process, run.last_event_number + chance.randint(0, 4))
        time.sleep(chance.random() * 0.1)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
        # The lease of 90 s is let pass at once.
        WorkItem.objects.filter(run=run, lease_until__isnull=False).update(
            lease_until=timezone.now(), due_at=timezone.now()
        )
        run.refresh_from_db()
        if run.is_settled:
            break
    assert kills >= 8, "The run ended before it was interrupted often enough to tell."
    run = drive(run.pk)

    assert run.status == RunStatus.VERIFIED, (run.reason_code, run.failure)
    assert Run.objects.filter(account=owner.account).count() == 1
    stacks = owner.client("cloudformation").list_stacks()["StackSummaries"]
    for name in ("InfosecClientRoles", "DeployCloudTrailCloudFormationStacks"):
        assert [stack["StackName"] for stack in stacks].count(name) == 1
    for region in owner.regions:
        assert len(owner.logging_trails(region)) == 1


def _wait_for_events(run: Run, process: "subprocess.Popen[bytes]", number: int) -> None:
    until = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < until:
        run.refresh_from_db()
        if run.is_settled or run.last_event_number >= number:
            return
        time.sleep(0.01)


_DRIVE = """
import sys, uuid, django
django.setup()
from onboarding.engine.drive import drive
print("at work", flush=True)
drive(uuid.UUID(sys.argv[1]))
"""


def _environment(owner: Owner) -> dict[str, str]:
    """This process's own, with the test database as the database."""
    name = str(connection.settings_dict["NAME"])
    url = {"sqlite": f"sqlite:///{name}"}.get(connection.vendor) or _with_database(
        os.environ["DATABASE_URL"], name
    )
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "DATABASE_URL": url,
        "AWS_ENDPOINT_URL": owner.cloud.url,
        "CLOUD_POLL_SECONDS": "0.2",
    }


def _with_database(url: str, name: str) -> str:
    return f"{url.rpartition('/')[0]}/{name}"


@pytest.mark.parametrize("until", ["admitted", "trails"])
def test_a_cancelled_run_begins_nothing_more_and_gives_its_access_up(owner_of: OwnerOf, until: str) -> None:
    owner = owner_of("old-stack")
    run = planned(owner)
    owner.approve(run)
    kind = {"admitted": StepKind.ADMIT_ACCOUNT, "trails": StepKind.DEPLOY_TRAILS}[until]
    writes_at_cancel: list[int] = []

    def cancel_when_begun(now: Run) -> None:
        begun = now.steps.filter(kind=kind).exclude(status=StepStatus.WAITING).exists()
        if begun and now.status == RunStatus.RUNNING:
            cancelling.cancel(owner.user, now)
            cancelling.leave_as_is(owner.user, now)
            writes_at_cancel.append(owner.cloud.last_request())

    run = drive(run.pk, cancel_when_begun)

    assert (run.status, run.reason_code) == (RunStatus.CANCELLED, "cancelled_by_owner")
    # One request whose intent was stored before may still have been sent.
    assert len(owner.writes(after=writes_at_cancel[0])) <= 1
    assert not owner.account.grants.filter(destroyed_at=None).exists()
    assert not run.work_items.filter(due_at__isnull=False).exists()
    assert not run.steps.filter(status__in=[StepStatus.WAITING, StepStatus.WORKING]).exists()


def test_what_was_asked_just_before_the_cancel_is_seen_even_when_it_comes_late(owner_of: OwnerOf) -> None:
    """A worker that has stored its intent may take seconds to be heard; meanwhile nothing shows at AWS."""
    owner = owner_of()
    run = planned(owner)
    owner.approve(run)
    owner.cloud.fault(
        kind="slow",
        service="cloudformation",
        action="CreateStack",
        milliseconds=3000,
        account=owner.account.number,
        count=1,
    )

    def cancel_when_intended(now: Run) -> None:
        intended = now.steps.filter(kind=StepKind.DEPLOY_ROLES).exclude(token="").exists()
        if intended and now.status == RunStatus.RUNNING:
            assert owner.status("us-west-2", "InfosecClientRoles") == ""
            cancelling.cancel(owner.user, now)
            cancelling.leave_as_is(owner.user, now)

    run = drive(run.pk, cancel_when_intended)

    assert (run.status, run.reason_code) == (RunStatus.CANCELLED, "cancelled_by_owner")
    step = run.steps.get(kind=StepKind.DEPLOY_ROLES)
    assert owner.status("us-west-2", "InfosecClientRoles") == "CREATE_COMPLETE"
    assert (step.status, step.aws_status) == (StepStatus.FINISHED, "CREATE_COMPLETE")
    assert step.stack_id
