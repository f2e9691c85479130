"""Who of infosec may see every account, and who is asked to answer for an account with its owner?"""

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

AnyUser = TypeVar("AnyUser", bound="AbstractBaseUser | AnonymousUser")

INVITATION_VALID_FOR = timedelta(days=7)


class StaffRole(models.TextChoices):
    """What somebody of infosec may do. Nobody else has a role: an owner's rights come from an Ownership."""

    ANALYST = "analyst", _("Analyst: sees every account")
    OPERATOR = "operator", _("Operator: sees every account, and starts its work again")
    AUDITOR = "auditor", _("Auditor: sees every account, and the audit log")
    SUPERUSER = "superuser", _("Superuser: everything, and gives roles")


READS_AUDIT_LOG = frozenset({StaffRole.AUDITOR, StaffRole.SUPERUSER})
STARTS_WORK_AGAIN = frozenset({StaffRole.OPERATOR, StaffRole.SUPERUSER})


class Member(models.Model):
    """A user who belongs to infosec. Written by services.people alone, with its audit record."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="member")
    role = models.CharField(max_length=16, choices=StaffRole)
    since = models.DateTimeField(auto_now_add=True)
    # Given by the identity provider's groups, and so taken by them too.
    by_provider = models.BooleanField(default=False)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(role__in=StaffRole.values), name="staff_role_is_known"),
        )

    def __str__(self) -> str:
        return f"{self.user_id} is {self.role}"


def role_of(user: "AbstractBaseUser | AnonymousUser") -> StaffRole | None:
    """The user's role in infosec, as the database says now; None for everybody else."""
    if not user.is_authenticated or not user.is_active:
        return None
    role = Member.objects.filter(user_id=user.pk).values_list("role", flat=True).first()
    return StaffRole(role) if role else None


def mark_second_factor(user: "AnyUser", *, passed: bool) -> "AnyUser":
    """Note on this user object, for this request alone, whether its session proved a second factor."""
    user.has_second_factor = passed  # type: ignore[union-attr]
    return user


def sees_every_account(user: "AbstractBaseUser | AnonymousUser") -> bool:
    """Infosec staff whose session proved a second factor. Not marked means not proven, and sees less."""
    return bool(getattr(user, "has_second_factor", False)) and role_of(user) is not None


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self, now: datetime | None = None) -> Self:
        """Neither used nor revoked nor too old."""
        return self.filter(used_at=None, revoked_at=None, expires_at__gt=now or timezone.now())

    def with_token(self, token: str) -> Self:
        return self.filter(token_digest=token_digest(token))


class Invitation(models.Model):
    """Asks one e-mail address to answer for an account too. The link's token itself is stored nowhere."""

    account = models.ForeignKey("onboarding.AwsAccount", on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("account", "email"),
                condition=Q(used_at=None, revoked_at=None),
                name="one_invitation_per_address",
            ),
        )

    def __str__(self) -> str:
        return f"invitation {self.pk} to {self.account_id}"


def token_digest(token: str) -> str:
    """256 random bits need no salt and no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()
