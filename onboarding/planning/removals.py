"""Which old stacks go, and which are left alone and why?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from onboarding.blueprint import Blueprint
from onboarding.decisions import condition
from onboarding.matching import OldMatch, compare_with_old
from onboarding.observed import AccountSurvey, Role, Stack
from onboarding.planning.questions import Question, questions_on_removal
from onboarding.planning.values import Note
from onboarding.states import Condition, RegionOutcome


@dataclass(frozen=True, slots=True)
class Removals:
    """The stacks to delete, by region and name, and what is said of all others that look like them."""

    stacks: tuple[Stack, ...]
    notes: tuple[Note, ...]
    questions: tuple[Question, ...]


def find_removals(blueprint: Blueprint, survey: AccountSurvey, answers: Mapping[str, str]) -> Removals:
    """Every matching old stack in every region that could be read; the first hit is no reason to stop.

    One that is protected, or holds more than the old role, goes only where the owner has answered so.
    """
    stacks: list[Stack] = []
    notes: list[Note] = []
    questions: list[Question] = []
    for stack in _all_stacks(survey):
        match compare_with_old(blueprint.company, stack, survey.old_roles):
            case OldMatch.NOT_OLD:
                continue
            case OldMatch.OLD | OldMatch.OLD_WITH_EXTRAS if condition(stack.status) == Condition.IN_REVIEW:
                notes.append(_note_on(stack, "change_set_waiting"))
            case OldMatch.OLD | OldMatch.OLD_WITH_EXTRAS if stack.service_role_arn:
                # AWS would delete it with that role's rights, whatever ours are bounded to.
                notes.append(_note_on(stack, "old_stack_has_service_role"))
            case OldMatch.OLD | OldMatch.OLD_WITH_EXTRAS as match:
                asked = questions_on_removal(
                    stack, match, blueprint.company.old.role_logical_ids, survey.stack_roles
                )
                questions += asked
                if may_remove(asked, answers):
                    stacks.append(stack)
                else:
                    notes.append(_note_on(stack, "old_stack_left"))
            case left_alone:
                notes.append(_note_on(stack, left_alone.value))
    notes += _notes_on_roles(survey, removed=stacks)
    if not stacks and not notes:
        searched = [region.region for region in survey.regions if region.outcome == RegionOutcome.READ]
        notes.append(Note("no_old_stack", fields={"regions_searched": len(searched)}))
    return Removals(tuple(stacks), tuple(notes), tuple(questions))


def may_remove(asked: Sequence[Question], answers: Mapping[str, str]) -> bool:
    """Whether the owner has allowed everything that was asked about one old stack."""
    given = [(question.answer_in(answers), question.safe) for question in asked]
    return all(answer is not None and answer != safe for answer, safe in given)


def _all_stacks(survey: AccountSurvey) -> list[Stack]:
    found = [stack for region in survey.regions for stack in region.stacks]
    return sorted(found, key=lambda stack: (stack.region, stack.name, stack.stack_id))


def _note_on(stack: Stack, code: str) -> Note:
    fields = {"stack": stack.name, "stack_id": stack.stack_id, "status": stack.status}
    if stack.service_role_arn:
        fields |= {"service_role": stack.service_role_arn, "stack_region": stack.region}
    if stack.parent_id or stack.root_id:
        fields["parent"] = stack.parent_id or stack.root_id
    return Note(code, stack.region, fields)


def _notes_on_roles(survey: AccountSurvey, *, removed: list[Stack]) -> list[Note]:
    """Roles that trust the old principal and that no removal takes along: verification will find them."""
    if survey.old_roles is None:
        return [Note("old_roles_not_listed")]
    holders = {
        resource.physical_id: stack for stack in _all_stacks(survey) for resource in stack.resources or ()
    }
    return [
        _note_on_role(role, holders.get(role.name))
        for role in sorted(survey.old_roles, key=lambda role: role.arn)
        if holders.get(role.name) not in removed
    ]


def _note_on_role(role: Role, holder: Stack | None) -> Note:
    """Who has a stack must not be told to delete the stack's role by hand."""
    if holder is None:
        return Note("old_role_left", fields={"role": role.name, "arn": role.arn})
    held = {"role": role.name, "arn": role.arn, "stack": holder.name, "stack_id": holder.stack_id}
    return Note("old_role_in_stack", holder.region, held)
