"""What is to be done in one run, one thing in one region each, and how far is it?"""

from dataclasses import dataclass
from typing import Any

from django.db import models

from onboarding.models.run import Run
from onboarding.states import SETTLED_STEP_STATUSES, Goal, Move, Stage, StepKind, StepStatus


class Step(models.Model):
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps")
    ordinal = models.PositiveIntegerField()
    stage = models.CharField(max_length=16, choices=Stage)
    kind = models.CharField(max_length=24, choices=StepKind)
    goal = models.CharField(max_length=16, choices=Goal)
    region = models.CharField(max_length=32, blank=True)
    # A stack's name, or for a removal the name people know it by.
    target = models.CharField(max_length=255)
    stack_id = models.CharField(max_length=2048, blank=True)
    template_digest = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=16, choices=StepStatus, default=StepStatus.WAITING)
    # The intent: stored before the request is sent, so that a lost answer is asked again with the same token.
    last_move = models.CharField(max_length=16, choices=Move, blank=True)
    token = models.CharField(max_length=128, blank=True)
    # How often a request of this step was begun: part of the token.
    attempts = models.PositiveIntegerField(default=0)
    # What AWS last said of it, for people ("CREATE_IN_PROGRESS").
    aws_status = models.CharField(max_length=64, blank=True)
    reason_code = models.CharField(max_length=64, blank=True)
    failure = models.JSONField(null=True, blank=True)
    # A deployed stack's outputs: role ARNs and the like.
    outputs = models.JSONField(default=dict, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("ordinal",)
        constraints = (models.UniqueConstraint(fields=("run", "ordinal"), name="one_step_per_ordinal"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.target} {self.region}".strip()

    @property
    def is_settled(self) -> bool:
        return self.status in SETTLED_STEP_STATUSES


@dataclass(frozen=True, slots=True)
class PlainStep:
    """Of a step, what a page says of its region: a run has dozens."""

    stage: str
    kind: str
    region: str
    target: str
    status: str
    aws_status: str
    reason_code: str
    failure: dict[str, Any] | None


AnyStep = Step | PlainStep
