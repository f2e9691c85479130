"""What may only the owner decide, and what have they decided?

A question is about one thing, and its key names exactly that thing with all that an answer would consent to:
when the thing changes, so does the key, and the question is asked again. Answers live in `Run.choices`, by
key. The first option of every question changes nothing of the owner's. Pure.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from onboarding.matching import OldMatch, attachments_of, extras_of
from onboarding.observed import Role, Stack

LEAVE = "leave"
REMOVE, LIFT, DETACH, DELETE = "remove", "lift", "detach", "delete"
ADD, SKIP, CLEAR = "add", "skip", "clear"
KEEP, REPOINT, FREE = "keep", "repoint", "free"

EXTRAS, PROTECTED, ATTACHMENTS = "old_stack_extras", "old_stack_protected", "old_role_attachments"
OWN_TRAIL, TOO_MANY_TRAILS = "own_trail", "too_many_trails"
BLOCKED, TWO_HOMES, ORGANIZATION_TRAIL = "name_blocked", "two_homes", "organization_trail"

# What CloudTrail charges for each copy of the same management events after the first, in US dollars.
EXTRA_COPY_USD_PER_100_000_EVENTS = "2.00"


@dataclass(frozen=True, slots=True)
class Question:
    """One decision about one thing. `fields` name it for the page; the first of `options` is the safe one."""

    code: str
    region: str
    key: str
    fields: Mapping[str, Any]
    options: tuple[str, ...]

    @property
    def safe(self) -> str:
        return self.options[0]

    def answer_in(self, answers: Mapping[str, str]) -> str | None:
        """What was decided; None when it wasn't, or when that is no option any more."""
        given = answers.get(self.key)
        return given if given in self.options else None

    def as_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "region": self.region,
            "key": self.key,
            "fields": dict(self.fields),
            "options": list(self.options),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**{**stored, "options": tuple(stored["options"])})


@dataclass(frozen=True, slots=True)
class Group:
    """The same question about several things: one answer for all of them, or one for each."""

    code: str
    options: tuple[str, ...]
    questions: tuple[Question, ...] = field(default_factory=tuple)

    @property
    def key(self) -> str:
        """Constant while it is the same question about the same things."""
        return f"{self.code}-{_digest([question.key for question in self.questions])}"


def grouped(questions: Iterable[Question]) -> tuple[Group, ...]:
    """The questions as people are asked them: what can be answered alike is asked once."""
    alike: dict[tuple[str, tuple[str, ...]], list[Question]] = {}
    for question in questions:
        alike.setdefault((question.code, question.options), []).append(question)
    return tuple(Group(code, options, tuple(several)) for (code, options), several in alike.items())


def answers_in(choices: Mapping[str, Any]) -> dict[str, str]:
    """The answers among an owner's choices, by the questions' keys."""
    return {str(key): str(option) for key, option in choices.get("answers", {}).items()}


def relevant_answers(questions: Iterable[Question], answers: Mapping[str, str]) -> dict[str, str]:
    """Those that answer one of these questions, in the order of their keys."""
    given = {question.key: question.answer_in(answers) for question in questions}
    return {key: answer for key, answer in sorted(given.items()) if answer is not None}


