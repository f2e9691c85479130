"""Which runs exist, where each stands, and what its owner approved."""

import uuid
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from onboarding.models.account import AwsAccount
from onboarding.models.grant import Grant
from onboarding.models.people import sees_every_account
from onboarding.states import OPEN_RUN_STATUSES, SETTLED_RUN_STATUSES, RunStatus

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


class RunQuerySet(models.QuerySet["Run"]):
    def visible_to(self, user: "AbstractBaseUser | AnonymousUser") -> Self:
        """The runs of accounts that `user` may see. The only way in for views."""
        if not user.is_authenticated:
            return self.none()
        if sees_every_account(user):
            return self
        return self.filter(account__ownerships__user_id=user.pk)

    def open(self) -> Self:
        return self.filter(status__in=OPEN_RUN_STATUSES)


class Run(models.Model):
    """One execution of a plan for one account. Status and what explains it change only with an Event."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(AwsAccount, on_delete=models.CASCADE, related_name="runs")
    grant = models.ForeignKey(Grant, null=True, on_delete=models.SET_NULL, related_name="runs")
    status = models.CharField(max_length=16, choices=RunStatus, default=RunStatus.DRAFT)
    # Its owner creates the stacks; the portal admits the account before, and verifies after.
    is_by_hand = models.BooleanField(default=False, db_default=False)
    # Of a run that undoes what a cancelled one had created: that one.
    undoes = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="undone_by"
    )
    home_region = models.CharField(max_length=32, blank=True)
    # The owner's answers, by question; part of the plan's digest.
    choices = models.JSONField(default=dict, blank=True)
    # What the survey found and the plan made of it: written by the worker, read by the page.
    survey = models.JSONField(null=True, blank=True)
    plan = models.JSONField(null=True, blank=True)
    plan_digest = models.CharField(max_length=64, blank=True)
    approved_digest = models.CharField(max_length=64, blank=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    # Raised for each UpdateStack that asks the Lambda to try the unsettled regions again.
    attempt = models.PositiveIntegerField(default=1)
    # Why it stands where it stands: a remedy's code, and the AWS failure's fields (observed.Failure as a
    # dict).
    reason_code = models.CharField(max_length=64, blank=True)
    failure = models.JSONField(null=True, blank=True)
    last_event_number = models.PositiveIntegerField(default=0)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # How long a status may last, engine.deadlines says.
    status_since = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    # When somebody last acted on it: for a moment it then goes before all others.
    asked_at = models.DateTimeField(null=True, blank=True, db_index=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("account",),
                condition=Q(status__in=sorted(OPEN_RUN_STATUSES)),
                name="one_open_run_per_account",
            ),
        )

    def __str__(self) -> str:
        return f"run {self.id} ({self.status})"

    @property
    def is_undoing(self) -> bool:
        """Whether it removes what a cancelled run had created, and does nothing else."""
        return self.undoes_id is not None

    @property
    def is_settled(self) -> bool:
        return self.status in SETTLED_RUN_STATUSES
