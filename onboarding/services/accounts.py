"""How does a user make an account known to the portal?"""

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from onboarding.models import AwsAccount, Ownership, standing
from onboarding.models.audit import AuditKind, append
from onboarding.models.people import STARTS_WORK_AGAIN, role_of
from onboarding.services.ownership import demand_ownership, has_owner
from onboarding.services.refusals import Refused


class AlreadyRegistered(Refused):
    """Somebody else answers for the account."""

    def __init__(self) -> None:
        super().__init__(
            "already_registered",
            _(
                "Somebody else has registered this account. Ask them or infosec to make you an owner; "
                "nothing was changed."
            ),
        )


class NotOperator(Refused):
    def __init__(self) -> None:
        super().__init__("not_operator", _("Only an operator of infosec may do this."))


class NotAnAccount(Refused):
    """A field is missing or malformed. Forms say so earlier and better; this guards every other way in."""

    def __init__(self, text: str) -> None:
        super().__init__("not_an_account", text)


def register(user: User, *, number: str, name: str, contact_email: str, ticket_url: str = "") -> AwsAccount:
    """The account, registered for `user`; their own as it stands, details and all, if they had it before.

    Raises AlreadyRegistered when it is another's, NotAnAccount when a field can't be right.
    """
    details: dict[str, Any] = {"name": name, "contact_email": contact_email, "ticket_url": ticket_url}
    candidate = _candidate(number, details)
    try:
        with transaction.atomic():
            candidate.save()
            Ownership.objects.create(account=candidate, user=user)
            standing.bring_up_to_date(candidate.pk)
            append(AuditKind.ACCOUNT_REGISTERED, actor_id=user.pk, account_id=candidate.pk, **details)
            return candidate
    except IntegrityError:
        # Registered before, or this very moment in another tab: the database decides who was first.
        account = registered_before(user, number)
        if account is None:
            raise AlreadyRegistered from None
        return account


def register_without_owner(
    by: User, *, number: str, name: str, contact_email: str, ticket_url: str = ""
) -> AwsAccount:
    """The account, which nobody answers for yet, registered by infosec; as it stands if they had it before.

    Raises NotOperator, NotAnAccount, and AlreadyRegistered when somebody answers for it.
    """
    if role_of(by) not in STARTS_WORK_AGAIN:
        raise NotOperator
    details: dict[str, Any] = {"name": name, "contact_email": contact_email, "ticket_url": ticket_url}
    candidate = _candidate(number, details)
    try:
        with transaction.atomic():
            candidate.save()
            standing.bring_up_to_date(candidate.pk)
            append(
                AuditKind.ACCOUNT_REGISTERED,
                actor_id=by.pk,
                account_id=candidate.pk,
                **details,
                without_owner=True,
            )
            return candidate
    except IntegrityError:
        account = AwsAccount.objects.get(number=number)
        if has_owner(account):
            raise AlreadyRegistered from None
        return account


def _candidate(number: str, details: dict[str, Any]) -> AwsAccount:
    candidate = AwsAccount(number=number, **details)
    try:
        candidate.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        raise NotAnAccount(" ".join(error.messages)) from None
    return candidate


def registered_before(user: User, number: str) -> AwsAccount | None:
    """The account of this number that `user` owns already."""
    return AwsAccount.objects.owned_by(user).filter(number=number).first()


def change_details(
    user: User, account: AwsAccount, *, name: str, contact_email: str, ticket_url: str = ""
) -> None:
    """What people call the account, whom they ask about it, and its ticket; never its number.

    Raises NotOwner, and NotAnAccount when a field can't be right.
    """
    demand_ownership(user, account)
    details: dict[str, Any] = {"name": name, "contact_email": contact_email, "ticket_url": ticket_url}
    _candidate(account.number, details)
    with transaction.atomic():
        before = AwsAccount.objects.lock(account.pk)
        changed = {field: value for field, value in details.items() if getattr(before, field) != value}
        if changed:
            AwsAccount.objects.filter(pk=account.pk).update(**changed)
            standing.bring_up_to_date(account.pk)
            append(AuditKind.ACCOUNT_CHANGED, actor_id=user.pk, account_id=account.pk, **changed)
            standing.bring_up_to_date(account.pk)
    account.refresh_from_db(fields=list(details))
