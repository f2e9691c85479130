"""Who is asking, and may they see what they ask for? A stranger gets 404, as if it weren't there.

Infosec staff without a second factor are sent to where they get one, whether the thing is there or not.
"""

from uuid import UUID

from django.contrib.auth.models import User
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404

from onboarding.middleware.gatekeeper import (
    SecondFactorNeeded,
    demand_second_factor,
    marked,
    passed_second_factor,
)
from onboarding.models import AwsAccount, Run, StaffRole
from onboarding.models.people import STARTS_WORK_AGAIN, mark_infosec, role_and_factor_of, role_of


def signed_in(request: HttpRequest) -> User:
    """The user of a view that only signed-in users reach."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user


def viewer(request: HttpRequest) -> User:
    """The same, marked with what their session proved: for `visible_to`."""
    return marked(request, signed_in(request))


def infosec_member(request: HttpRequest) -> tuple[User, StaffRole]:
    """Somebody of infosec, marked, and their role. 404 for everybody else; raises SecondFactorNeeded."""
    user = signed_in(request)
    role, has_factor = role_and_factor_of(user)
    if role is None:
        raise Http404
    if not passed_second_factor(request, has_factor=has_factor):
        raise SecondFactorNeeded
    return mark_infosec(user), role


def infosec(request: HttpRequest) -> User:
    """Somebody of infosec, who may see every account; 404 for everybody else. Raises SecondFactorNeeded."""
    user, _role = infosec_member(request)
    return user


def operator(request: HttpRequest) -> User:
    """Somebody of infosec who may also act. 404 for analysts and auditors, as for strangers."""
    user, role = infosec_member(request)
    if role not in STARTS_WORK_AGAIN:
        raise Http404
    return user


def visible_account(request: HttpRequest, number: str) -> AwsAccount:
    found = AwsAccount.objects.visible_to(viewer(request)).filter(number=number).first()
    if found is None:
        demand_second_factor(request)
        raise Http404
    return found


def own_account(request: HttpRequest, number: str) -> AwsAccount:
    """An account that the user answers for. Infosec staff see others', but can't act for them."""
    return get_object_or_404(AwsAccount.objects.owned_by(signed_in(request)), number=number)


def account_to_start_again(request: HttpRequest, number: str) -> AwsAccount:
    """One's own; operators may start anybody's again."""
    if role_of(request.user) in STARTS_WORK_AGAIN:
        return visible_account(request, number)
    return own_account(request, number)


def visible_run(request: HttpRequest, run_id: UUID | str) -> Run:
    found = Run.objects.visible_to(viewer(request)).select_related("account").filter(pk=run_id).first()
    if found is None:
        demand_second_factor(request)
        raise Http404
    return found


def own_run(request: HttpRequest, run_id: object) -> Run:
    own = Run.objects.filter(account__ownerships__user=signed_in(request))
    return get_object_or_404(own.select_related("account"), pk=run_id)


def is_owner(request: HttpRequest, account: AwsAccount) -> bool:
    """Owner or co-owner: both may do all that an account's work asks."""
    return account.ownerships.filter(user=signed_in(request)).exists()
