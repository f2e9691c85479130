"""What does infosec keep about accounts for itself: tags, notes, who looks after which, views of the list?

Owners see none of it. Written by services.desk alone.
"""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from onboarding.models.account import AwsAccount


class AccountTag(models.Model):
    account = models.ForeignKey(AwsAccount, on_delete=models.CASCADE, related_name="tags")
    # Lower case; roster.TAG says which characters.
    name = models.CharField(max_length=40)

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("account", "name"), name="one_tag_of_a_name"),)
        indexes = (models.Index(fields=("name", "account"), name="accounts_of_tag"),)

    def __str__(self) -> str:
        return self.name


class AccountNote(models.Model):
    account = models.ForeignKey(AwsAccount, on_delete=models.CASCADE, related_name="notes")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    text = models.TextField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-at", "-pk")

    def __str__(self) -> str:
        return f"note {self.pk} on {self.account_id}"


class Assignment(models.Model):
    """Who of infosec looks after an account."""

    account = models.OneToOneField(AwsAccount, on_delete=models.CASCADE, related_name="assignment")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="assignments")
    since = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.user_id} looks after {self.account_id}"


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def offered_to(self, user_id: int) -> Self:
        """One's own, and those that colleagues share."""
        return self.filter(Q(owner_id=user_id) | Q(is_shared=True))


class SavedView(models.Model):
    """A name for an address of the accounts' list: its filters, order and columns."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=2000)
    is_shared = models.BooleanField(default=False)
    saved_at = models.DateTimeField(auto_now=True)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("owner", "name"), name="one_view_of_a_name"),)

    def __str__(self) -> str:
        return self.name


class Reminder(models.Model):
    """Asks an account's owners by mail to go on. Written by somebody's act; the worker sends it."""

    account = models.ForeignKey(AwsAccount, on_delete=models.CASCADE, related_name="reminders")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    # When it is to be sent; while somebody is at it, when it would be tried again.
    due_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("-at",)
        indexes = (
            models.Index(fields=("due_at",), name="reminders_due", condition=Q(due_at__isnull=False)),
            models.Index(fields=("account", "at"), name="reminders_of_account"),
        )

    def __str__(self) -> str:
        return f"reminder {self.pk} of {self.account_id}"
