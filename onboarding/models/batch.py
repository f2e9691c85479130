"""What did somebody of infosec ask to be done to many accounts, how far is it, and what came of each?

First a batch is judged: each of its lines says whether the act applies to it, or why it doesn't. Nothing is
done before whoever judged it confirms it, by its digest; then the worker goes through the lines, each once.
"""

import uuid
from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from onboarding.models.account import AwsAccount

# A judgement that nobody acts on is forgotten: it holds people's addresses, and gets old.
JUDGED_FOR = timedelta(hours=1)
# What was done is on the audit log for ever; the lines serve who looks for what came of it.
KEPT_FOR = timedelta(days=30)


class BatchKind(models.TextChoices):
    IMPORT = "import", _("Import accounts")
    REMIND = "remind", _("Remind by mail")
    RETRY = "retry", _("Start again")
    ASSIGN = "assign", _("Assign")
    TAG = "tag", _("Add a tag")
    UNTAG = "untag", _("Take a tag off")


class LineState(models.TextChoices):
    APPLIES = "applies", _("Will be done")
    KNOWN = "known", _("So already")
    FAULTY = "faulty", _("Can’t be done")
    DONE = "done", _("Done")
    REFUSED = "refused", _("Was refused")


class BatchQuerySet(models.QuerySet["Batch"]):
    def of(self, user_id: int) -> Self:
        """A batch is for the eyes of who made it."""
        return self.filter(by_id=user_id)

    def to_be_done(self, now: datetime) -> Self:
        """Confirmed, not finished, and held by nobody."""
        free = Q(lease_until=None) | Q(lease_until__lte=now)
        return self.filter(free, confirmed_at__isnull=False, finished_at=None)

    def forgotten(self, now: datetime) -> Self:
        return self.filter(
            Q(confirmed_at=None, created_at__lt=now - JUDGED_FOR)
            | Q(finished_at__isnull=False, created_at__lt=now - KEPT_FOR)
        )


class Batch(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=16, choices=BatchKind)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    # What the act needs beside the account: {"tag": …}, {"user_id": …}, {"invite": true}.
    arguments = models.JSONField(default=dict, blank=True)
    # SHA-256 of what was judged. Whoever confirms names it, and so confirms just that.
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    holder = models.CharField(max_length=36, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    objects = BatchQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        indexes = (
            models.Index(fields=("confirmed_at",), name="batch_to_be_done", condition=Q(finished_at=None)),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @property
    def is_forgotten(self) -> bool:
        return self.confirmed_at is None and self.created_at < timezone.now() - JUDGED_FOR


class BatchLine(models.Model):
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="lines")
    # The line of the list, or the place among those selected.
    place = models.PositiveIntegerField()
    number = models.CharField(max_length=12, blank=True)
    account = models.ForeignKey(AwsAccount, null=True, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=16, choices=LineState)
    # Why not: a roster.Fault, or a refusal's code.
    reason = models.CharField(max_length=40, blank=True)
    said = models.CharField(max_length=120, blank=True)
    # What an import takes in.
    entry = models.JSONField(null=True, blank=True)

    class Meta:
        ordering = ("place",)
        constraints = (models.UniqueConstraint(fields=("batch", "place"), name="one_line_per_place"),)
        indexes = (models.Index(fields=("batch", "state", "place"), name="batch_lines_by_state"),)

    def __str__(self) -> str:
        return f"{self.place}: {self.state}"
