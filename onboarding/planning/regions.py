"""What does each region need for its trail, and what of the owner's is left as it is?"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from onboarding.blueprint import DIGEST_TAG, Blueprint
from onboarding.decisions import condition_of
from onboarding.matching import is_ours
from onboarding.observed import AccountSurvey, RegionSurvey, Stack, Trail
from onboarding.planning.homes import NOTHING_NEEDED, Need, blocking
from onboarding.planning.questions import (
    DELETE,
    EXTRA_COPY_USD_PER_100_000_EVENTS,
    SKIP,
    Question,
    question_on_organization_trail,
)
from onboarding.planning.values import Note
from onboarding.states import Condition, RegionOutcome

# CloudTrail's quota, which can't be raised; shadows of multi-region and organization trails count too.
MOST_TRAILS = 5

_NO_ANSWERS: Mapping[str, str] = MappingProxyType({})

_SKIPPED = {
    RegionOutcome.NOT_ENABLED: "skipped_not_enabled",
    RegionOutcome.DENIED: "skipped_denied",
    RegionOutcome.UNREACHABLE: "unreachable_not_searched",
}


def regional_stack(blueprint: Blueprint, region: RegionSurvey) -> Stack | None:
    """The stack that holds, or blocks, the name of the region's stack."""
    name = blueprint.company.trails.regional_stack_name
    return next((stack for stack in region.stacks if stack.name == name), None)


def what_region_needs(
    blueprint: Blueprint,
    region: RegionSurvey,
    choice: str = "",
    answers: Mapping[str, str] = _NO_ANSWERS,
    *,
    freed: Collection[str] = (),
) -> Need:
    """What it takes until the region's own stack is live and its trail logs to the central bucket."""
    stack = regional_stack(blueprint, region)
    found = condition_of(stack)
    blocked = blocking(blueprint.regional_template, stack)
    if blocked is not None and blocked.answer_in(answers) != DELETE:
        return Need(refused="blocked_name_left")
    if found == Condition.IN_REVIEW and blocked is None:
        return Need(refused="change_set_waiting")
    if (
        found != Condition.IN_REVIEW
        and stack is not None
        and choice != "adopt"
        and not is_ours(blueprint.regional_template, stack)
    ):
        return Need(refused="name_taken")
    trail = our_trail(blueprint, region)
    left = [each for each in region.trails if each.arn not in freed]
    if trail is None and len(left) >= MOST_TRAILS:
        return Need(refused="too_many_trails")
    match found:
        case Condition.ABSENT:
            return Need(why="absent")
        case Condition.BUSY | Condition.UNKNOWN:
            return Need(why="busy")
        case Condition.BLOCKED | Condition.DELETE_FAILED | Condition.UPDATE_STUCK | Condition.IN_REVIEW:
            return Need(why="failed_before")
        case _ if not _is_current(blueprint, stack):
            return Need(why="outdated")
        case _:
            return _what_trail_needs(blueprint, trail)


def our_trail(blueprint: Blueprint, region: RegionSurvey) -> Trail | None:
    """The trail that the region's stack made, if the stack is ours and the trail is there.

    While the stack is being made the trail may come after the stack's resources were read: it is known by the
    name that CloudFormation gives it, and by where it delivers.
    """
    stack = regional_stack(blueprint, region)
    if stack is None or not is_ours(blueprint.regional_template, stack):
        return None
    names = {
        resource.physical_id
        for resource in stack.resources or ()
        if resource.type == "AWS::CloudTrail::Trail" and resource.physical_id
    } | {stack.outputs.get("TrailName", "")}
    bucket = blueprint.company.storage.bucket
    return next(
        (
            trail
            for trail in region.trails
            if not trail.is_shadow
            and (trail.name in names or (trail.name.startswith(f"{stack.name}-") and trail.bucket == bucket))
        ),
        None,
    )


def notes_on_skipped(survey: AccountSurvey) -> list[Note]:
    """The regions that the plan doesn't cover, and why."""
    notes = [] if survey.knows_all_regions else [Note("only_default_regions_checked")]
    for region in survey.regions:
        if region.outcome in _SKIPPED:
            fields = {"failure_code": region.failure.code} if region.failure else {}
            notes.append(Note(_SKIPPED[region.outcome], region.region, fields))
    return notes


