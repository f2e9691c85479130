"""An operator onboards an account without browser, broker or worker; the exit status says how it ended."""

import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connections
from pytest_django.fixtures import Settings

from onboarding.models import AwsAccount, Run
from onboarding.states import RunStatus
from sandbox.client import Sandbox
from tests.engine.conftest import Owner

OwnerOf = Callable[..., Owner]


@dataclass(frozen=True, slots=True)
class Ended:
    status: int
    out: str
    err: str


def onboard(*arguments: str) -> Ended:
    out, err = io.StringIO(), io.StringIO()
    status = 0
    try:
        call_command("onboard", *arguments, stdout=out, stderr=err)
    except SystemExit as end:
        status = int(end.code or 0)
    return Ended(status, out.getvalue(), err.getvalue())


def pasted(owner: Owner, monkeypatch: pytest.MonkeyPatch, kind: str = "role", **more: object) -> None:
    """Put credentials on the standard input, as `aws configure export-credentials` prints them."""
    keys = owner.keys(kind, **more)
    document = {
        "Version": 1,
        "AccessKeyId": keys.access_key_id,
        "SecretAccessKey": keys.secret_access_key,
        "SessionToken": keys.session_token,
    }
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(document)))


def test_an_account_is_prepared_handed_over_planned_approved_and_verified(
    cloud: Sandbox, transactional_db: None, owner_of: OwnerOf, tmp_path: Path
) -> None:
    owner = owner_of("old-stack")
    number, template = owner.account.number, tmp_path / "handover.yaml"

    prepared = onboard(
        number, "--prepare", "--as", owner.user.email, "--name", "Community IT", "--output", str(template)
    )
    assert prepared.status == 0, prepared.err
    assert f"Registered before, as “{owner.account.name}”" in prepared.err
    assert owner.account.external_id in prepared.out
    assert owner.account.external_id in template.read_text()

    planned = onboard(number, "--role-arn", owner.create_role())
    assert planned.status == 3, planned.err
    assert "opsec-security-audit-role" in planned.out
    run = Run.objects.get(account=owner.account)
    assert run.plan_digest in planned.out
    assert owner.writes("CreateStack", "DeleteStack", after=0) == []

    wrong = onboard(number, "--approve", "0" * 64)
    assert wrong.status == 3
    done = onboard(number, "--approve", run.plan_digest, "--follow")
    assert done.status == 0, done.err
    assert "eu-north-1" in done.out
    assert "Verified" in done.out
    run.refresh_from_db()
    assert run.status == RunStatus.VERIFIED


