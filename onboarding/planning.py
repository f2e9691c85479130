"""What is the difference between what should be and what is, step by step?

Blueprint × survey × the owner's choices -> a plan: the steps, in order, and notes that explain what is left
alone and why. Pure: no database, no clock, no AWS. The owner approves the plan by its digest.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from onboarding.states import WRITING_STAGES, Goal, Stage, StepKind


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One thing to do in one region. `why` is a word for the page: "absent", "outdated", "failed_before"."""

    ordinal: int
    stage: Stage
    kind: StepKind
    goal: Goal
    region: str
    target: str
    stack_id: str = ""
    template_digest: str = ""
    why: str = ""

    @property
    def identity(self) -> tuple[str, ...]:
        """What makes it the same step in another plan: everything but its place in the order."""
        return (self.kind, self.goal, self.region, self.target, self.stack_id, self.template_digest)


@dataclass(frozen=True, slots=True)
class Note:
    """Something the owner should know and that no step does. `code` is a constant word; the page words it."""

    code: str
    region: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    account: str
    home_region: str
    regions: tuple[str, ...]
    steps: tuple[PlannedStep, ...]
    notes: tuple[Note, ...]
    blueprint_digest: str
    choices: Mapping[str, Any]

    @property
    def is_empty(self) -> bool:
        """Nothing to write: the account is already right and only has to be verified."""
        return not any(step.stage in WRITING_STAGES for step in self.steps)

    @property
    def digest(self) -> str:
        """SHA-256 of what is approved: steps, regions, choices, blueprint. No notes, times or statuses."""
        approved = {
            "account": self.account,
            "home_region": self.home_region,
            "regions": list(self.regions),
            "steps": [asdict(step) for step in self.steps],
            "blueprint_digest": self.blueprint_digest,
            "choices": dict(self.choices),
        }
        canonical = json.dumps(approved, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        return {
            "account": self.account,
            "home_region": self.home_region,
            "regions": list(self.regions),
            "steps": [asdict(step) for step in self.steps],
            "notes": [
                {"code": note.code, "region": note.region, "fields": dict(note.fields)} for note in self.notes
            ],
            "blueprint_digest": self.blueprint_digest,
            "choices": dict(self.choices),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(
            account=stored["account"],
            home_region=stored["home_region"],
            regions=tuple(stored["regions"]),
            steps=tuple(_step_from_json(step) for step in stored["steps"]),
            notes=tuple(Note(**note) for note in stored["notes"]),
            blueprint_digest=stored["blueprint_digest"],
            choices=stored["choices"],
        )


def _step_from_json(stored: Mapping[str, Any]) -> PlannedStep:
    return PlannedStep(
        **{
            **stored,
            "stage": Stage(stored["stage"]),
            "kind": StepKind(stored["kind"]),
            "goal": Goal(stored["goal"]),
        }
    )


def plans_differ(old: Plan, new: Plan, finished: Collection[int] = ()) -> bool:
    """Whether `new` asks for a write that the approval of `old` doesn't cover.

    `finished` are the ordinals of old's steps that are done: they may be missing from the new plan, as may
    those that somebody else did meanwhile. A run's own progress is no change of plan.
    """
    if (old.home_region, old.blueprint_digest) != (new.home_region, new.blueprint_digest):
        return True
    if dict(old.choices) != dict(new.choices):
        return True
    approved = {step.identity for step in old.steps if step.ordinal not in finished}
    return any(step.stage in WRITING_STAGES and step.identity not in approved for step in new.steps)
