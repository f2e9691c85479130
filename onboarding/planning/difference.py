"""Which steps lead from what is to what should be, and does one plan ask for more than another?"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from onboarding.blueprint import Blueprint, items_of, roles_parameters, trails_parameters
from onboarding.decisions import condition_of
from onboarding.observed import AccountSurvey
from onboarding.planning.homes import (
    NOTHING_NEEDED,
    Homes,
    Need,
    Parent,
    find_homes,
    notes_on_parent,
    what_parent_needs,
)
from onboarding.planning.own_trails import OwnTrails, find_own_trails, what_repointed_trails_need
from onboarding.planning.questions import CLEAR, SKIP, Question, answers_in, relevant_answers
from onboarding.planning.regions import (
    note_on_refusal,
    notes_on_own_trails,
    notes_on_skipped,
    questions_on_blocked_names,
    questions_on_organization_trails,
    regional_stack,
    regions_left_to_organization,
    regions_to_clear,
    regions_with_failing_delivery,
    what_region_needs,
)
from onboarding.planning.removals import Removals, find_removals
from onboarding.planning.values import Note, Plan, PlannedStep
from onboarding.states import WRITING_STAGES, Condition, Goal, RegionOutcome, Stage, StepKind

_MADE_BY_THE_PLAN = frozenset({"regions", "answers", "repointed", "freed"})


@dataclass(frozen=True, slots=True)
class _Step:
    """A step that has no place in the order yet."""

    stage: Stage
    kind: StepKind
    goal: Goal
    region: str
    target: str
    stack_id: str = ""
    template_digest: str = ""
    why: str = ""
    refused: str = ""

    def at(self, ordinal: int) -> PlannedStep:
        fields = {name: getattr(self, name) for name in self.__slots__}
        return PlannedStep(ordinal=ordinal, **fields)


def plan(blueprint: Blueprint, survey: AccountSurvey, choices: Mapping[str, Any]) -> Plan:
    """The plan for an account as surveyed, with what only the owner can decide.

    `choices` may hold "home_region", "regions" ({region: choice}) and "answers" ({question's key: option}).
    Until a question is answered the plan is made as if its safe option had been chosen. A region that must be
    refused is given the choice "skip" in the plan, so that the Lambda leaves it alone.
    """
    answers = answers_in(choices)
    homes = find_homes(blueprint, survey, choices)
    removals = find_removals(blueprint, survey, answers)
    asked, questions = _choices_of_regions(blueprint, survey, choices)
    own = find_own_trails(
        blueprint, survey, homes.trails.stack, answers, skipped={r for r, c in asked.items() if c == SKIP}
    )
    asked |= dict.fromkeys(sorted(own.skipped), SKIP)
    questions = (*questions, *own.questions)
    needs = {
        region.region: what_region_needs(
            blueprint,
            region,
            asked.get(region.region, ""),
            answers,
            freed=[trail.arn for trail in own.freed],
        )
        for region in survey.regions
        if region.outcome == RegionOutcome.READ and asked.get(region.region) != SKIP
    } | what_repointed_trails_need(blueprint, own)
    regions = _regions_of_parent(survey, homes.trails)
    # Where a trail of the owner's delivers in ours' stead, none of ours is made.
    effective = _effective_choices(asked | dict.fromkeys(sorted(own.covered), SKIP), needs, regions)
    roles = what_parent_needs(homes.roles, roles_parameters(blueprint), answers)
    wanted = trails_parameters(
        blueprint,
        regions=regions,
        choices=effective,
        attempt=1,
        repointed=[trail.arn for trail in own.repointed],
        freed=[trail.arn for trail in own.freed],
    )
    trails = _what_trails_parent_needs(homes, wanted, needs, answers)
    if trails.refused:
        # Only the parent's Lambda writes in the regions.
        needs = {
            name: need if need == NOTHING_NEEDED or need.refused else Need(refused="parent_refused")
            for name, need in needs.items()
        }
    steps = [
        *_removal_steps(removals),
        *_parent_step(homes.roles, roles, Stage.ROLES, StepKind.DEPLOY_ROLES),
        *_parent_step(homes.trails, trails, Stage.TRAILS, StepKind.DEPLOY_TRAILS),
        *_region_steps(blueprint, survey, needs, own),
    ]
    steps = [*_admission(blueprint, survey, steps), *steps, *_verification_steps(blueprint, needs)]
    questions = (*removals.questions, *homes.roles.questions, *homes.trails.questions, *questions)
    return Plan(
        account=survey.account,
        home_region=homes.home_region,
        regions=regions,
        steps=tuple(step.at(ordinal) for ordinal, step in enumerate(steps, start=1)),
        notes=tuple(
            _notes(
                blueprint,
                survey,
                homes=homes,
                removals=removals,
                roles=roles,
                trails=trails,
                needs=needs,
                asked=asked,
            )
        ),
        blueprint_digest=blueprint.digest,
        blueprint_version=blueprint.version,
        choices=_approved_choices(choices, effective, questions, answers, own),
        questions=questions,
    )


def _choices_of_regions(
    blueprint: Blueprint, survey: AccountSurvey, choices: Mapping[str, Any]
) -> tuple[dict[str, str], tuple[Question, ...]]:
    """What is chosen for each region, by itself or by an answer; and what is asked about regions."""
    answers = answers_in(choices)
    asked: dict[str, str] = dict(choices.get("regions", {}))
    skipped = {region for region, choice in asked.items() if choice == SKIP}
    on_organization = questions_on_organization_trails(blueprint, survey, skipped=skipped)
    left = regions_left_to_organization(on_organization, answers)
    asked |= dict.fromkeys(sorted(left), SKIP)
    # The Lambda deletes no change set that waits, unless it is told to.
    asked |= dict.fromkeys(regions_to_clear(blueprint, survey, answers, skipped=asked.keys()), CLEAR)
    on_blocked = questions_on_blocked_names(blueprint, survey, skipped=skipped | left)
    return asked, (*on_organization, *on_blocked)


def _approved_choices(
    choices: Mapping[str, Any],
    effective: Mapping[str, str],
    questions: tuple[Question, ...],
    answers: Mapping[str, str],
    own: OwnTrails,
) -> dict[str, Any]:
    """The choices that are part of the digest: no answer to what isn't asked, nothing that is empty."""
    kept = {name: value for name, value in choices.items() if name not in _MADE_BY_THE_PLAN}
    made: dict[str, Any] = {
        "regions": dict(effective),
        "answers": relevant_answers(questions, answers),
        "repointed": [trail.arn for trail in own.repointed],
        "freed": [trail.arn for trail in own.freed],
    }
    return kept | {name: value for name, value in made.items() if value}


def plans_differ(old: Plan, new: Plan, finished: Collection[int] = ()) -> bool:
    """Whether `new` asks for a write that the approval of `old` doesn't cover.

    `finished` are the ordinals of old's steps that are done: what they did may be missing from the new plan,
    as may what somebody else did meanwhile. A run's own progress is no change of plan.
    """
    if (old.account, old.blueprint_digest) != (new.account, new.blueprint_digest):
        return True
    if not _adopted(new) <= _adopted(old) or not new.consents <= old.consents:
        return True
    approved = {step.identity for step in old.steps if step.ordinal not in finished}
    # Admission comes back with whatever is left to write, though it was finished first.
    approved |= {step.identity for step in old.steps if step.kind == StepKind.ADMIT_ACCOUNT}
    return any(step.is_write and step.identity not in approved for step in new.steps)


def _adopted(some: Plan) -> set[str]:
    """The regions where somebody else's stack of the same name may be taken over."""
    return {region for region, choice in some.choices.get("regions", {}).items() if choice == "adopt"}


def _regions_of_parent(survey: AccountSurvey, trails: Parent) -> tuple[str, ...]:
    """The regions that the Lambda shall look after: all that could be read, and those it already looks after.

    A region taken off its list loses its trail: one that can't be read just now is no reason for that.
    """
    read = {region.region for region in survey.regions if region.outcome == RegionOutcome.READ}
    listed = items_of(trails.stack.parameters.get("Regions", "")) if trails.stack else ()
    unread = {
        region.region
        for region in survey.regions
        if region.outcome in {RegionOutcome.DENIED, RegionOutcome.UNREACHABLE}
    }
    return tuple(sorted(read | (unread & set(listed))))


def _effective_choices(
    asked: Mapping[str, str], needs: Mapping[str, Need], regions: tuple[str, ...]
) -> dict[str, str]:
    refused = {region: SKIP for region, need in needs.items() if need.refused}
    given = {region: choice for region, choice in asked.items() if region in regions}
    return dict(sorted((given | refused).items()))


def _what_trails_parent_needs(
    homes: Homes, wanted: Mapping[str, str], needs: Mapping[str, Need], answers: Mapping[str, str]
) -> Need:
    """As for any parent; and an up-to-date one must run again while a region still lacks its trail."""
    need = what_parent_needs(homes.trails, wanted, answers)
    is_absent = condition_of(homes.trails.stack) == Condition.ABSENT
    if is_absent and not need.refused and not any(each.why for each in needs.values()):
        # With every region left out there is nothing that its Lambda could do.
        return NOTHING_NEEDED
    if need == NOTHING_NEEDED and any(region.why for region in needs.values()):
        return Need(why="regions_missing")
    return need


def _admission(blueprint: Blueprint, survey: AccountSurvey, steps: list[_Step]) -> Iterator[_Step]:
    """First of all, whenever anything is written; and when what our trails deliver is refused."""
    failing = regions_with_failing_delivery(blueprint, survey)
    writes = any(step.stage in WRITING_STAGES and not step.refused for step in steps)
    if writes or failing:
        why = "delivery_failing" if failing else "before_first_write"
        bucket = blueprint.company.storage.bucket
        yield _Step(Stage.ADMIT, StepKind.ADMIT_ACCOUNT, Goal.ADMITTED, "", bucket, why=why)


def _removal_steps(removals: Removals) -> Iterator[_Step]:
    for stack in removals.stacks:
        yield _Step(
            Stage.REMOVE,
            StepKind.REMOVE_STACK,
            Goal.ABSENT,
            stack.region,
            stack.name,
            stack_id=stack.stack_id,
            why="busy" if stack.status.endswith("_IN_PROGRESS") else "replaced",
        )


def _parent_step(parent: Parent, need: Need, stage: Stage, kind: StepKind) -> Iterator[_Step]:
    if need != NOTHING_NEEDED:
        yield _Step(
            stage,
            kind,
            Goal.PRESENT,
            parent.region,
            parent.part.stack_name,
            stack_id=parent.stack.stack_id if parent.stack else "",
            template_digest=parent.part.template.digest,
            why=need.why,
            refused=need.refused,
        )


def _region_steps(
    blueprint: Blueprint, survey: AccountSurvey, needs: Mapping[str, Need], own: OwnTrails
) -> Iterator[_Step]:
    for name, need in sorted(needs.items()):
        if need != NOTHING_NEEDED and (trail := own.repointed_in(name)) is not None:
            yield _Step(
                Stage.TRAILS, StepKind.REGION_TRAIL, Goal.LOGGING, name, trail.name,
                why=need.why, refused=need.refused,
            )  # fmt: skip
        elif need != NOTHING_NEEDED:
            region = survey.region(name)
            stack = regional_stack(blueprint, region) if region else None
            yield _Step(
                Stage.TRAILS,
                StepKind.REGION_TRAIL,
                Goal.LOGGING,
                name,
                blueprint.company.trails.regional_stack_name,
                stack_id=stack.stack_id if stack else "",
                template_digest=blueprint.regional_template.digest,
                why=need.why,
                refused=need.refused,
            )


def _verification_steps(blueprint: Blueprint, needs: Mapping[str, Need]) -> Iterator[_Step]:
    verify = (Stage.VERIFY, Goal.VERIFIED)
    yield _Step(verify[0], StepKind.VERIFY_ROLES, verify[1], "", blueprint.company.roles.stack_name)
    for name, need in sorted(needs.items()):
        target = blueprint.company.trails.regional_stack_name
        yield _Step(verify[0], StepKind.VERIFY_REGION, verify[1], name, target, refused=need.refused)


def _notes(
    blueprint: Blueprint,
    survey: AccountSurvey,
    *,
    homes: Homes,
    removals: Removals,
    roles: Need,
    trails: Need,
    needs: Mapping[str, Need],
    asked: Mapping[str, str],
) -> Iterator[Note]:
    yield from removals.notes
    yield from notes_on_parent(homes.roles, roles)
    yield from notes_on_parent(homes.trails, trails)
    for region in survey.regions:
        need = needs.get(region.region, NOTHING_NEEDED)
        if need.refused and need.refused != "parent_refused":
            yield note_on_refusal(blueprint, region, need)
        elif asked.get(region.region) == SKIP:
            yield Note("skipped_by_choice", region.region)
    refused = {region for region, need in needs.items() if need.refused}
    yield from notes_on_own_trails(blueprint, survey, refused=refused)
    yield from notes_on_skipped(survey)
