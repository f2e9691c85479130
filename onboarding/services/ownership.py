"""Who answers for an account, and how does that change?"""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from onboarding.models import AwsAccount, Ownership, OwnershipRole, standing
from onboarding.models.audit import AuditKind, append
from onboarding.models.people import STARTS_WORK_AGAIN, role_of
from onboarding.services.refusals import NotOwner, Refused


class NotAmongOwners(Refused):
    def __init__(self) -> None:
        super().__init__("not_among_owners", _("They don’t answer for this account."))


class OwnerMustHandOn(Refused):
    """The last owner can't go: an account without one would have nobody to ask."""

    def __init__(self) -> None:
        super().__init__("owner_must_hand_on", _("Make somebody else the owner first; then you can leave."))


def demand_ownership(user: User, account: AwsAccount) -> None:
    """Raises NotOwner, also for infosec staff: they see, but consent is the owner's. Co-owners may, too."""
    if not user.is_active or not account.ownerships.filter(user_id=user.pk).exists():
        raise NotOwner


def demand_owner(user: User, account: AwsAccount) -> None:
    """Raises NotOwner, also for co-owners: who else answers for an account is its one owner's decision."""
    if not user.is_active or not is_the_owner(user, account):
        raise NotOwner


def demand_owner_or_operator(user: User, account: AwsAccount) -> None:
    """For what asks no consent of the owner. Raises NotOwner."""
    if role_of(user) not in STARTS_WORK_AGAIN:
        demand_ownership(user, account)


def has_owner(account: AwsAccount) -> bool:
    """Infosec may register an account before anybody answers for it."""
    return account.ownerships.filter(role=OwnershipRole.OWNER).exists()


def is_the_owner(user: User, account: AwsAccount) -> bool:
    return account.ownerships.filter(user_id=user.pk, role=OwnershipRole.OWNER).exists()


@transaction.atomic
def remove(by: User, account: AwsAccount, user_id: int) -> None:
    """The owner removes a co-owner, or a co-owner leaves. Raises a Refused."""
    AwsAccount.objects.lock(account.pk)
    if by.pk != user_id:
        demand_owner(by, account)
    ownership = _ownership(account, user_id)
    if ownership.role == OwnershipRole.OWNER:
        raise OwnerMustHandOn
    ownership.delete()
    standing.bring_up_to_date(account.pk)
    append(
        AuditKind.OWNER_REMOVED,
        actor_id=by.pk,
        account_id=account.pk,
        user_id=user_id,
        email=ownership.user.email,
    )


@transaction.atomic
def hand_on(by: User, account: AwsAccount, user_id: int) -> None:
    """Make a co-owner the owner; who was it stays as a co-owner. Raises NotOwner, NotAmongOwners."""
    AwsAccount.objects.lock(account.pk)
    demand_owner(by, account)
    new = _ownership(account, user_id)
    if new.role == OwnershipRole.OWNER:
        return
    account.ownerships.filter(user=by).update(role=OwnershipRole.CO_OWNER)
    account.ownerships.filter(pk=new.pk).update(role=OwnershipRole.OWNER)
    standing.bring_up_to_date(account.pk)
    append(
        AuditKind.OWNERSHIP_TRANSFERRED,
        actor_id=by.pk,
        account_id=account.pk,
        user_id=user_id,
        email=new.user.email,
    )


def _ownership(account: AwsAccount, user_id: int) -> Ownership:
    found = account.ownerships.filter(user_id=user_id).select_related("user").first()
    if found is None:
        raise NotAmongOwners
    return found
