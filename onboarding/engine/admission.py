"""Does the central side accept the account's logs? Seen to before the first write in the account."""

import logging
from dataclasses import replace
from datetime import timedelta

from django.conf import settings

from onboarding.aws import central
from onboarding.aws.errors import AwsFailure
from onboarding.engine import advancing, answers, intents, sessions, steps
from onboarding.engine.claims import Work, holding
from onboarding.models import Run, Step, history
from onboarding.models.audit import AuditKind, append
from onboarding.observed import Check, Failure
from onboarding.states import FailureKind, Move, RunStatus, StepStatus

logger = logging.getLogger(__name__)

# A region's remedies that mean: the account isn't admitted.
SHUT_OUT = frozenset({"bucket_policy", "topic_policy", "delivery_failing"})


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


def again(work: Work, step: Step) -> None:
    """Admit the account once more, should `step`, of a region, find that somebody has shut it out meanwhile.

    That it is admitted was approved with the plan; without an approval nothing is done. What infosec's side
    refuses is left to whoever looks at the region again. Raises RunStopped, ClaimLost, and AwsFailure for
    faults.
    """
    run = step.run
    if run.approved_at is None:
        return
    number, token = run.account.number, f"onb-{run.pk.hex[:12]}-{step.pk}-admitted-again"
    try:
        if _is_admitted(central.check_admission(sessions.storage(), settings.COMPANY, number)):
            return
        answers.forget()
        with holding(work, run_in=frozenset({RunStatus.RUNNING, RunStatus.VERIFYING})):
            append(
                AuditKind.AWS_INTENDED,
                account_id=run.account_id,
                run_id=run.pk,
                move=Move.UPDATE,
                region=step.region,
                target=number,
                token=token,
            )
        central.admit(sessions.storage(), settings.COMPANY, number)
    except AwsFailure as refusal:
        if refusal.failure.kind in steps.PASSING:
            raise
        logger.error(  # noqa: TRY400 - its traceback says nothing more
            "admission.refused run_id=%s code=%s request_id=%s",
            run.pk,
            refusal.failure.code,
            refusal.failure.request_id,
        )
    with holding(work):
        intents.record_writes(work, step, token, place="central")


def _refuse(work: Work, step: Step, failure: Failure) -> None:
    steps.fail(work, step, steps.reason_code_for(failure, step), failure)


def _is_admitted(checks: tuple[Check, ...]) -> bool:
    return all(check.is_ok for check in checks)


def _told(checks: tuple[Check, ...]) -> dict[str, str]:
    """The checks, for the step's page: each by name, with what was found."""
    return {check.name: "ok" if check.is_ok else check.detail or "not ok" for check in checks}
