"""How is something written in the owner's account so that it happens once?

The intent (move and token) is stored before the request is sent, in a transaction that checks that the
claim is still ours and the run still running; the answer is recorded after it. An intent without an answer
is asked again with the same token, which CloudFormation takes for the same request.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from onboarding.decisions import UNHEEDED, Decision
from onboarding.engine import answers, deadlines
from onboarding.engine.claims import Work, holding
from onboarding.models import Event, Step, history
from onboarding.models.audit import AuditKind, append
from onboarding.states import Move, RunStatus, StepStatus

MOST_ATTEMPTS = 6


@dataclass(frozen=True, slots=True)
class Intent:
    move: Move
    token: str


class TooManyAttempts(Exception):
    """The same step was begun too often: something undoes what we do, and going on would never end."""


def intend(work: Work, step: Step, move: Move) -> Intent:
    """Store what is about to be asked. Raises RunStopped, ClaimLost, TooManyAttempts: then send nothing."""
    answers.forget()
    with holding(work, run_in=frozenset({RunStatus.RUNNING})):
        stored = Step.objects.select_related("run").get(pk=step.pk)
        if stored.last_move == move and not was_answered(stored):
            history.move_step(step, StepStatus.WORKING)
            return Intent(move, stored.token)
        if stored.attempts >= MOST_ATTEMPTS * (1 + _retries(stored)):
            raise TooManyAttempts
        attempts = stored.attempts + 1
        token = f"onb-{work.run_id.hex[:12]}-{stored.pk}-{attempts}"
        history.move_step(step, StepStatus.WORKING, last_move=move, token=token, attempts=attempts)
        # Before the request: what AWS did is on record even if its answer is lost.
        append(
            AuditKind.AWS_INTENDED,
            account_id=stored.run.account_id,
            run_id=work.run_id,
            move=move,
            region=stored.region,
            target=stored.target,
            token=token,
        )
    return Intent(move, token)


def _retries(step: Step) -> int:
    """How often the run's owner had what failed tried again: each time allows as many attempts anew."""
    notes = Event.objects.filter(run_id=step.run_id, kind="owner.note")
    return notes.filter(data__choice="retry_failed").count()


def was_answered(step: Step) -> bool:
    """Whether AWS's answer to the step's last intent is recorded."""
    return _answers(step).exists()


def unless_unheeded(step: Step, decision: Decision) -> Decision:
    """The same decision; or failure, when AWS has shown nothing of what it accepted for long enough."""
    if decision.reason_code in UNHEEDED and was_answered_before(step, deadlines.unheeded_limit()):
        return Decision(Move.FAIL, decision.reason_code)
    return decision


def was_answered_before(step: Step, time: timedelta) -> bool:
    """Whether AWS answered the step's last intent longer ago than `time`."""
    return _answers(step).filter(at__lt=timezone.now() - time).exists()


def _answers(step: Step) -> QuerySet[Event]:
    return Event.objects.filter(run_id=step.run_id, step_id=step.pk, kind="aws.write", data__token=step.token)


def answered_move(step: Step) -> Move | None:
    """The step's last move that AWS has answered; one whose answer was lost is to be made again."""
    return Move(step.last_move) if step.last_move and was_answered(step) else None


def record_answer(
    work: Work, step: Step, intent: Intent, *, stack: str = "", place: str = "account", **fields: Any
) -> None:
    """Record each write that AWS accepted, with its request id, and set the step's `fields`.

    `place` says whose account it was: the owner's "account", or the "central" side's.
    """
    with holding(work):
        record_writes(
            work, step, intent.token, stack=stack, place=place, stack_id=str(fields.get("stack_id", ""))
        )
        history.move_step(step, StepStatus.WORKING, **fields)


def record_writes(
    work: Work, step: Step, token: str, *, stack: str = "", place: str = "account", stack_id: str = ""
) -> None:
    """Record what AWS accepted since `answers.forget`. Inside the caller's transaction."""
    for write in answers.writes():
        history.record(
            work.run_id,
            "aws.write",
            region=write.region,
            step_id=step.pk,
            service=write.service,
            operation=write.operation,
            stack=stack,
            place=place,
            request_id=write.request_id,
            token=token,
            **({"stack_id": stack_id} if stack_id else {}),
        )
