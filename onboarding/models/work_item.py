"""What is due, and who holds it? One run, one region, one stage: the thing a worker claims."""

from django.db import models

from onboarding.models.run import Run
from onboarding.states import Stage


class WorkItem(models.Model):
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="work_items")
    stage = models.CharField(max_length=16, choices=Stage)
    # Empty for a stage that is not bound to a region.
    region = models.CharField(max_length=32, blank=True)
    # None once there is nothing left to do.
    due_at = models.DateTimeField(null=True, blank=True, db_index=True)
    # Whoever writes must still be the holder: a lease that ended may have been given to another.
    holder = models.CharField(max_length=36, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    claims = models.PositiveIntegerField(default=0)
    # Consecutive faults (throttling, network): sets the back-off, back to 0 on success.
    faults = models.PositiveIntegerField(default=0)
    # What the last of them was (observed.Failure as a dict): why a time limit ended the work, if one does.
    trouble = models.JSONField(null=True, blank=True)
    # How often in a row our own code broke on it: a defect of ours, which ends it sooner than its deadline.
    breaks = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("run", "stage", "region"), name="one_item_per_run_stage_region"),
        )

    def __str__(self) -> str:
        return f"{self.stage} {self.region} of run {self.run_id}"
