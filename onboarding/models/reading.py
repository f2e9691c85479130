"""What was last read of a region of an account? Outlives the run; dashboards and later checks use it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models

from onboarding.models.account import AwsAccount
from onboarding.states import RegionOutcome, RegionState


class RegionReading(models.Model):
    account = models.ForeignKey(AwsAccount, on_delete=models.CASCADE, related_name="readings")
    region = models.CharField(max_length=32)
    outcome = models.CharField(max_length=16, choices=RegionOutcome, default=RegionOutcome.READ)
    state = models.CharField(max_length=16, choices=RegionState, default=RegionState.UNKNOWN)
    stack_status = models.CharField(max_length=64, blank=True)
    stack_id = models.CharField(max_length=2048, blank=True)
    trail_arn = models.CharField(max_length=2048, blank=True)
    is_logging = models.BooleanField(null=True)
    latest_delivery_at = models.DateTimeField(null=True, blank=True)
    latest_delivery_error = models.CharField(max_length=255, blank=True)
    # A remedy's code where something is wrong.
    reason_code = models.CharField(max_length=64, blank=True)
    failure = models.JSONField(null=True, blank=True)
    read_at = models.DateTimeField()

    class Meta:
        ordering = ("region",)
        constraints = (models.UniqueConstraint(fields=("account", "region"), name="one_reading_per_region"),)
        # Which accounts have this region in that state?
        indexes = (models.Index(fields=("region", "state", "account"), name="reading_region_state"),)

    def __str__(self) -> str:
        return f"{self.region}: {self.state}"


@dataclass(frozen=True, slots=True)
class PlainReading:
    """Of a reading, what a page shows: an account has dozens."""

    region: str
    outcome: str
    state: str
    stack_status: str
    trail_arn: str
    is_logging: bool | None
    latest_delivery_at: datetime | None
    latest_delivery_error: str
    reason_code: str
    failure: dict[str, Any] | None
    read_at: datetime


AnyReading = RegionReading | PlainReading
