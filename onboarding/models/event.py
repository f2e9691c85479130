"""What happened in a run, in order? `(run, number)` is the cursor of the live page."""

from django.db import models

from onboarding.models.run import Run


class Event(models.Model):
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="events")
    # Allocated by UPDATE run SET last_event_number = last_event_number + 1, so that none is skipped by a
    # reader.
    number = models.PositiveIntegerField()
    at = models.DateTimeField(auto_now_add=True)
    # A constant word ("run.status", "step.status", "region.reading", "aws.write", …), and the fields beside
    # it.
    kind = models.CharField(max_length=32)
    region = models.CharField(max_length=32, blank=True)
    step_id = models.BigIntegerField(null=True, blank=True)
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ("number",)
        constraints = (models.UniqueConstraint(fields=("run", "number"), name="one_event_per_number"),)

    def __str__(self) -> str:
        return f"{self.number} {self.kind}"
