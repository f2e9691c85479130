"""Which AWS accounts are known, and who answers for them."""

import secrets
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from onboarding.models.people import sees_every_account

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


def new_external_id() -> str:
    """128 random bits and more, in the alphabet that sts:ExternalId allows."""
    return f"onb-{secrets.token_hex(20)}"


class AwsAccountQuerySet(models.QuerySet["AwsAccount"]):
    def visible_to(self, user: "AbstractBaseUser | AnonymousUser") -> Self:
        """The accounts `user` may see: their own, or all for infosec staff who proved a second factor.

        The only way in for views, which mark the user first (`views.access.viewer`).
        """
        if not user.is_authenticated:
            return self.none()
        return self if sees_every_account(user) else self.owned_by(user)

    def owned_by(self, user: "AbstractBaseUser | AnonymousUser") -> Self:
        return self.filter(ownerships__user_id=user.pk)

    def without_owner(self) -> Self:
        """Registered by infosec, before anybody answers for it."""
        return self.exclude(ownerships__role=OwnershipRole.OWNER)

    def lock(self, pk: int) -> "AwsAccount":
        """Let people's acts on an account follow one another. In a transaction; before its run, never after.

        Rows that point to the account may still be added: the worker does so while it holds the run.
        """
        return self.select_for_update(no_key=True).get(pk=pk)


class AwsAccount(models.Model):
    number = models.CharField(
        _("account number"),
        max_length=12,
        unique=True,
        validators=[RegexValidator(r"\A[0-9]{12}\Z", _("An account number has exactly 12 digits."))],
    )
    name = models.CharField(_("account name"), max_length=120)
    contact_email = models.EmailField(_("contact"))
    ticket_url = models.URLField(_("ticket"), blank=True)
    # Made by the portal, never taken from a client; shown only to owners.
    external_id = models.CharField(max_length=64, unique=True, default=new_external_id, editable=False)
    alias = models.CharField(max_length=63, blank=True)
    # Not a secret: remembered so that the same role can be handed over again with one click.
    last_role_arn = models.CharField(max_length=2048, blank=True)
    registered_at = models.DateTimeField(auto_now_add=True)

    objects = AwsAccountQuerySet.as_manager()

    class Meta:
        verbose_name = _("account")
        ordering = ("number",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(number__regex=r"^[0-9]{12}$"), name="account_number_is_12_digits"
            ),
        )

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


class OwnershipRole(models.TextChoices):
    OWNER = "owner", _("Owner")
    CO_OWNER = "co_owner", _("Co-owner")


class Ownership(models.Model):
    """Who answers for an account. One owner decides who else does; co-owners do everything else alike."""

    account = models.ForeignKey(AwsAccount, on_delete=models.CASCADE, related_name="ownerships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="ownerships")
    role = models.CharField(max_length=16, choices=OwnershipRole, default=OwnershipRole.OWNER)
    since = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("account", "user"), name="one_ownership_per_user"),
            models.UniqueConstraint(
                fields=("account",), condition=models.Q(role="owner"), name="one_owner_per_account"
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=OwnershipRole.values), name="ownership_role_is_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.user_id} owns {self.account_id}"
