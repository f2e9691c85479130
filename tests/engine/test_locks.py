"""A person's act and the worker's record of the same account wait for one another, and never in a circle.

PostgreSQL ends such a circle by breaking one of the two; SQLite lets only one write at a time anyway.
"""

import threading
import time
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from onboarding.engine import claims, survey
from onboarding.models import AwsAccount
from onboarding.observed import AccountSurvey, RegionSurvey
from onboarding.services import accounts, external_id, hand_over
from onboarding.states import RegionOutcome, RunStatus

NUMBER = "484535289196"
ROLE_ARN = f"arn:aws:iam::{NUMBER}:role/InfosecOnboardingHandover"
SURVEY = AccountSurvey(
    account=NUMBER,
    alias="the-account",
    taken_at=timezone.now(),
    knows_all_regions=True,
    old_roles=(),
    regions=(RegionSurvey(region="us-east-1", outcome=RegionOutcome.READ),),
)

pytestmark = pytest.mark.django_db(transaction=True)


def hand_over_again(user: User, account: AwsAccount) -> object:
    return hand_over.hand_over_role(user, account, ROLE_ARN)


@pytest.mark.parametrize("act", [hand_over_again, external_id.rotate])
def test_an_owner_may_act_while_a_survey_is_being_kept(
    act: Callable[[User, AwsAccount], object], django_user_model: type[User]
) -> None:
    user = django_user_model.objects.create_user("owner", "owner@example.org")
    account = accounts.register(user, number=NUMBER, name="IT", contact_email="owner@example.org")
    run = hand_over.hand_over_role(user, account, ROLE_ARN)
    [claim] = claims.claim_due(timezone.now(), 1)
    work = claims.read(claim)
    assert work is not None
    raised: list[Exception] = []

    def click() -> None:
        try:
            act(user, account)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            raised.append(error)
        finally:
            connection.close()

    with claims.holding(work, run_in=frozenset({RunStatus.SURVEYING})) as held:
        tab = threading.Thread(target=click)
        tab.start()
        time.sleep(0.3)  # Until it waits for the run that we hold.
        survey._keep(held, SURVEY)
    tab.join()
    assert raised == []
    assert run.events.filter(kind="survey.done").count() == 1
