"""What does the portal see of itself? Each question of `manage.py doctor`, and the one thing to do where it
is bad.

Only reads. Every question is asked, whatever became of the others: one that can't be asked is bad and says
why.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Max, Min
from django.utils import timezone
from redis.exceptions import RedisError

from onboarding.audit import chain
from onboarding.aws import account as aws_account
from onboarding.aws import central, clock
from onboarding.aws.errors import AwsFailure
from onboarding.custody.keys import PrivateKeyUnusable, private_keys, public_half
from onboarding.custody.seal import key_id
from onboarding.engine import deadlines, grants, pulse, sessions
from onboarding.engine.claims import ACTIVE_RUN_STATUSES
from onboarding.models import AuditRecord, Grant, Run, WorkItem
from onboarding.remedies import remedy_for
from onboarding.states import RunStatus, StepKind, StepStatus
from onboarding.stored import failure_from_json

# The tick comes every two seconds, the sweep too; sealing every five.
LATE, TOO_LATE = timedelta(seconds=30), timedelta(seconds=120)
MANY_MESSAGES = 1_000
MANY_FAULTS = 5
# AWS refuses what is signed five minutes off.
SKEWED, TOO_SKEWED = timedelta(seconds=30), timedelta(minutes=4)


class State(StrEnum):
    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer: of what, how it is, what was seen, and the one thing to do (empty when it is ok)."""

    subject: str
    state: State
    seen: str
    act: str = ""


def examine() -> list[Finding]:
    """Every finding, in the order in which one would look for the cause of trouble."""
    return [finding for question in QUESTIONS for finding in _ask(question)]


def _ask(question: "Question") -> Iterator[Finding]:
    try:
        yield from question.answer()
    except (DatabaseError, RedisError, AwsFailure, OSError) as error:
        failure = error.failure if isinstance(error, AwsFailure) else None
        seen = f"{failure.code}: {failure.message}" if failure else type(error).__name__
        yield Finding(question.subject, State.BAD, f"could not be asked: {seen}", question.act)


@dataclass(frozen=True, slots=True)
class Question:
    """`act`: what to do where it can't even be asked."""

    subject: str
    act: str
    answer: Callable[[], Iterator[Finding]]


def _database() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    yield Finding("database", State.OK, f"{connection.vendor} answers")
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        names = ", ".join(migration.name for migration, _backwards in missing[:3])
        seen = f"{len(missing)} not applied: {names}"
        yield Finding("migrations", State.BAD, seen, "Run `manage.py migrate`.")
    else:
        yield Finding("migrations", State.OK, "all applied")
    if connection.vendor == "postgresql":
        yield _of_clock("database clock", _database_time() - timezone.now())


def _database_time() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    time: datetime = row[0]
    return time


def _of_clock(subject: str, offset: timedelta) -> Finding:
    seen = f"{offset.total_seconds():+.0f} s from ours"
    act = "Set this machine's clock: let it be kept by NTP."
    if abs(offset) > TOO_SKEWED:
        return Finding(subject, State.BAD, seen, act)
    return (
        Finding(subject, State.WARN, seen, act) if abs(offset) > SKEWED else Finding(subject, State.OK, seen)
    )


def _broker() -> Iterator[Finding]:
    waiting = pulse.queue_length()
    seen = f"Redis answers, {waiting} messages wait"
    if waiting > MANY_MESSAGES:
        yield Finding("broker", State.WARN, seen, "Start more workers.")
    else:
        yield Finding("broker", State.OK, seen)


def _workers() -> Iterator[Finding]:
    told = pulse.workers()
    if not told:
        yield Finding("workers", State.BAD, "none has been heard of", "Start a worker, or look into its log.")
    else:
        yield Finding("workers", State.OK, f"{len(told)} alive: {', '.join(sorted(told))}")
    tick = pulse.last_tick()
    age = timezone.now() - tick if tick else None
    if age is None or age > LATE:
        seen = f"the last was {_seconds(age)} ago" if age else "none has come"
        state = State.WARN if age and age < TOO_LATE else State.BAD
        yield Finding("tick", state, seen, "Start beat, or look into its log: without it nothing goes on.")
    else:
        yield Finding("tick", State.OK, f"the last was {_seconds(age)} ago")
    paused = sorted({endpoint for each in told.values() for endpoint in each["paused"]})
    if paused:
        act = "Nothing, if AWS is at fault: each is asked again by itself. Else look at the way there."
        yield Finding("breakers", State.WARN, f"without an answer: {', '.join(paused)}", act)
    else:
        yield Finding("breakers", State.OK, "every endpoint answers the workers")


