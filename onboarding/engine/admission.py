"""Does the central side accept the account's logs? Seen to before the first write in the account."""

from dataclasses import replace
from datetime import timedelta

from django.conf import settings

from onboarding.aws import central
from onboarding.aws.errors import AwsFailure
from onboarding.engine import advancing, intents, sessions, steps
from onboarding.engine.claims import Work, holding
from onboarding.models import Run, Step, history
from onboarding.observed import Check, Failure
from onboarding.states import FailureKind, Move, StepStatus


def look(work: Work, run: Run) -> timedelta | None:
    return steps.look_at_each(work, lambda step: _admit(work, run, step))


def _admit(work: Work, run: Run, step: Step) -> timedelta | None:
    try:
        checks = central.check_admission(sessions.storage(), settings.COMPANY, run.account.number)
        if not _is_admitted(checks):
            intent = intents.intend(work, step, Move.UPDATE)
            checks = central.admit(sessions.storage(), settings.COMPANY, run.account.number)
            intents.record_answer(work, step, intent, place="central", outputs=_told(checks))
    except AwsFailure as refusal:
        if refusal.failure.kind in steps.PASSING:
            raise
        # The central side is ours: whatever it refuses is for infosec to mend, not for the owner.
        _refuse(work, step, refusal.failure)
        return None
    broken = next((check for check in checks if not check.is_ok), None)
    if broken is None:
        advancing.settle(work, step, StepStatus.FINISHED, outputs=_told(checks))
        return None
    if broken.failure is not None and broken.failure.kind in steps.PASSING:
        raise AwsFailure(broken.failure)
    with holding(work):
        history.move_step(step, StepStatus.WORKING, outputs=_told(checks))
    failure = broken.failure or Failure(FailureKind.OURS, "not_admitted", broken.detail)
    _refuse(work, step, replace(failure, message=f"{broken.name}: {failure.message}"))
    return None


def _refuse(work: Work, step: Step, failure: Failure) -> None:
    steps.fail(work, step, steps.reason_code_for(failure, step), failure)


def _is_admitted(checks: tuple[Check, ...]) -> bool:
    return all(check.is_ok for check in checks)


def _told(checks: tuple[Check, ...]) -> dict[str, str]:
    """The checks, for the step's page: each by name, with what was found."""
    return {check.name: "ok" if check.is_ok else check.detail or "not ok" for check in checks}
