"""Who is asking, and may they see what they ask for? A stranger gets 404, as if it weren't there."""

from django.contrib.auth.models import User
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404

from onboarding.models import AwsAccount, Run


def signed_in(request: HttpRequest) -> User:
    """The user of a view that only signed-in users reach."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user


def visible_account(request: HttpRequest, number: str) -> AwsAccount:
    return get_object_or_404(AwsAccount.objects.visible_to(request.user), number=number)


def own_account(request: HttpRequest, number: str) -> AwsAccount:
    """An account that the user answers for. Infosec staff see others', but can't act for them."""
    return get_object_or_404(AwsAccount.objects.filter(ownerships__user=signed_in(request)), number=number)


def visible_run(request: HttpRequest, run_id: object) -> Run:
    return get_object_or_404(Run.objects.visible_to(request.user).select_related("account"), pk=run_id)


def own_run(request: HttpRequest, run_id: object) -> Run:
    own = Run.objects.filter(account__ownerships__user=signed_in(request))
    return get_object_or_404(own.select_related("account"), pk=run_id)


def is_owner(request: HttpRequest, account: AwsAccount) -> bool:
    return account.ownerships.filter(user=signed_in(request)).exists()
