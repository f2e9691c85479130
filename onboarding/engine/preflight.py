"""May the portal do, with what was handed over, everything that the plan needs? Asked before consent.

Nothing is tried: IAM's simulator is asked, or harmless reads. What is missing stops the run before the first
write, all of it named at once; what can't be told is shown to the owner and stops nothing.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings

from onboarding import needs, policies
from onboarding.aws import simulation
from onboarding.aws.errors import AwsFailure
from onboarding.aws.simulation import Because, Judged, Verdict
from onboarding.engine.access import Access
from onboarding.models import Run, history
from onboarding.observed import Failure
from onboarding.planning import Plan, resources_let_go
from onboarding.states import FailureKind, Stage, StepKind

MISSING = "missing_permissions"

# Where the simulator answers with one of these it is asked no more. It may be broken, or never built, where
# everything else works: that stops nobody.
_NOT_TO_BE_ASKED = frozenset(
    {
        FailureKind.DENIED,
        FailureKind.DENIED_BY_ORGANIZATION,
        FailureKind.NOT_FOUND,
        FailureKind.REQUEST,
        FailureKind.UNKNOWN,
        FailureKind.UNREACHABLE,
        FailureKind.UNREADABLE,
    }
)


@dataclass(frozen=True, slots=True)
class Rights:
    """What was found out. `principal` is empty, and nothing simulated, where it could not be asked about."""

    access: Access
    principal: str
    is_simulated: bool
    judged: tuple[Judged, ...]

    @property
    def missing(self) -> tuple[Judged, ...]:
        return tuple(each for each in self.judged if each.verdict == Verdict.MISSING)

    @property
    def lets_look(self) -> bool:
        """Whether the account can be surveyed at all."""
        return all(each.need.stage != Stage.SURVEY for each in self.missing)

    def failure(self) -> Failure:
        actions = ", ".join(sorted({each.action for each in self.missing}))
        return Failure(FailureKind.OURS, MISSING, actions[:1_000])


def check(run: Run, access: Access) -> Rights:
    """The rights to do whatever may turn out to be needed. Raises AwsFailure for passing faults."""
    wanted = needs.needs_of(settings.COMPANY, run.account.number)
    principal = simulation.principal_arn(access.session, access.identity) or access.role_arn
    if principal:
        try:
            judged = simulation.simulate(access.session, principal, wanted)
        except AwsFailure as refusal:
            if refusal.failure.kind not in _NOT_TO_BE_ASKED:
                raise
        else:
            return Rights(access, principal, is_simulated=True, judged=judged)
    return Rights(access, principal, is_simulated=False, judged=simulation.read(access.session, wanted))


def before_any_answer(rights: Rights) -> Rights:
    """Without what is needed only after an answer: nobody has given one, as there is no plan yet."""
    return replace(rights, judged=tuple(each for each in rights.judged if not each.need.after))


def for_plan(run: Run, rights: Rights, plan: Plan) -> Rights:
    """The same for what `plan` needs alone, with the very stacks that it removes and what goes with them."""
    stages = {Stage(step.stage) for step in plan.steps if not step.refused}
    removed = [
        step.stack_id
        for step in plan.steps
        if step.kind == StepKind.REMOVE_STACK and step.stack_id and not step.refused
    ]
    consented = {"", *(question.code for question in plan.consented)}
    judged = [
        each
        for each in rights.judged
        if each.need.stage in {Stage.SURVEY, *stages} and each.need.after in consented
    ]
    if removed and rights.is_simulated:
        exact = needs.needs_of(
            settings.COMPANY,
            run.account.number,
            old_stack_ids=removed,
            extra_resources=resources_let_go(plan.consented),
        )
        removing = [need for need in exact if need.stage == Stage.REMOVE and need.after in consented]
        judged = [each for each in judged if each.need.stage != Stage.REMOVE]
        judged += simulation.simulate(rights.access.session, rights.principal, removing)
    return replace(rights, judged=tuple(judged))


def for_undoing(rights: Rights) -> Rights:
    """The same for deleting both new stacks, which takes the rights of making them."""
    stages = {Stage.SURVEY, Stage.ROLES, Stage.TRAILS}
    return replace(rights, judged=tuple(each for each in rights.judged if each.need.stage in stages))


def record(run: Run, rights: Rights) -> None:
    """Tell the owner. Inside the caller's transaction on the run."""
    mendable = [each for each in rights.missing if each.because == Because.ROLE]
    history.record(
        run.pk,
        "preflight.done",
        principal=rights.principal or rights.access.identity.arn,
        is_simulated=rights.is_simulated,
        is_narrowed=rights.access.is_narrowed,
        missing=_told(rights.missing),
        cannot_tell=_told(each for each in rights.judged if each.verdict == Verdict.CANNOT_TELL),
        mending=_mending(mendable),
    )


def _told(judged: Iterable[Judged]) -> list[dict[str, Any]]:
    """Each action once, with the first stage that needs it."""
    told: dict[str, dict[str, Any]] = {}
    for each in judged:
        told.setdefault(
            each.action, {"action": each.action, "stage": str(each.need.stage), "because": str(each.because)}
        )
    return [told[action] for action in sorted(told)]


def _mending(judged: Collection[Judged]) -> list[policies.Statement]:
    """The statements that would allow exactly what is missing."""
    by_need: dict[tuple[str, Stage], list[Judged]] = {}
    for each in judged:
        by_need.setdefault((each.need.sid, each.need.stage), []).append(each)
    narrowed = [
        replace(group[0].need, actions=tuple(dict.fromkeys(each.action for each in group)))
        for group in by_need.values()
    ]
    return policies.statements(narrowed)
