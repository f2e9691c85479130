"""Which steps undo what a cancelled run had created?

Pure. The CloudTrail parent first: its function takes the regions' stacks along. Then the roles. Each by the
id with which it was created, and never when something that was there before would go with it.
"""

from collections.abc import Collection, Iterator

from onboarding.blueprint import Blueprint
from onboarding.observed import AccountSurvey, Stack
from onboarding.planning.values import Note, Plan, PlannedStep
from onboarding.states import Goal, RegionOutcome, Stage, StepKind

# Steps that are refused from the start, by their remedies' codes.
TAKES_MORE = "undo_would_take_more"
UNREADABLE = "home_region_unreadable"

_NOTES = {UNREADABLE: "undo_unreadable"}


def plan_undoing(
    blueprint: Blueprint, survey: AccountSurvey, created: Collection[str], kept: Collection[str]
) -> Plan:
    """The plan that removes the stacks with the ids `created`, as far as they still stand.

    `kept` are the ids of regional stacks that were there before: the parent, which would delete them with its
    own, then stays.
    """
    steps = tuple(_steps(blueprint, survey, created, kept))
    refused = [step for step in steps if step.refused]
    return Plan(
        account=survey.account,
        home_region=steps[0].region if steps else blueprint.company.home.regions[0],
        regions=(),
        steps=steps,
        notes=tuple(
            Note(_NOTES.get(step.refused, step.refused), step.region, {"stack": step.target})
            for step in refused
        ),
        blueprint_digest=blueprint.digest,
        choices={},
        blueprint_version=blueprint.version,
    )


def _steps(
    blueprint: Blueprint, survey: AccountSurvey, created: Collection[str], kept: Collection[str]
) -> Iterator[PlannedStep]:
    ordinal = 0
    takes_more = bool(_regional_ids(blueprint, survey) & set(kept))
    for name in (blueprint.trails.stack_name, blueprint.roles.stack_name):
        for stack_id in sorted(each for each in created if _name_of(each) == name):
            region, is_trails = _region_of(stack_id), name == blueprint.trails.stack_name
            surveyed = survey.region(region)
            is_readable = surveyed is not None and surveyed.outcome == RegionOutcome.READ
            stack = _find(survey, stack_id)
            if is_readable and stack is None:
                continue
            ordinal += 1
            yield PlannedStep(
                ordinal,
                Stage.REMOVE,
                StepKind.REMOVE_STACK,
                Goal.ABSENT,
                region,
                name,
                stack_id=stack_id,
                why="created_trails" if is_trails else "created_roles",
                refused=UNREADABLE if not is_readable else TAKES_MORE if is_trails and takes_more else "",
            )


def _find(survey: AccountSurvey, stack_id: str) -> Stack | None:
    return next((s for region in survey.regions for s in region.stacks if s.stack_id == stack_id), None)


def _regional_ids(blueprint: Blueprint, survey: AccountSurvey) -> set[str]:
    name = blueprint.company.trails.regional_stack_name
    return {stack.stack_id for region in survey.regions for stack in region.stacks if stack.name == name}


def _region_of(stack_id: str) -> str:
    """The region in a stack's ARN: arn:aws:cloudformation:<region>:<account>:stack/<name>/<id>."""
    return stack_id.split(":")[3]


def _name_of(stack_id: str) -> str:
    return stack_id.split("/")[1]