def _due() -> Iterator[Finding]:
    now = timezone.now()
    due = WorkItem.objects.filter(lease_until=None, due_at__lte=now)
    oldest = due.aggregate(oldest=Min("due_at"))["oldest"]
    age = now - oldest if oldest else timedelta(0)
    seen = f"{due.count()} due, the oldest for {_seconds(age)}"
    act = "Look at beat and the workers: due work is not claimed. If all are busy, start more workers."
    yield Finding("due work", _by_age(age), seen, act if age > LATE else "")
    held = WorkItem.objects.filter(lease_until__isnull=False)
    ended = held.filter(lease_until__lt=now).aggregate(oldest=Min("lease_until"), newest=Max("lease_until"))
    age = now - ended["oldest"] if ended["oldest"] else timedelta(0)
    seen = f"{held.count()} held, the oldest ended lease waits for {_seconds(age)}"
    yield Finding("leases", _by_age(age), seen, act if age > LATE else "")


def _by_age(age: timedelta) -> State:
    return State.OK if age <= LATE else State.WARN if age <= TOO_LATE else State.BAD


def _runs() -> Iterator[Finding]:
    now = timezone.now()
    statuses = list(Run.objects.open().values_list("pk", "status", "status_since"))
    overdue = [
        str(pk)
        for pk, status, since in statuses
        if (ends := deadlines.run_limit_ends(RunStatus(status), since)) is not None and ends + TOO_LATE < now
    ]
    idle = [
        str(pk)
        for pk in Run.objects.filter(status__in=ACTIVE_RUN_STATUSES, status_since__lt=now - TOO_LATE)
        .exclude(work_items__due_at__isnull=False)
        .values_list("pk", flat=True)
    ]
    if stuck := [*overdue, *idle]:
        act = "Look at the workers' log for `sweep`: it should have ended or revived these."
        yield Finding("runs", State.BAD, f"{len(stuck)} stand still: {', '.join(stuck[:3])}", act)
    else:
        yield Finding("runs", State.OK, f"{len(statuses)} open, none stands still")
    yield from _troubled()


def _troubled() -> Iterator[Finding]:
    broken = WorkItem.objects.filter(due_at__isnull=False, breaks__gt=0)
    if count := broken.count():
        worst = broken.order_by("-breaks")[0]
        seen = f"our code breaks on {count} items, {worst.breaks} times on {worst}"
        yield Finding("defects", State.BAD, seen, "Find `work.broke` in the workers' log, and mend it.")
    else:
        yield Finding("defects", State.OK, "our code breaks on nothing")
    troubled = WorkItem.objects.filter(due_at__isnull=False, faults__gte=MANY_FAULTS, trouble__isnull=False)
    item = troubled.order_by("-faults").first()
    failure = failure_from_json(item.trouble) if item is not None else None
    if item is not None and failure is not None:
        remedy = remedy_for(failure, item.stage)
        seen = f"{troubled.count()} items are tried again and again; {item}: {failure.code} {failure.message}"
        yield Finding("faults of AWS", State.WARN, seen, str(remedy.act))
    else:
        yield Finding("faults of AWS", State.OK, "none lasts")


