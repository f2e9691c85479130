"""What does the plan say, in words? Every deletion, creation and change, and what is left alone and why."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from onboarding.models import Run
from onboarding.observed import AccountSurvey, Stack, StackResource
from onboarding.planning import Note, Plan, PlannedStep
from onboarding.planning.upgrade import Difference
from onboarding.progress.afterwards import Afterwards, afterwards_of
from onboarding.progress.notes import words_of
from onboarding.progress.places import named_region, place_of
from onboarding.progress.questions import words_of as words_of_questions
from onboarding.progress.rights import Rights, rights_of
from onboarding.progress.upgrades import difference_of
from onboarding.states import StepKind
from onboarding.stored import survey_from_json


@dataclass(frozen=True, slots=True)
class PlannedDeletion:
    step: PlannedStep
    region: str
    why: str | Promise
    # What goes with the stack; None when its resources were not listed.
    resources: tuple[StackResource, ...] | None
    description: str

    @property
    def field_id(self) -> str:
        """The id of its own tick."""
        return f"tick-{self.step.ordinal}"


@dataclass(frozen=True, slots=True)
class PlannedWrite:
    step: PlannedStep
    region: str
    words: str
    why: str | Promise
    cost: str
    # What an update changes; None where nothing is updated.
    difference: Difference | None


@dataclass(frozen=True, slots=True)
class PlannedRegions:
    """Regions where the same happens for the same reason: (code, place) each."""

    # Whether a trail is to be made or mended here; otherwise it is right already.
    is_changed: bool
    why: str | Promise
    # Whether nothing of ours is there yet, which "is created" says already.
    is_new: bool
    regions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class NoteLine:
    """A note's sentence, and the regions it holds for when it holds for several."""

    code: str
    words: str
    regions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the owner decided, in words, and what it is about."""

    title: str
    chosen: str
    about: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanPage:
    plan: Plan
    digest: str
    deletions: tuple[PlannedDeletion, ...]
    writes: tuple[PlannedWrite, ...]
    regions: tuple[PlannedRegions, ...]
    admission: bool
    notes: tuple[NoteLine, ...]
    rights: Rights | None
    answers: tuple[Answer, ...]
    afterwards: Afterwards
    # Regions where another trail records the same events already, so that ours is the copy that AWS charges.
    second_copies: int

    @property
    def left_alone(self) -> int:
        """Regions that are neither searched nor changed."""
        return len({region for note in self.notes if note.code in _LEFT_ALONE for region in note.regions})

    @property
    def only_creates(self) -> bool:
        """Whether no stack that is written is there already."""
        return all(write.step.why == "absent" for write in self.writes)

    @property
    def changed_regions(self) -> int:
        return sum(len(group.regions) for group in self.regions if group.is_changed)


_SECOND_COPY = {"keeps_own_trail", "organization_trail"}
_LEFT_ALONE = {"skipped_not_enabled", "skipped_denied", "unreachable_not_searched", "skipped_by_choice"}

_WHYS = {
    "absent": gettext_lazy("It does not exist yet."),
    "outdated": gettext_lazy("It exists, but is not as it should be: it is updated."),
    "repointed": gettext_lazy("Your own trail delivers to infosec’s log storage from now on, as you chose."),
    "failed_before": gettext_lazy("An earlier attempt failed and holds the name: it is deleted first."),
    "busy": gettext_lazy("AWS is still at work on it; the portal waits for that first."),
    "regions_missing": gettext_lazy("It stands, but some regions are missing: it is run again for them."),
    "trail_missing": gettext_lazy("The stack is there, but its trail is gone: it is made anew."),
    "misdirected": gettext_lazy("Its trail delivers to another place: it is redirected."),
    "stopped": gettext_lazy("Its trail does not log: it is switched on."),
}
_DELETION_WHYS = {
    "replaced": gettext_lazy("It holds the old audit role, which the new roles replace."),
    "created_trails": gettext_lazy(
        "The run that you cancelled created it. Its stacks in the regions go with it, and their trails."
    ),
    "created_roles": gettext_lazy("The run that you cancelled created it, with both roles."),
    "busy": gettext_lazy(
        "It holds the old audit role. AWS is at work on it; the portal waits for that first."
    ),
}


def plan_page(run: Run) -> PlanPage | None:
    """None while no plan was made."""
    if run.plan is None:
        return None
    plan = Plan.from_json(run.plan)
    survey = survey_from_json(run.survey) if run.survey is not None else None
    deletions = tuple(_deletion(step, survey) for step in plan.deletions)
    return PlanPage(
        plan=plan,
        digest=run.plan_digest,
        deletions=deletions,
        writes=tuple(
            _write(step, survey)
            for step in _of(plan, StepKind.DEPLOY_ROLES) + _of(plan, StepKind.DEPLOY_TRAILS)
        ),
        regions=_regions(plan),
        admission=bool(_of(plan, StepKind.ADMIT_ACCOUNT)),
        notes=tuple(_lines(plan.notes)),
        rights=rights_of(run),
        answers=tuple(_answers(plan)),
        afterwards=afterwards_of(
            settings.COMPANY,
            survey,
            removed_roles=_roles_in(deletions),
            deploys_roles=bool(_of(plan, StepKind.DEPLOY_ROLES)),
        ),
        second_copies=len({note.region for note in plan.notes if note.code in _SECOND_COPY}),
    )


def _roles_in(deletions: Iterable[PlannedDeletion]) -> frozenset[str]:
    """The names of the roles that go with the stacks."""
    return frozenset(
        resource.physical_id
        for deletion in deletions
        for resource in deletion.resources or ()
        if resource.type == "AWS::IAM::Role"
    )


def _answers(plan: Plan) -> Iterable[Answer]:
    """Each answer once, with all that it was given about."""
    for group in words_of_questions(plan.questions):
        for option in group.options:
            about = [case for case in group.cases if plan.answers.get(case.key) == option.value]
            if about:
                named = tuple(f"{case.name} {case.region}".strip() for case in about)
                yield Answer(group.title, option.label, named)


def _of(plan: Plan, kind: StepKind) -> list[PlannedStep]:
    """The steps that will be done; what is refused is said by a note."""
    return [step for step in plan.steps if step.kind == kind and not step.refused]


def _deletion(step: PlannedStep, survey: AccountSurvey | None) -> PlannedDeletion:
    found = _stack(step, survey)
    return PlannedDeletion(
        step=step,
        region=named_region(step.region),
        why=_DELETION_WHYS.get(step.why, ""),
        resources=found.resources if found else None,
        description=found.description if found else "",
    )


def _stack(step: PlannedStep, survey: AccountSurvey | None) -> Stack | None:
    region = survey.region(step.region) if survey else None
    stacks = region.stacks if region else ()
    return next((stack for stack in stacks if stack.stack_id == step.stack_id), None)


def _write(step: PlannedStep, survey: AccountSurvey | None) -> PlannedWrite:
    words = {
        StepKind.DEPLOY_ROLES: _("Two roles: a read-only security-audit role and an incident-response role."),
        StepKind.DEPLOY_TRAILS: _(
            "A function that switches on one CloudTrail trail in each region listed below, by a stack there."
        ),
    }
    costs = {
        StepKind.DEPLOY_ROLES: _("Costs nothing: AWS doesn’t charge for roles."),
        StepKind.DEPLOY_TRAILS: _("Costs less than a cent: the function runs for some minutes, once."),
    }
    return PlannedWrite(
        step,
        named_region(step.region),
        words[step.kind],
        _WHYS.get(step.why, ""),
        costs[step.kind],
        difference_of(step, _stack(step, survey)),
    )


def _regions(plan: Plan) -> tuple[PlannedRegions, ...]:
    """What is changed first, group by group; last what is right already."""
    whys = {step.region: step.why for step in _of(plan, StepKind.REGION_TRAIL)}
    refused = {step.region for step in plan.steps if step.kind == StepKind.REGION_TRAIL and step.refused}
    groups: dict[str, list[str]] = {}
    for region in sorted((set(plan.regions) | whys.keys()) - refused):
        groups.setdefault(whys.get(region, ""), []).append(region)
    return tuple(
        PlannedRegions(
            is_changed=bool(why),
            why=_WHYS.get(why, ""),
            is_new=why == "absent",
            regions=tuple((region, place_of(region)) for region in regions),
        )
        for why, regions in sorted(groups.items(), reverse=True)
    )


def _lines(notes: Iterable[Note]) -> Iterable[NoteLine]:
    """One line per sentence: what holds for eight regions is said once."""
    by_words: dict[tuple[str, str], list[str]] = {}
    for note in notes:
        by_words.setdefault((note.code, words_of(note)), []).extend(_regions_of(note))
    for (code, words), regions in by_words.items():
        yield NoteLine(code, words, tuple(named_region(region) for region in sorted(set(regions))))


def _regions_of(note: Note) -> list[str]:
    several = note.fields.get("regions")
    return list(several) if several else [note.region] if note.region else []
