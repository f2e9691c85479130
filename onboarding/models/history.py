"""Who may change a status? This module alone: together with an Event, in one transaction.

An event's number is allocated by updating the run's row, which the transaction holds until it commits. So
numbers of one run become visible in order and a reader with a cursor skips none.

What an auditor will ask about goes to the audit log too, in the same transaction, and whom to tell of a
change into the outbox of notices: so none of it is forgotten. So does where the account stands
(`models.standing`): no list ever contradicts the run.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from onboarding import wake
from onboarding.models import standing
from onboarding.models.audit import AuditKind, append
from onboarding.models.event import Event
from onboarding.models.grant import Grant
from onboarding.models.notice import put
from onboarding.models.run import Run
from onboarding.models.step import Step
from onboarding.observed import Failure
from onboarding.states import (
    OPEN_RUN_STATUSES,
    SETTLED_RUN_STATUSES,
    SETTLED_STEP_STATUSES,
    UNSETTLED_STEP_STATUSES,
    RunStatus,
    StepStatus,
    may_follow,
)
from onboarding.stored import failure_as_json

# A change of one of these is worth telling people; of the others (tokens, counts, times) it isn't.
_TOLD_OF_A_STEP = ("status", "last_move", "aws_status", "reason_code")

# Events that are records of the audit log, by the kind they have there.
_AUDITED = {
    "aws.write": AuditKind.AWS_WRITE,
    "grant.received": AuditKind.GRANT_RECEIVED,
    "plan.approved": AuditKind.PLAN_APPROVED,
    "owner.note": AuditKind.OWNER_CHOSE,
    "owner.decided": AuditKind.OWNER_CHOSE,
}
# And moves of a run that were somebody's act, by the status they lead to.
_AUDITED_ACTS = {
    RunStatus.DRAFT: AuditKind.RUN_OPENED,
    RunStatus.CANCELLING: AuditKind.RUN_CANCELLED,
    RunStatus.CANCELLED: AuditKind.RUN_CANCELLED,
}


@dataclass(frozen=True, slots=True)
class News:
    """What the next event of a run is to say."""

    kind: str
    region: str = ""
    step_id: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepMove:
    """Where a step is to go, and which of its fields (`fields`) change with it."""

    step: Step
    to: StepStatus
    reason_code: str = ""
    failure: Failure | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


def record(run_id: UUID, kind: str, *, region: str = "", step_id: int | None = None, **data: Any) -> Event:
    """Write the next event of a run. Inside the caller's transaction it commits or vanishes with it."""
    [event] = record_all(run_id, [News(kind, region, step_id, data)])
    return event


def record_all(run_id: UUID, news: Sequence[News]) -> list[Event]:
    """The same for several, in their order."""
    if not news:
        return []
    with transaction.atomic(savepoint=False):
        last, account_id = _last_number_after(run_id, len(news))
        events = [
            Event(
                run_id=run_id,
                number=number,
                kind=each.kind,
                region=each.region,
                step_id=each.step_id,
                data=dict(each.data),
            )
            for number, each in enumerate(news, last - len(news) + 1)
        ]
        Event.objects.bulk_create(events)
        for event in events:
            _audit(event, account_id)
        _sum_up(events, account_id)
        wake.announce(run_id)
    return events


def _last_number_after(run_id: UUID, count: int) -> tuple[int, int]:
    """The last of so many new numbers, and the run's account, in one statement: Django's updates return
    nothing.
    """
    key = run_id if connection.features.has_native_uuid_field else run_id.hex
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE onboarding_run SET last_event_number = last_event_number + %s WHERE id = %s "
            "RETURNING last_event_number, account_id",
            [count, key],
        )
        number, account_id = cursor.fetchone()
        return int(number), int(account_id)


def move_run(
    run: Run,
    to: RunStatus,
    *,
    expect: Collection[RunStatus],
    reason_code: str = "",
    failure: Failure | None = None,
    by_id: int | None = None,
    **fields: Any,
) -> bool:
    """Move a run to another status if it still stands in one of `expect`; False, and nothing done, otherwise.

    `fields` are further columns to set with it. `by_id` is the user whose act it was. `run` is brought up to
    date in place. Raises ValueError for a move that `states.RUN_TRANSITIONS` doesn't know, as that is a
    mistake in the program and not a race.
    """
    for before in expect:
        if not may_follow(before, to):
            raise ValueError(f"A run never moves from {before} to {to}.")
    if to == RunStatus.RUNNING and RunStatus.DRAFT in expect and not fields.get("is_by_hand"):
        raise ValueError("A run without a plan is at work only where its owner does it by hand.")
    with transaction.atomic(savepoint=False):
        before = RunStatus(Run.objects.select_for_update().values_list("status", flat=True).get(pk=run.pk))
        if before not in expect:
            return False
        now = timezone.now()
        changes: dict[str, Any] = {
            **fields,
            "status": to,
            "status_since": now,
            "reason_code": reason_code,
            "failure": failure_as_json(failure) if failure else None,
        }
        if to in SETTLED_RUN_STATUSES:
            changes["finished_at"] = now
        Run.objects.filter(pk=run.pk).update(**changes)
        event = record(
            run.pk,
            "run.status",
            before=before,
            status=to,
            reason_code=reason_code,
            failure=changes["failure"],
            by_id=by_id,
        )
        put(event, to)
    _bring_up_to_date(run, changes)
    return True


