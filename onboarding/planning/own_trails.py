"""What becomes of the owner's own trails: kept, made to deliver to the log storage, or deleted?

Each only as its owner answered. A trail that already delivers to the log storage because its owner said so in
an earlier run goes on doing so: the CloudTrail parent's parameters remember it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from onboarding.blueprint import Blueprint, items_of
from onboarding.observed import AccountSurvey, RegionSurvey, Stack, Trail
from onboarding.planning.homes import NOTHING_NEEDED, Need
from onboarding.planning.questions import (
    EXTRA_COPY_USD_PER_100_000_EVENTS,
    FREE,
    REPOINT,
    SKIP,
    Question,
    question_on_own_trail,
    question_on_too_many_trails,
)
from onboarding.planning.regions import MOST_TRAILS, our_trail
from onboarding.states import RegionOutcome


@dataclass(frozen=True, slots=True)
class OwnTrails:
    """What was asked and decided. `covered` are the regions that `repointed` record."""

    questions: tuple[Question, ...]
    repointed: tuple[Trail, ...]
    freed: tuple[Trail, ...]
    covered: frozenset[str]
    # Regions that the owner leaves out for a trail's sake.
    skipped: frozenset[str]

    def repointed_in(self, region: str) -> Trail | None:
        """The trail that is re-pointed in this region, its home."""
        return next((trail for trail in self.repointed if trail.home_region == region), None)


def find_own_trails(
    blueprint: Blueprint,
    survey: AccountSurvey,
    parent: Stack | None,
    answers: Mapping[str, str],
    *,
    skipped: Collection[str],
) -> OwnTrails:
    """Every trail of the owner's in a region that lacks ours, and what its owner wants of it."""
    lacking = [
        region
        for region in survey.regions
        if region.outcome == RegionOutcome.READ
        and region.region not in skipped
        and our_trail(blueprint, region) is None
    ]
    known = _kept_on(blueprint, survey, parent)
    covered = _regions_of(known, lacking)
    foreign = _foreign(lacking, covered, {trail.arn for trail in known})
    on_own = [_question(trail, seen, {region.region for region in lacking}) for trail, seen in foreign]
    repointed = [
        *known,
        *(
            trail
            for (trail, _seen), one in zip(foreign, on_own, strict=True)
            if one.answer_in(answers) == REPOINT
        ),
    ]
    left = {
        region
        for (_trail, seen), one in zip(foreign, on_own, strict=True)
        if one.answer_in(answers) == SKIP
        for region in seen
    }
    covered = _regions_of(repointed, lacking)
    full = [
        region
        for region in lacking
        if len(region.trails) >= MOST_TRAILS and region.region not in covered | left
    ]
    on_full = [one for region in full if (one := _question_on_full(region)) is not None]
    freed: list[Trail] = []
    for region, one in ((survey.region(each.region), each) for each in on_full):
        verb, _colon, name = (one.answer_in(answers) or SKIP).partition(":")
        named = [trail for trail in region.trails if trail.name == name] if region else []
        if verb == REPOINT:
            repointed += named
        elif verb == FREE:
            freed += named
        else:
            left.add(one.region)
    return OwnTrails(
        questions=(*on_own, *on_full),
        repointed=tuple(sorted(repointed, key=lambda trail: trail.arn)),
        freed=tuple(sorted(freed, key=lambda trail: trail.arn)),
        covered=_regions_of(repointed, lacking),
        skipped=frozenset(left),
    )


def _kept_on(blueprint: Blueprint, survey: AccountSurvey, parent: Stack | None) -> list[Trail]:
    """The trails that deliver to the log storage by an earlier consent."""
    listed = set(items_of(parent.parameters.get("RepointedTrailArns", ""))) if parent else set()
    storage = blueprint.company.storage.bucket
    return [
        trail
        for region in survey.regions
        for trail in region.trails
        if trail.arn in listed and not trail.is_shadow and trail.bucket == storage
    ]


def _regions_of(repointed: Iterable[Trail], lacking: Iterable[RegionSurvey]) -> frozenset[str]:
    arns = {trail.arn for trail in repointed}
    return frozenset(region.region for region in lacking if any(trail.arn in arns for trail in region.trails))


def _foreign(
    lacking: Iterable[RegionSurvey], covered: Collection[str], known: Collection[str]
) -> list[tuple[Trail, list[str]]]:
    """Each trail of the owner's beside which ours would stand, as its home region shows it, and where.

    Where there are five, it is asked which of those that live there alone may go.
    """
    found: dict[str, tuple[Trail, list[str]]] = {}
    for region in lacking:
        is_full = len(region.trails) >= MOST_TRAILS
        for trail in region.trails:
            if trail.is_organization or trail.arn in known or region.region in covered:
                continue
            if is_full and not trail.is_multi_region:
                continue
            at_home = found.get(trail.arn, (trail, []))[0] if trail.is_shadow else trail
            found.setdefault(trail.arn, (trail, []))
            found[trail.arn] = (at_home, [*found[trail.arn][1], region.region])
    return [found[arn] for arn in sorted(found)]


def _question(trail: Trail, seen: list[str], lacking: Collection[str]) -> Question:
    fields = {
        "trail": trail.name,
        "arn": trail.arn,
        "bucket": trail.bucket,
        "is_multi_region": trail.is_multi_region,
        "regions": sorted(seen),
        "owning_stack": trail.owning_stack,
        "extra_copy_usd_per_100_000_events": EXTRA_COPY_USD_PER_100_000_EVENTS,
    }
    # It can be changed in its home region alone, and one that records less than ours can't take its place.
    may_repoint = trail.home_region in lacking and not trail.is_shadow and not trail.has_custom_selectors
    return question_on_own_trail(fields, trail.home_region, may_repoint=may_repoint)


def _question_on_full(region: RegionSurvey) -> Question | None:
    """None where none of the five lives here alone: those are asked about by themselves, or nobody's here."""
    alone = [
        trail
        for trail in region.trails
        if not trail.is_shadow and not trail.is_organization and not trail.is_multi_region
    ]
    if not alone:
        return None
    return question_on_too_many_trails(
        region.region,
        {trail.name: trail.bucket for trail in region.trails},
        free=sorted(trail.name for trail in alone),
        repoint=sorted(trail.name for trail in alone if not trail.has_custom_selectors),
    )


def what_repointed_trails_need(blueprint: Blueprint, own: OwnTrails) -> dict[str, Need]:
    """The regions that these trails cover: one change in a trail's home region, and nothing elsewhere."""
    storage = blueprint.company.storage
    needs = dict.fromkeys(own.covered, NOTHING_NEEDED)
    for trail in own.repointed:
        is_right = (trail.bucket, trail.topic_arn) == (storage.bucket, storage.topic_arn)
        if trail.home_region in needs and not (is_right and trail.is_logging):
            needs[trail.home_region] = Need(why="repointed" if not is_right else "stopped")
    return needs