def test_pasted_credentials_and_a_bare_approval_do_it_in_one_go(
    owner_of: OwnerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = owner_of()
    pasted(owner, monkeypatch)
    done = onboard(owner.account.number, "--credentials-stdin", "--approve")
    assert done.status == 0, done.err


def test_a_bare_approval_is_refused_in_production(owner_of: OwnerOf, settings: Settings) -> None:
    settings.IS_PRODUCTION = True
    assert onboard(owner_of().account.number, "--approve").status == 2


def test_preparing_registers_the_account_and_prints_a_template(transactional_db: None) -> None:
    ended = onboard("484535289196", "--prepare", "--as", "new@example.org")
    assert ended.status == 0, ended.err
    account = AwsAccount.objects.get(number="484535289196")
    assert account.ownerships.get().user.email == "new@example.org"
    assert account.external_id in ended.out
    assert "AWSTemplateFormatVersion" in ended.out


def test_a_template_that_cannot_be_written_is_bad_input(transactional_db: None, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "none" / "template.yaml")
    ended = onboard("484535289196", "--prepare", "--as", "new@example.org", "--output", nowhere)
    assert ended.status == 2
    assert nowhere in ended.err


def test_in_production_nobody_is_made_up(transactional_db: None, settings: Settings) -> None:
    settings.IS_PRODUCTION = True
    ended = onboard("484535289196", "--prepare", "--as", "new@example.org")
    assert (ended.status, User.objects.count()) == (2, 0)


@pytest.mark.parametrize("number", ["12345", "48453528919O", "4845352891966"])
def test_what_is_no_account_number_is_bad_input(transactional_db: None, number: str) -> None:
    assert onboard(number, "--role-arn", "x").status == 2


def test_each_wrong_hand_over_stops_before_any_write_with_its_own_message(
    owner_of: OwnerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, other = owner_of(), owner_of()
    number = owner.account.number
    said: list[str] = []

    def tried(status: int, *arguments: str) -> None:
        ended = onboard(number, *arguments, "--approve")
        assert ended.status == status, (ended.out, ended.err)
        said.append(ended.err)

    tried(2, "--role-arn", f"arn:aws:iam::{other.account.number}:role/InfosecOnboardingHandover")
    tried(3, "--role-arn", f"arn:aws:iam::{number}:role/InfosecOnboardingNobody")
    monkeypatch.setattr(
        "sys.stdin", io.StringIO("AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\nAWS_SECRET_ACCESS_KEY=x")
    )
    tried(2, "--credentials-stdin")
    pasted(owner, monkeypatch, duration_seconds=0.001)
    tried(3, "--credentials-stdin")
    pasted(other, monkeypatch)
    tried(3, "--credentials-stdin")

    assert len(set(said)) == len(said)
    assert all(text.strip() for text in said)
    assert "expired" in said[3]
    assert other.account.number in said[4]
    assert owner.writes() == []
    assert other.writes() == []


def test_nothing_handed_over_is_bad_input(owner_of: OwnerOf) -> None:
    ended = onboard(owner_of().account.number, "--approve")
    assert ended.status == 2
    assert "--role-arn" in ended.err


def test_a_failed_run_exits_with_four_and_the_remedy(
    owner_of: OwnerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = owner_of("admission-denied")
    pasted(owner, monkeypatch)
    ended = onboard(owner.account.number, "--credentials-stdin", "--approve")
    assert ended.status == 4
    assert "log storage" in ended.err
    assert "AccessDenied" in ended.err
    assert ended.err.count("An earlier step has to be done first") <= 5
    assert owner.writes() == []


class Impatient(io.StringIO):
    """A terminal at which somebody presses Ctrl-C as soon as the work has begun."""

    def write(self, text: str) -> int:
        if "The work began" in text:
            raise KeyboardInterrupt
        return super().write(text)


def test_a_stopped_command_says_so_and_is_gone_on_with(
    owner_of: OwnerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = owner_of()
    pasted(owner, monkeypatch)
    err = io.StringIO()
    with pytest.raises(SystemExit) as stopped:
        call_command(
            "onboard", owner.account.number, "--credentials-stdin", "--approve", "--follow",
            stdout=Impatient(), stderr=err,
        )  # fmt: skip
    assert stopped.value.code == 3
    assert "goes on" in err.getvalue()
    assert onboard(owner.account.number, "--follow").status == 0


def test_two_operators_at_once_onboard_an_account_once(owner_of: OwnerOf) -> None:
    owner = owner_of("old-stack")
    arguments = (owner.account.number, "--role-arn", owner.create_role(), "--approve")

    def operate() -> Ended:
        try:
            return onboard(*arguments)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        ends = [future.result() for future in [pool.submit(operate), pool.submit(operate)]]

    run = Run.objects.get(account=owner.account)
    if run.status == RunStatus.PLANNED:
        # One handed over anew while the other approved: the plan then waits, and nothing was begun twice.
        ends.append(onboard(owner.account.number, "--approve"))
        run.refresh_from_db()
    assert run.status == RunStatus.VERIFIED, [(end.status, end.err) for end in ends]
    assert 0 in {end.status for end in ends}
    created = [request.stack for request in owner.writes("CreateStack")]
    assert sorted(created) == ["DeployCloudTrailCloudFormationStacks", "InfosecClientRoles"]
