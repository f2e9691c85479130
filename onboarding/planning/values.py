"""What is a plan made of, what is its digest, and how is it kept as JSON?

The owner approves a plan by its digest: the canonical JSON of what is written in it, without times or
statuses.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from onboarding.planning.questions import Question, answers_in, consents
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
    # A remedy's code: this should be done and can't be, so it is refused from the start and others go on.
    refused: str = ""

    @property
    def is_write(self) -> bool:
        """Whether carrying it out changes anything."""
        return self.stage in WRITING_STAGES and not self.refused

    @property
    def identity(self) -> tuple[str, ...]:
        """What makes it the same step in another plan. Only a deletion is bound to one stack id."""
        stack_id = self.stack_id if self.kind == StepKind.REMOVE_STACK else ""
        return (self.kind, self.goal, self.region, self.target, stack_id, self.template_digest)


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
    # With the owner's answers to `questions`, by their keys; and what follows from them for the regions.
    choices: Mapping[str, Any]
    questions: tuple[Question, ...] = ()
    # For people: the digest says the same, and more.
    blueprint_version: str = ""

    @property
    def answers(self) -> dict[str, str]:
        return answers_in(self.choices)

    @property
    def open_questions(self) -> tuple[Question, ...]:
        """What must be answered before this is a plan that anybody can approve."""
        return tuple(question for question in self.questions if question.answer_in(self.answers) is None)

    @property
    def consents(self) -> frozenset[tuple[str, str]]:
        """What the owner allows beyond the safe answers, as (question's key, option)."""
        return consents(self.questions, self.answers)

    @property
    def consented(self) -> tuple[Question, ...]:
        """The questions that the owner answered with more than the safe answer."""
        keys = {key for key, _option in self.consents}
        return tuple(question for question in self.questions if question.key in keys)

    @property
    def is_empty(self) -> bool:
        """Nothing to write: the account is already right and only has to be verified."""
        return not any(step.is_write for step in self.steps)

    @property
    def deletions(self) -> tuple[PlannedStep, ...]:
        """What can't be undone: the owner agrees to each by itself."""
        return tuple(step for step in self.steps if step.goal == Goal.ABSENT and step.is_write)

    @property
    def digest(self) -> str:
        """SHA-256 of what is approved: steps, regions, choices, blueprint. No notes, no times."""
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
            "questions": [question.as_json() for question in self.questions],
            "blueprint_version": self.blueprint_version,
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
            blueprint_version=stored.get("blueprint_version", ""),
            # A plan from before there were any has none.
            questions=tuple(Question.from_json(each) for each in stored.get("questions", ())),
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