def consents(questions: Iterable[Question], answers: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    """The answers that allow more than the safe one would, as (key, option)."""
    return frozenset(
        (question.key, answer)
        for question in questions
        if (answer := question.answer_in(answers)) is not None and answer != question.safe
    )


def resources_let_go(consented: Iterable[Question]) -> list[tuple[str, str]]:
    """What goes with old stacks, as (type, physical id), by these answers."""
    return [
        (str(kind), str(physical_id))
        for question in consented
        for kind, physical_id in question.fields.get("resources", ())
    ]


def profiles_let_go(consented: Iterable[Question]) -> list[str]:
    """The instance profiles that old roles may be taken out of, by these answers."""
    return sorted(
        {str(name) for question in consented for name in question.fields.get("instance_profiles", ())}
    )


def version_of(questions: Iterable[Question], answers: Mapping[str, str]) -> str:
    """What a form was made from: another set of questions, or another answer, is another version."""
    asked = [(question.key, list(question.options), question.answer_in(answers)) for question in questions]
    return _digest(sorted(asked, key=lambda one: one[0]))


def questions_on_removal(
    stack: Stack, match: OldMatch, role_logical_ids: Iterable[str], roles: Iterable[Role] = ()
) -> tuple[Question, ...]:
    """All that has to be answered before this old stack may go. `roles`: with what hangs on them."""
    asked: list[Question] = []
    named = {"stack": stack.name, "stack_id": stack.stack_id}
    if match == OldMatch.OLD_WITH_EXTRAS:
        extras = extras_of(role_logical_ids, stack)
        resources = [[each.type, each.physical_id or each.logical_id] for each in extras]
        asked.append(_ask(EXTRAS, stack.region, {**named, "resources": resources}, (LEAVE, REMOVE)))
    if stack.is_termination_protected:
        asked.append(_ask(PROTECTED, stack.region, named, (LEAVE, LIFT)))
    own = {each.physical_id for each in stack.resources or ()}
    attached = (question_on_attachments(stack, role) for role in roles if role.name in own)
    return (*asked, *(question for question in attached if question is not None))


def question_on_attachments(stack: Stack, role: Role) -> Question | None:
    """Whether what was attached to the role by hand may be detached; None when there is nothing."""
    policies, inline, profiles = attachments_of(stack, role)
    if not policies and not inline and not profiles:
        return None
    fields = {
        "stack": stack.name,
        "role": role.name,
        "policies": list(policies),
        "inline_policies": list(inline),
        "instance_profiles": list(profiles),
    }
    return _ask(ATTACHMENTS, stack.region, fields, (LEAVE, DETACH))


def question_on_blocked(stack: Stack) -> Question:
    """Whether a stack that holds one of our names, and is nothing, may be deleted for ours to be made."""
    fields = {"stack": stack.name, "stack_id": stack.stack_id, "status": stack.status}
    # What is consented to is the deletion of this very stack, however its failure is called by then.
    return _ask(BLOCKED, stack.region, fields, (LEAVE, DELETE), about={"stack_id": stack.stack_id})


def question_on_two_homes(name: str, stacks: Mapping[str, str], preferred: str) -> Question:
    """Which of two stacks of ours, by their home regions, shall be kept up to date."""
    others = sorted(region for region in stacks if region != preferred)
    options = tuple(f"use:{region}" for region in (preferred, *others))
    return _ask(TWO_HOMES, preferred, {"stack": name, "stacks": dict(sorted(stacks.items()))}, options,
                about={"stacks": sorted(stacks.values())})  # fmt: skip


def question_on_organization_trail(fields: Mapping[str, Any], region: str) -> Question:
    """Whether ours is added beside a trail of the organization's, which costs the owner a second copy."""
    return _ask(ORGANIZATION_TRAIL, region, fields, (ADD, SKIP), about={"arn": fields["arn"]})


def question_on_own_trail(fields: Mapping[str, Any], region: str, *, may_repoint: bool) -> Question:
    """Whether a trail of the owner's is kept beside ours, or delivers to the log storage in ours' stead."""
    options = (KEEP, REPOINT) if may_repoint else (KEEP, SKIP)
    return _ask(OWN_TRAIL, region, fields, options, about={"arn": fields["arn"], "bucket": fields["bucket"]})


def question_on_too_many_trails(
    region: str, trails: Mapping[str, str], free: Iterable[str], repoint: Iterable[str]
) -> Question:
    """Which of five trails may go, or deliver to the log storage, or whether the region is left out.

    `trails` are all of the region's, {name: bucket}.
    """
    options = (SKIP, *(f"{REPOINT}:{name}" for name in repoint), *(f"{FREE}:{name}" for name in free))
    return _ask(TOO_MANY_TRAILS, region, {"trails": dict(sorted(trails.items()))}, options)


def _ask(
    code: str,
    region: str,
    fields: Mapping[str, Any],
    options: tuple[str, ...],
    *,
    about: Mapping[str, Any] | None = None,
) -> Question:
    """The key holds what is `about`; by default every field, as each of them is consented to."""
    key = f"{code}:{_digest([code, region, dict(fields if about is None else about)])}"
    return Question(code=code, region=region, key=key, fields=fields, options=options)


def _digest(value: Any) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]
