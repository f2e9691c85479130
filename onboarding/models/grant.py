"""What access was handed over, and is it still held?

`sealed` can be opened by the worker alone (see `custody`). A destroyed grant keeps its story, not its secret.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q

from onboarding.models.account import AwsAccount
from onboarding.states import GrantKind


class Grant(models.Model):
    account = models.ForeignKey(AwsAccount, on_delete=models.CASCADE, related_name="grants")
    kind = models.CharField(max_length=24, choices=GrantKind)
    sealed = models.BinaryField(null=True)
    # Which public key it was sealed with: the first 16 hex digits of its SHA-256.
    sealing_key_id = models.CharField(max_length=16, blank=True)
    # For people: a role's ARN, or the last four characters of the access key id.
    label = models.CharField(max_length=2048)
    # What the owner or the credentials' JSON said; AWS has no way to ask.
    claimed_expiry = models.DateTimeField(null=True, blank=True)
    handed_over_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    handed_over_at = models.DateTimeField(auto_now_add=True)
    destroyed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(destroyed_at__isnull=True, sealed__isnull=False)
                | Q(destroyed_at__isnull=False, sealed__isnull=True),
                name="a_destroyed_grant_holds_nothing",
            ),
            models.UniqueConstraint(
                fields=("account",), condition=Q(destroyed_at__isnull=True), name="one_live_grant_per_account"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} for account {self.account_id}"
