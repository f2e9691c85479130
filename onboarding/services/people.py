"""Who of infosec gets which role? The one writer of roles; each change is an audit record."""

from contextlib import suppress

from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from onboarding.models import Member, StaffRole
from onboarding.models.audit import AuditKind, append
from onboarding.models.people import role_of
from onboarding.services.refusals import Refused


class NotSuperuser(Refused):
    def __init__(self) -> None:
        super().__init__("not_superuser", _("Only a superuser may do this."))


class NobodyThere(Refused):
    def __init__(self) -> None:
        super().__init__("nobody_there", _("Nobody has signed up with this address, or it isn’t confirmed."))


class LastSuperuser(Refused):
    def __init__(self) -> None:
        super().__init__(
            "last_superuser", _("This is the last superuser: give somebody else the role first.")
        )


def change_role(by: User, email: str, role: StaffRole | None) -> User:
    """Give the user with this confirmed address the role, or none. Raises a Refused."""
    if role_of(by) != StaffRole.SUPERUSER:
        raise NotSuperuser
    confirmed = EmailAddress.objects.filter(email__iexact=email, verified=True)
    user = User.objects.filter(pk__in=confirmed.values("user_id")).first()
    if user is None:
        raise NobodyThere
    set_role(user, role, by_id=by.pk)
    return user


@transaction.atomic
def set_role(user: User, role: StaffRole | None, *, by_id: int | None, by_provider: bool = False) -> bool:
    """Write the role, and Django's flags for the database's pages with it; False when it was so already.

    The caller has made sure that `by_id` may do this: a superuser, the identity provider, or `manage.py`.
    """
    # The superusers too, and in one order: two must not take each other's role at the same moment.
    locked = Member.objects.select_for_update().filter(Q(user=user) | Q(role=StaffRole.SUPERUSER))
    before = {member.user_id: member.role for member in locked.order_by("pk")}.get(user.pk)
    if before == role:
        return False
    if before == StaffRole.SUPERUSER and not _other_superusers(user):
        raise LastSuperuser
    if role is None:
        Member.objects.filter(user=user).delete()
    else:
        Member.objects.update_or_create(user=user, defaults={"role": role, "by_provider": by_provider})
    user.is_staff = user.is_superuser = role == StaffRole.SUPERUSER
    user.save(update_fields=["is_staff", "is_superuser"])
    append(
        AuditKind.ROLE_GIVEN if role else AuditKind.ROLE_TAKEN,
        actor_id=by_id,
        user_id=user.pk,
        email=user.email,
        role=role or before,
        before=before,
        by_provider=by_provider,
    )
    return True


def follow_provider(user: User, groups: frozenset[str], roles: dict[str, StaffRole]) -> None:
    """Give the role that the identity provider's groups say, and take back one that they gave before.

    A role that a superuser gave by hand stays, unless a group gives another.
    """
    wanted = next(
        (role for role in _STRONGEST_FIRST if role in {roles[g] for g in groups & roles.keys()}), None
    )
    member = Member.objects.filter(user=user).first()
    if wanted is not None:
        with suppress(LastSuperuser):
            set_role(user, wanted, by_id=None, by_provider=True)
    elif member is not None and member.by_provider:
        # The last superuser stays: somebody must be able to mend the groups.
        with suppress(LastSuperuser):
            set_role(user, None, by_id=None, by_provider=True)


# An auditor reads more than an operator, who may do more: somebody in both groups acts.
_STRONGEST_FIRST = (StaffRole.SUPERUSER, StaffRole.OPERATOR, StaffRole.AUDITOR, StaffRole.ANALYST)


def _other_superusers(user: User) -> bool:
    others = Member.objects.filter(role=StaffRole.SUPERUSER, user__is_active=True).exclude(user=user)
    return others.exists()
