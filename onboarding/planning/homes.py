"""Where do the two parent stacks live, or where shall they, and what does each need?

In one home region, the same for both. Roles are global: a parent that lives in the other home region stays
there and is not made a second time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onboarding.blueprint import Blueprint, StackBlueprint, Template, is_current
from onboarding.decisions import condition, condition_of
from onboarding.matching import is_managed_elsewhere, is_ours
from onboarding.observed import AccountSurvey, Stack
from onboarding.planning.questions import (
    DELETE,
    Question,
    answers_in,
    question_on_blocked,
    question_on_two_homes,
)
from onboarding.planning.values import Note
from onboarding.states import Condition, RegionOutcome

_LIVE = frozenset({Condition.LIVE, Condition.LIVE_AFTER_FAILED_UPDATE})
# What holds a name and is nothing: a failed creation, a deletion that failed, a change set never executed.
_NOTHING_BUT_A_NAME = frozenset({Condition.BLOCKED, Condition.DELETE_FAILED, Condition.IN_REVIEW})


@dataclass(frozen=True, slots=True)
class Parent:
    """One parent stack as found: in `region` it lives or shall live; `twins` hold its name elsewhere."""

    part: StackBlueprint
    region: str
    stack: Stack | None
    twins: tuple[Stack, ...]
    is_readable: bool
    # Which of two live ones shall be kept up to date, and whether what blocks the name may go.
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True)
class Homes:
    home_region: str
    roles: Parent
    trails: Parent


@dataclass(frozen=True, slots=True)
class Need:
    """What a parent or a region needs: nothing, a step with its `why`, or a step that is `refused`."""

    why: str = ""
    refused: str = ""


NOTHING_NEEDED = Need()


def find_homes(blueprint: Blueprint, survey: AccountSurvey, choices: Mapping[str, Any]) -> Homes:
    home = _home_region(blueprint, survey, choices)
    return Homes(
        home_region=home,
        roles=_find_parent(blueprint, blueprint.roles, survey, home, answers_in(choices)),
        trails=_find_parent(blueprint, blueprint.trails, survey, home, answers_in(choices)),
    )


def blocking(template: Template, stack: Stack | None) -> Question | None:
    """What to ask about a stack that does nothing but hold our name; None for any other."""
    if stack is None or condition(stack.status) not in _NOTHING_BUT_A_NAME or is_managed_elsewhere(stack):
        return None
    # A change set that was never executed has made nothing that could be somebody's.
    if condition(stack.status) != Condition.IN_REVIEW and not is_ours(template, stack):
        return None
    return question_on_blocked(stack)


def what_parent_needs(parent: Parent, wanted: Mapping[str, str], answers: Mapping[str, str]) -> Need:
    """What it takes to make the parent as the blueprint, with these parameters, wants it."""
    if not parent.is_readable:
        return Need(refused="home_region_unreadable")
    stack = parent.stack
    if (question := blocking(parent.part.template, stack)) is not None:
        allowed = question.answer_in(answers) == DELETE
        return Need(why="failed_before") if allowed else Need(refused="blocked_name_left")
    match condition_of(stack):
        case Condition.ABSENT:
            return Need(why="absent")
        case Condition.IN_REVIEW:
            return Need(refused="change_set_waiting")
        case _ if stack is not None and not is_ours(parent.part.template, stack):
            return Need(refused="name_taken")
        case Condition.UPDATE_STUCK:
            return Need(refused="update_stuck")
        case Condition.BUSY | Condition.UNKNOWN:
            return Need(why="busy")
        case Condition.BLOCKED | Condition.DELETE_FAILED:
            return Need(why="failed_before")
        case _ if stack is not None and is_current(
            parent.part, wanted, tags=stack.tags, parameters=stack.parameters
        ):
            return NOTHING_NEEDED
        case _:
            return Need(why="outdated")


def next_attempt(stack: Stack | None) -> int:
    """The `Attempt` that makes the parent's Lambda look at its regions again; 1 for a new stack."""
    attempt = stack.parameters.get("Attempt", "") if stack else ""
    return int(attempt) + 1 if attempt.isdecimal() else 1


def notes_on_parent(parent: Parent, need: Need) -> list[Note]:
    """That it is there already, that another stands in the other home region, or why it can't be made."""
    notes = [
        Note("exists_in_other_home", twin.region, {"stack": twin.name, "stack_id": twin.stack_id})
        for twin in parent.twins
    ]
    stack_id = parent.stack.stack_id if parent.stack else ""
    if need.refused:
        notes.append(
            Note(need.refused, parent.region, {"stack": parent.part.stack_name, "stack_id": stack_id})
        )
    elif need == NOTHING_NEEDED and parent.stack is not None:
        notes.append(Note("already_present", parent.region, {"stack": parent.part.stack_name}))
    return notes


def _home_region(blueprint: Blueprint, survey: AccountSurvey, choices: Mapping[str, Any]) -> str:
    regions = blueprint.company.home.regions
    chosen = choices.get("home_region")

    def rank(region: str) -> tuple[int, int, bool, bool, int]:
        found = [
            stack
            for part in (blueprint.roles, blueprint.trails)
            if (stack := _find(part, survey, region)) and is_ours(part.template, stack)
        ]
        live = sum(condition(stack.status) in _LIVE for stack in found)
        return live, len(found), _is_read(survey, region), region == chosen, -regions.index(region)

    return max(regions, key=rank)


def _find_parent(
    blueprint: Blueprint, part: StackBlueprint, survey: AccountSurvey, home: str, answers: Mapping[str, str]
) -> Parent:
    homes = [home, *(region for region in blueprint.company.home.regions if region != home)]
    found = {region: stack for region in homes if (stack := _find(part, survey, region))}
    ours = [region for region in homes if region in found and is_ours(part.template, found[region])]
    # A live one anywhere is kept where it lives; a failed attempt elsewhere is no reason to build there.
    live = [region for region in ours if condition(found[region].status) in _LIVE]
    region = live[0] if live else home
    questions: list[Question] = []
    if len(live) > 1:
        ids = {each: found[each].stack_id for each in live}
        questions.append(question_on_two_homes(part.stack_name, ids, region))
        region = (questions[0].answer_in(answers) or questions[0].safe).removeprefix("use:")
    if (blocked := blocking(part.template, found.get(region))) is not None:
        questions.append(blocked)
    return Parent(
        part=part,
        region=region,
        stack=found.get(region),
        twins=tuple(found[other] for other in homes if other in found and other != region),
        is_readable=_is_read(survey, region),
        questions=tuple(questions),
    )


def _find(part: StackBlueprint, survey: AccountSurvey, region: str) -> Stack | None:
    surveyed = survey.region(region)
    stacks: Sequence[Stack] = surveyed.stacks if surveyed else ()
    return next((stack for stack in stacks if stack.name == part.stack_name), None)


def _is_read(survey: AccountSurvey, region: str) -> bool:
    surveyed = survey.region(region)
    return surveyed is not None and surveyed.outcome == RegionOutcome.READ
