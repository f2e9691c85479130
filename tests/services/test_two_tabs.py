"""The same act from two tabs, at the same moment, has one effect and shows neither a fault."""

import threading
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection

from onboarding.models import AwsAccount, Member, Run, StaffRole
from onboarding.services.accounts import register
from onboarding.services.approval import approve
from onboarding.services.cancelling import cancel
from onboarding.services.hand_over import hand_over_role
from onboarding.services.people import LastSuperuser, set_role
from onboarding.services.refusals import Refused
from onboarding.services.retrying import start_again
from onboarding.states import RunStatus

from .conftest import NUMBER, ROLE_ARN, make_plan, put_plan

pytestmark = pytest.mark.django_db(transaction=True)
TABS = 4


def at_once(act: Callable[[], object]) -> list[Exception]:
    """Do the same thing in several threads; whatever any of them raised."""
    raised: list[Exception] = []
    ready = threading.Barrier(TABS)

    def click() -> None:
        ready.wait()
        try:
            act()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=click) for _ in range(TABS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


@pytest.fixture
def somebody(transactional_db: None) -> User:
    return User.objects.create_user("owner", "owner@example.org")


@pytest.fixture
def their_account(somebody: User) -> AwsAccount:
    return register(somebody, number=NUMBER, name="IT", contact_email="owner@example.org")


def test_registering(somebody: User) -> None:
    def act() -> object:
        return register(somebody, number=NUMBER, name="IT", contact_email="owner@example.org")

    assert at_once(act) == []
    assert AwsAccount.objects.get().ownerships.count() == 1


def test_handing_over(somebody: User, their_account: AwsAccount) -> None:
    assert at_once(lambda: hand_over_role(somebody, their_account, ROLE_ARN)) == []
    run = their_account.runs.get()
    assert run.status == RunStatus.SURVEYING
    assert their_account.grants.filter(destroyed_at=None).count() == 1
    assert run.events.filter(kind="grant.received").count() == 1


def test_approving(somebody: User, their_account: AwsAccount) -> None:
    run = put_plan(hand_over_role(somebody, their_account, ROLE_ARN), make_plan())
    assert at_once(lambda: approve(somebody, Run.objects.get(pk=run.pk), run.plan_digest)) == []
    assert run.events.filter(kind="plan.approved").count() == 1
    assert run.steps.count() == len(make_plan().steps)
    assert run.work_items.exclude(due_at=None).count() == 1


def test_approving_in_one_tab_and_cancelling_in_the_other(somebody: User, their_account: AwsAccount) -> None:
    run = put_plan(hand_over_role(somebody, their_account, ROLE_ARN), make_plan())

    def yes() -> None:
        approve(somebody, Run.objects.get(pk=run.pk), run.plan_digest)

    def no() -> None:
        cancel(somebody, Run.objects.get(pk=run.pk))

    acts = iter([yes, no] * TABS)
    lock = threading.Lock()

    def act() -> None:
        with lock:
            chosen = next(acts)
        chosen()

    assert all(isinstance(error, Refused) for error in at_once(act))
    run.refresh_from_db()
    assert run.status in {RunStatus.CANCELLED, RunStatus.CANCELLING}


def test_two_superusers_taking_each_others_role(transactional_db: None) -> None:
    first, second = (User.objects.create_user(name, f"{name}@example.org") for name in ("first", "second"))
    for user in (first, second):
        set_role(user, StaffRole.SUPERUSER, by_id=None)
    whose = iter([first, second] * TABS)
    lock = threading.Lock()

    def act() -> None:
        with lock:
            user = next(whose)
        set_role(user, None, by_id=None)

    assert all(isinstance(error, LastSuperuser) for error in at_once(act))
    assert Member.objects.filter(role=StaffRole.SUPERUSER).count() == 1


def test_starting_again(somebody: User, their_account: AwsAccount) -> None:
    assert at_once(lambda: start_again(somebody, their_account)) == []
    assert their_account.runs.count() == 1