def _keys() -> Iterator[Finding]:
    preferred = key_id(settings.CUSTODY_PUBLIC_KEY)
    try:
        here = [key_id(public_half(key)) for key in private_keys()]
    except PrivateKeyUnusable as error:
        yield Finding("custody keys", State.BAD, str(error), "Give the worker a usable key.")
        return
    held = set(Grant.objects.filter(destroyed_at=None).values_list("sealing_key_id", flat=True))
    if not here:
        act = "Run this where the worker runs, with its environment."
        yield Finding("custody keys", State.WARN, "no private key here", act)
    elif preferred not in here:
        act = "Give every worker the private half of CUSTODY_PUBLIC_KEY: it can't open what is handed over."
        yield Finding("custody keys", State.BAD, f"{preferred} seals, {', '.join(here)} are here", act)
    elif held - set(here):
        act = "Put the older private key back until `manage.py custody status` says that it isn't needed."
        yield Finding("custody keys", State.BAD, f"held under {', '.join(held - set(here))}, not here", act)
    else:
        yield Finding("custody keys", State.OK, f"{preferred} seals, and can be opened here")
    overdue = grants.overdue(timezone.now() - TOO_LATE).count()
    if overdue:
        act = "Look at the workers' log for `sweep`: it should have destroyed them."
        yield Finding("held access", State.BAD, f"{overdue} should have been destroyed", act)
    else:
        yield Finding("held access", State.OK, "nothing is held for longer than it should be")


def _audit() -> Iterator[Finding]:
    waiting = AuditRecord.objects.unsealed().aggregate(oldest=Min("at"))["oldest"]
    age = timezone.now() - waiting if waiting else timedelta(0)
    try:
        ring = chain.keys()
    except chain.NoAuditKey as missing:
        act = "Give the worker AUDIT_KEYS (`python -m portal.audit_keys` makes one)."
        yield Finding("audit log", State.BAD, str(missing), act)
        return
    act = "Look at beat and the workers' log for `audit`: records wait to be sealed."
    seen = f"{ring.sealing} seals, the oldest unsealed record waits for {_seconds(age)}"
    yield Finding("audit log", _by_age(age), seen, act if age > LATE else "")


def _identity() -> Iterator[Finding]:
    who = aws_account.identity(sessions.own())
    wanted = settings.COMPANY.portal.worker_principal_arn
    account, name = wanted.split(":")[4], wanted.rsplit("/", 1)[-1]
    is_right = who.account == account and (who.arn == wanted or f"/{name}/" in who.arn)
    if is_right:
        yield Finding("own identity", State.OK, who.arn)
    else:
        act = f"Run the worker as {wanted}: owners' roles trust that and nobody else."
        yield Finding("own identity", State.BAD, who.arn, act)
    offset = clock.offset()
    if offset is not None:
        yield _of_clock("AWS's clock", offset)


def _central_side() -> Iterator[Finding]:
    sample = _an_admitted_account()
    checks = central.check_admission(sessions.storage(), settings.COMPANY, sample)
    for check in checks:
        if check.is_ok:
            yield Finding(f"central {check.name}", State.OK, f"accepts account {sample}")
        else:
            seen = check.failure.message if check.failure else check.detail
            # The storage account itself, asked for want of another, need not be admitted.
            is_bad = check.failure is not None or sample != settings.COMPANY.storage.account_id
            act = (
                "Mend it in the storage account: deliveries are refused, and new runs stop before they write."
            )
            state = State.BAD if is_bad else State.OK
            yield Finding(f"central {check.name}", state, seen, act if is_bad else "")
    sessions.auditor()
    yield Finding("auditor", State.OK, f"{settings.COMPANY.verification.auditor_role_arn} can be assumed")


def _an_admitted_account() -> str:
    """The account admitted last: it has to be admitted still. Before the first, any will do to read by."""
    step = Run.objects.filter(steps__kind=StepKind.ADMIT_ACCOUNT, steps__status=StepStatus.FINISHED)
    run = step.order_by("-created_at").select_related("account").first()
    return run.account.number if run is not None else str(settings.COMPANY.storage.account_id)


def _seconds(age: timedelta | None) -> str:
    return f"{age.total_seconds():.0f} s" if age is not None else "never"


QUESTIONS = (
    Question("database", "Start the database, or mend DATABASE_URL.", _database),
    Question("broker", "Start Redis, or mend REDIS_URL. Nothing is lost meanwhile.", _broker),
    Question("workers", "Start Redis: workers tell of themselves through it.", _workers),
    Question("due work", "Start the database.", _due),
    Question("runs", "Start the database.", _runs),
    Question("custody keys", "Start the database.", _keys),
    Question("audit log", "Start the database.", _audit),
    Question("own identity", "Give the worker its role at AWS, and a way there.", _identity),
    Question(
        "central side", "Let the central roles trust the worker, as docs/operations.md says.", _central_side
    ),
)
