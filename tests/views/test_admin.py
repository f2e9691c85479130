"""May operators look everything up, secrets excepted, and change nothing?"""

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from onboarding.models import AwsAccount, Grant, Member, Run, StaffRole
from tests.views.conftest import SignIn

OURS = sorted(
    model._meta.model_name or "" for model in admin.site._registry if model._meta.app_label == "onboarding"
)


@pytest.fixture
def operator(db: None, sign_in: SignIn) -> Client:
    user = User.objects.create_superuser("operator", "operator@example.org", "made-up")
    Member.objects.create(user=user, role=StaffRole.SUPERUSER)
    return sign_in(user)


@pytest.mark.parametrize("model", OURS)
def test_an_operator_lists_but_cannot_add(model: str, planned: Run, operator: Client) -> None:
    assert operator.get(reverse(f"admin:onboarding_{model}_changelist")).status_code == 200
    assert operator.get(reverse(f"admin:onboarding_{model}_add")).status_code == 403


def test_an_operator_sees_no_secret_and_cannot_delete(
    planned: Run, account: AwsAccount, operator: Client
) -> None:
    shown = operator.get(reverse("admin:onboarding_awsaccount_change", args=[account.pk])).text
    assert account.number in shown
    assert account.external_id not in shown
    grant = Grant.objects.get()
    assert "sealed" not in operator.get(
        reverse("admin:onboarding_grant_change", args=[grant.pk])
    ).text.replace("sealing", "")
    assert operator.post(reverse("admin:onboarding_run_delete", args=[planned.pk])).status_code == 403
    assert operator.get(reverse("admin:onboarding_run_change", args=[planned.pk])).status_code == 200


def test_everybody_else_is_sent_away(owner: User, staff: User, sign_in: SignIn, client: Client) -> None:
    page = reverse("admin:onboarding_run_changelist")
    assert "/accounts/login/" in client.get(page, follow=True).redirect_chain[-1][0]
    assert sign_in(owner).get(page, follow=True).status_code == 403
    assert sign_in(staff).get(page, follow=True).status_code == 403