def note_on_refusal(blueprint: Blueprint, region: RegionSurvey, need: Need) -> Note:
    """Why a region's trail can't be made, with what stands in its way."""
    stack = regional_stack(blueprint, region)
    fields: dict[str, Any] = {"stack": stack.name, "stack_id": stack.stack_id} if stack else {}
    if need.refused == "too_many_trails":
        fields["trails"] = sorted(trail.name for trail in region.trails)
    return Note(need.refused, region.region, fields)


def notes_on_own_trails(
    blueprint: Blueprint, survey: AccountSurvey, *, refused: Collection[str] = ()
) -> list[Note]:
    """One note for each trail that isn't ours: it is kept, ours is added beside it, and that may cost.

    In regions where ours is `refused` nothing is added beside any.
    """
    seen: dict[str, tuple[Trail, list[str]]] = {}
    for region in survey.regions:
        if region.region in refused:
            continue
        ours = our_trail(blueprint, region)
        for trail in region.trails:
            if ours is None or trail.arn != ours.arn:
                seen.setdefault(trail.arn, (trail, []))[1].append(region.region)
    return [
        Note(
            "organization_trail" if trail.is_organization else "keeps_own_trail",
            trail.home_region,
            {
                "trail": trail.name,
                "arn": arn,
                "bucket": trail.bucket,
                "is_multi_region": trail.is_multi_region,
                "regions": sorted(regions),
                "extra_copy_usd_per_100_000_events": EXTRA_COPY_USD_PER_100_000_EVENTS,
            },
        )
        for arn, (trail, regions) in sorted(seen.items())
    ]


def questions_on_blocked_names(
    blueprint: Blueprint, survey: AccountSurvey, *, skipped: Collection[str]
) -> list[Question]:
    """Where something that is nothing holds the name of the region's stack."""
    return [
        question
        for region in survey.regions
        if region.region not in skipped
        and (question := blocking(blueprint.regional_template, regional_stack(blueprint, region)))
    ]


def questions_on_organization_trails(
    blueprint: Blueprint, survey: AccountSurvey, *, skipped: Collection[str]
) -> list[Question]:
    """Trails of the organization beside which ours would be added; where ours is, that was decided."""
    asked = []
    for note in notes_on_own_trails(blueprint, survey, refused=skipped):
        if note.code == "organization_trail" and any(
            _lacks_ours(blueprint, survey, region) for region in note.fields["regions"]
        ):
            delivers = note.fields["bucket"] == blueprint.company.storage.bucket
            fields = {**note.fields, "delivers_to_infosec": delivers}
            asked.append(question_on_organization_trail(fields, note.region))
    return asked


def regions_left_to_organization(asked: Collection[Question], answers: Mapping[str, str]) -> set[str]:
    """The regions that the owner leaves to their organization's trail."""
    return {
        str(region)
        for question in asked
        if question.answer_in(answers) == SKIP
        for region in question.fields["regions"]
    }


def regions_to_clear(
    blueprint: Blueprint, survey: AccountSurvey, answers: Mapping[str, str], *, skipped: Collection[str]
) -> list[str]:
    """Where a change set that was never executed holds the name, and may be deleted."""
    return sorted(
        question.region
        for question in questions_on_blocked_names(blueprint, survey, skipped=skipped)
        if question.fields["status"] == "REVIEW_IN_PROGRESS" and question.answer_in(answers) == DELETE
    )


def _lacks_ours(blueprint: Blueprint, survey: AccountSurvey, name: str) -> bool:
    region = survey.region(name)
    return region is not None and our_trail(blueprint, region) is None


def regions_with_failing_delivery(blueprint: Blueprint, survey: AccountSurvey) -> list[str]:
    """Where our trail logs and the central side refuses what it delivers."""
    return [
        region.region
        for region in survey.regions
        if (trail := our_trail(blueprint, region))
        and (trail.latest_delivery_error or trail.latest_notification_error)
    ]


def _is_current(blueprint: Blueprint, stack: Stack | None) -> bool:
    storage = blueprint.company.storage
    wanted: Mapping[str, str] = {"BucketName": storage.bucket, "TopicArn": storage.topic_arn}
    return (
        stack is not None
        and all(stack.parameters.get(name) == value for name, value in wanted.items())
        and stack.tags.get(DIGEST_TAG) == blueprint.regional_template.digest
    )


def _what_trail_needs(blueprint: Blueprint, trail: Trail | None) -> Need:
    storage = blueprint.company.storage
    if trail is None:
        return Need(why="trail_missing")
    if (trail.bucket, trail.topic_arn) != (storage.bucket, storage.topic_arn):
        return Need(why="misdirected")
    if not trail.is_logging:
        return Need(why="stopped")
    return NOTHING_NEEDED
