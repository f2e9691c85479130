"""What did a look at a region come to, where nothing was wrong, and how is it written down?

A finding is decided without the database and without AWS. Those of many regions of one run are written with
as few statements as that of one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from onboarding.engine import advancing, readings
from onboarding.engine.readings import Shown
from onboarding.models import Run, Step, history
from onboarding.models.history import StepMove
from onboarding.states import Stage, StepStatus


@dataclass(frozen=True, slots=True)
class Finding:
    """What the region's row shows now, and where its step stands: finished, or to be looked at again."""

    step: Step
    shown: Shown
    status: StepStatus
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_last(self) -> bool:
        return self.status == StepStatus.FINISHED

    @property
    def is_news(self) -> bool:
        """Whether the step stands otherwise than before; most looks find it as it was."""
        return self.step.status != self.status or any(
            getattr(self.step, name) != value for name, value in self.fields.items()
        )


def write(run: Run, findings: Sequence[Finding]) -> None:
    """Write them, and go on with whatever they make possible. Inside the caller's transaction on the run."""
    readings.keep(run, [finding.shown for finding in findings])
    moved = history.move_steps(
        [
            StepMove(finding.step, finding.status, fields=finding.fields)
            for finding in findings
            if finding.is_news
        ]
    )
    if settled := [step for step in moved if step.is_settled]:
        advancing.go_on(run, Stage(settled[0].stage))