def move_step(
    step: Step,
    to: StepStatus,
    *,
    expect: Collection[StepStatus] = UNSETTLED_STEP_STATUSES,
    reason_code: str = "",
    failure: Failure | None = None,
    **fields: Any,
) -> bool:
    """Move a step, or set its fields in the status it has, if it still stands in one of `expect`.

    False, and nothing done, otherwise. An event is written when something that people see has changed.
    """
    return bool(move_steps([StepMove(step, to, reason_code, failure, fields)], expect=expect))


def move_steps(
    moves: Sequence[StepMove], *, expect: Collection[StepStatus] = UNSETTLED_STEP_STATUSES
) -> list[Step]:
    """The same for several steps of one run, each at most once; answers those that were moved."""
    if not moves:
        return []
    with transaction.atomic(savepoint=False):
        keys = [move.step.pk for move in moves]
        held = {step.pk: step for step in Step.objects.select_for_update().filter(pk__in=keys).order_by("pk")}
        now = timezone.now()
        moved = [
            (held[move.step.pk], move, _changes(held[move.step.pk], move, now))
            for move in moves
            if move.step.pk in held and StepStatus(held[move.step.pk].status) in expect
        ]
        news = [_news(stored, move, changes) for stored, move, changes in moved if _is_told(stored, changes)]
        _write([(stored, changes) for stored, _move, changes in moved])
        if news:
            record_all(moved[0][0].run_id, news)
    for _stored, move, changes in moved:
        _bring_up_to_date(move.step, changes)
    return [move.step for _stored, move, _changes in moved]


def _changes(stored: Step, move: StepMove, now: datetime) -> dict[str, Any]:
    changes: dict[str, Any] = {
        **move.fields,
        "status": move.to,
        "reason_code": move.reason_code,
        "failure": failure_as_json(move.failure) if move.failure else None,
        "finished_at": now if move.to in SETTLED_STEP_STATUSES else None,
    }
    if stored.started_at is None and move.to != StepStatus.WAITING:
        changes["started_at"] = now
    return changes


def _write(changed: Sequence[tuple[Step, Mapping[str, Any]]]) -> None:
    """All in one statement. Django's `bulk_update` makes a CASE of each row and field, and takes three times
    as long as an update for each.
    """
    if len(changed) == 1:
        [(stored, changes)] = changed
        Step.objects.filter(pk=stored.pk).update(**changes)
        return
    for stored, changes in changed:
        _bring_up_to_date(stored, changes)
    names = sorted({name for _stored, changes in changed for name in changes})
    Step.objects.bulk_create(
        [stored for stored, _changes in changed],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=names,
    )


def _is_told(stored: Step, changes: Mapping[str, Any]) -> bool:
    return any(name in changes and changes[name] != getattr(stored, name) for name in _TOLD_OF_A_STEP)


def _news(stored: Step, move: StepMove, changes: Mapping[str, Any]) -> News:
    return News(
        "step.status",
        stored.region,
        stored.pk,
        {
            "kind_of_step": stored.kind,
            "target": stored.target,
            "before": stored.status,
            "status": move.to,
            "last_move": changes.get("last_move", stored.last_move),
            "aws_status": changes.get("aws_status", stored.aws_status),
            "reason_code": move.reason_code,
            "failure": changes["failure"],
        },
    )


def destroy_grants(account_id: int, *, reason: str, now: datetime | None = None) -> int:
    """Wipe whatever access is still held to an account, and tell its run. Returns how many grants went."""
    with transaction.atomic():
        live = list(
            Grant.objects.select_for_update().filter(account_id=account_id, destroyed_at=None).order_by("pk")
        )
        for grant in live:
            Grant.objects.filter(pk=grant.pk).update(sealed=None, destroyed_at=now or timezone.now())
            append(
                AuditKind.GRANT_DESTROYED,
                account_id=account_id,
                grant_id=grant.pk,
                kind_of_grant=grant.kind,
                reason=reason,
            )
            run = (
                grant.runs.order_by("-created_at").first()
                or Run.objects.filter(account_id=account_id, status__in=OPEN_RUN_STATUSES).first()
            )
            if run is not None:
                record(run.pk, "grant.destroyed", grant_id=grant.pk, kind_of_grant=grant.kind, reason=reason)
    return len(live)


def _sum_up(events: Sequence[Event], account_id: int) -> None:
    """Into the account's summary: where it stands when its run has moved, else that something happened."""
    at = events[-1].at
    if any(event.kind == "run.status" for event in events):
        standing.bring_up_to_date(account_id, moved_at=at)
    else:
        standing.note_movement(account_id, at)


def _audit(event: Event, account_id: int) -> None:
    """Into the audit log, if it is one of those events."""
    data = dict(event.data)
    actor_id = data.pop("by_id", None)
    kind = _AUDITED.get(event.kind)
    if event.kind == "run.status" and actor_id is not None:
        kind, data = _AUDITED_ACTS.get(RunStatus(data["status"])), {"status": str(data["status"])}
    if kind is None:
        return
    if event.region:
        data["region"] = event.region
    append(kind, actor_id=actor_id, account_id=account_id, run_id=event.run_id, **data)


def _bring_up_to_date(instance: Run | Step, changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        setattr(instance, name, value)
