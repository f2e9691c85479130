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
# One mail a day is a reminder; more is a nuisance, and soon a spam filter's.
REMINDED_AT_MOST_EVERY = timedelta(days=1)


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


def note_role_and_factor(user: "AnyUser", *, role: str | None, has_factor: bool) -> "AnyUser":
    """Note on this user object what was asked of the database together with it."""
    user.role_and_factor = StaffRole(role) if role else None, has_factor  # type: ignore[union-attr]
    return user


def role_and_factor_of(user: "AbstractBaseUser | AnonymousUser") -> tuple[StaffRole | None, bool | None]:
    """The user's role, and whether they have a second factor; None where that is still to be asked.

    For a request's own user: both were asked with the user, when the request came, and not once more.
    """
    if not user.is_authenticated or not user.is_active:
        return None, None
    noted: tuple[StaffRole | None, bool] | None = getattr(user, "role_and_factor", None)
    return noted or (role_of(user), None)


def mark_second_factor(user: "AnyUser", *, passed: bool) -> "AnyUser":
    """Note on this user object, for this request alone, whether its session proved a second factor."""
    user.has_second_factor = passed  # type: ignore[union-attr]
    return user


def mark_infosec(user: "AnyUser") -> "AnyUser":
    """Note on this user object that this request has found them to be of infosec, with a second factor.

    Whether they see every account is then not asked of the database once more for each thing they see.
    """
    user.was_just_found_infosec = True  # type: ignore[union-attr]
    return mark_second_factor(user, passed=True)


def sees_every_account(user: "AbstractBaseUser | AnonymousUser") -> bool:
    """Infosec staff whose session proved a second factor. Not marked means not proven, and sees less."""
    if getattr(user, "was_just_found_infosec", False):
        return True
    return bool(getattr(user, "has_second_factor", False)) and role_of(user) is not None


class InvitationState(models.TextChoices):
    """What became of an invitation, told from its times alone."""

    WAITING = "waiting", _("No answer yet")
    NOT_SENT = "not_sent", _("Mail could not be sent")
    EXPIRED = "expired", _("Too old")
    ANSWERED = "answered", _("Accepted")
    REVOKED = "revoked", _("Taken back")


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def in_state(self, state: InvitationState, now: datetime | None = None) -> Self:
        """Each invitation is in exactly one."""
        now = now or timezone.now()
        unanswered = self.filter(used_at=None, revoked_at=None)
        match state:
            case InvitationState.ANSWERED:
                return self.filter(used_at__isnull=False)
            case InvitationState.REVOKED:
                return self.filter(used_at=None, revoked_at__isnull=False)
            case InvitationState.EXPIRED:
                return unanswered.filter(expires_at__lte=now)
            case InvitationState.NOT_SENT:
                return unanswered.filter(expires_at__gt=now, mail_failed_at__isnull=False)
            case InvitationState.WAITING:
                return unanswered.filter(expires_at__gt=now, mail_failed_at=None)

    def open(self, now: datetime | None = None) -> Self:
        """Neither used nor revoked nor too old."""
        return self.filter(used_at=None, revoked_at=None, expires_at__gt=now or timezone.now())

    def with_token(self, token: str) -> Self:
        return self.filter(token_digest=token_digest(token))


class Invitation(models.Model):
    """Asks one e-mail address to answer for an account. The link's token itself is stored nowhere.

    It is derived from the nonce and SECRET_KEY (services.invitations): a reminder carries the same link.
    """

    account = models.ForeignKey("onboarding.AwsAccount", on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    nonce = models.CharField(max_length=64, blank=True, editable=False)
    # Asked by infosec, to answer for an account that had no owner; otherwise by the account's owner.
    by_infosec = models.BooleanField(default=False)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    # When the worker is to send the mail; while it is at it, when it would try again.
    mail_due_at = models.DateTimeField(null=True, blank=True)
    # When a mail last went out, or last could not; never both.
    sent_at = models.DateTimeField(null=True, blank=True)
    mail_failed_at = models.DateTimeField(null=True, blank=True)
    reminded_at = models.DateTimeField(null=True, blank=True)
    reminders = models.PositiveSmallIntegerField(default=0)

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
        indexes = (
            models.Index(
                fields=("mail_due_at",), name="invitations_to_mail", condition=Q(mail_due_at__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return f"invitation {self.pk} to {self.account_id}"

    @property
    def state(self) -> InvitationState:
        """As `in_state` has it, now."""
        if self.used_at:
            return InvitationState.ANSWERED
        if self.revoked_at:
            return InvitationState.REVOKED
        if self.expires_at <= timezone.now():
            return InvitationState.EXPIRED
        return InvitationState.NOT_SENT if self.mail_failed_at else InvitationState.WAITING


def token_digest(token: str) -> str:
    """256 random bits need no salt and no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()
