"""With whose rights is AWS asked?

A session is kept in memory for each grant and stage until shortly before it ends, and forgotten with its
grant. Each stage of a role hand-over gets a session of its own, narrowed to that stage's work; so does each
stage of temporary credentials whose role lets itself be assumed. Other credentials can't be narrowed and are
used as they are. The worker's own identity and the two central roles are kept alike.
"""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from onboarding.aws import account, central, permissions, simulation
from onboarding.aws.errors import AwsFailure
from onboarding.aws.session import AwsSession, Cloud, assume_role, own_session, session_from
from onboarding.company import Company
from onboarding.credentials import RoleHandOver, TemporaryCredentials
from onboarding.engine import answers, grants
from onboarding.models import Grant, Run
from onboarding.planning import Plan, profiles_let_go, resources_let_go
from onboarding.states import FailureKind, Stage

# Assumed again this long before it ends, so that no request is sent with a session that ends under way.
RENEWED_BEFORE_END = timedelta(minutes=5)
# Temporary credentials don't tell when they end. Their sessions are only kept to save making clients.
KEPT_FOR = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class _Kept:
    session: AwsSession
    until: datetime
    grant_id: int | None
    run_id: UUID | None


# Worth asking again; any other refusal to narrow stands for as long as the grant.
_PASSING = frozenset({FailureKind.THROTTLED, FailureKind.UNREACHABLE, FailureKind.UNREADABLE})

# That we have none, or that its time is over.
_OF_OUR_IDENTITY = frozenset({FailureKind.OURS, FailureKind.EXPIRED, FailureKind.INVALID_CREDENTIALS})

_kept: dict[Hashable, _Kept] = {}
_not_to_be_narrowed: set[int] = set()
_lock = threading.Lock()
_making: dict[Hashable, threading.Lock] = {}


@cache
def own() -> AwsSession:
    """The worker's own identity, from its environment."""
    return own_session(Cloud(settings.CLOUD_ENDPOINT_URL or None), listener=answers.listen)


def renew_own() -> None:
    """Read the worker's identity anew from its environment, when AWS has refused the one that was kept."""
    own.cache_clear()


def storage() -> AwsSession:
    """The storage account's admin role, which looks after bucket, topic and reader role."""
    return _keep("storage", lambda: _assumed_by_us(central.storage_session))


def auditor() -> AwsSession:
    """The central role from which every account's audit role is assumed."""
    return _keep("auditor", lambda: _assumed_by_us(central.auditor_session))


def _assumed_by_us(assume: Callable[[AwsSession, Company], AwsSession]) -> AwsSession:
    """A central role's session. Where our own identity is what is wrong, whoever asks next reads it anew."""
    try:
        return assume(own(), settings.COMPANY)
    except AwsFailure as refusal:
        if refusal.failure.kind in _OF_OUR_IDENTITY:
            renew_own()
        raise


def audit_role(run: Run, role_arn: str) -> AwsSession:
    """The account's new audit role, as infosec will use it: through the central auditor, with no grant."""
    external_id = settings.COMPANY.roles.external_id or None
    return _keep(
        ("audit", run.pk, role_arn),
        lambda: assume_role(auditor(), role_arn, external_id=external_id, session_name=session_name(run)),
        run_id=run.pk,
    )


def handed_over(run: Run, stage: Stage) -> AwsSession:
    """The session with which `stage` works in the owner's account; raises NoGrant when nothing is held."""
    grant = grants.live_grant(run)
    # An answer given meanwhile widens what the stage may do, and changes the plan's digest: it gets a session
    # of its own.
    return _keep((grant.pk, stage, run.plan_digest), lambda: _open(run, grant, stage), grant_id=grant.pk)


def _open(run: Run, grant: Grant, stage: Stage) -> AwsSession:
    match grants.open_grant(run, grant):
        case TemporaryCredentials() as credentials:
            session = session_from(own().cloud, credentials, listener=answers.listen, clients=own().clients)
            return _narrowed(session, run, grant, stage) or session
        case RoleHandOver() as role:
            return assume_role(
                own(),
                role.role_arn,
                external_id=role.external_id,
                session_name=session_name(run),
                policy=_policy(run, stage),
            )


def _narrowed(session: AwsSession, run: Run, grant: Grant, stage: Stage) -> AwsSession | None:
    """A session of the credentials' own role that may do this stage's work alone; None where none is given.

    A refusal is remembered: it would be another line in the owner's CloudTrail each time.
    """
    if grant.pk in _not_to_be_narrowed:
        return None
    identity = account.identity(session)
    is_ours = identity.account == run.account.number
    role = simulation.principal_arn(session, identity) if is_ours else ""
    if ":role/" in role:
        try:
            return assume_role(
                session, role, external_id=None, session_name=session_name(run), policy=_policy(run, stage)
            )
        except AwsFailure as refusal:
            if refusal.failure.kind in _PASSING:
                raise
    _not_to_be_narrowed.add(grant.pk)
    return None


def _policy(run: Run, stage: Stage) -> str:
    steps = list(run.steps.filter(stage=stage))
    consented = Plan.from_json(run.plan).consented if run.plan else ()
    return permissions.session_policy(
        stage,
        settings.COMPANY,
        run.account.number,
        stack_ids=[step.stack_id for step in steps if step.stack_id],
        regions=sorted({step.region for step in steps if step.region}),
        consented={question.code for question in consented},
        extra_resources=resources_let_go(consented),
        instance_profiles=profiles_let_go(consented),
    )


def session_name(run: Run) -> str:
    """What the owner's CloudTrail shows as our session: enough to find the run by."""
    return f"onb-{run.pk.hex[:12]}"


def _keep(
    key: Hashable,
    make: Callable[[], AwsSession],
    *,
    grant_id: int | None = None,
    run_id: UUID | None = None,
) -> AwsSession:
    """The kept session, or a new one; made once even when many regions ask for it at the same moment."""
    with _lock:
        making = _making.setdefault(key, threading.Lock())
    with making:
        now = timezone.now()
        with _lock:
            kept = _kept.get(key)
        if kept is not None and kept.until > now:
            return kept.session
        session = make()
        until = session.expires_at - RENEWED_BEFORE_END if session.expires_at else now + KEPT_FOR
        with _lock:
            _kept[key] = _Kept(session, until, grant_id, run_id)
        return session


def forget(grant_id: int) -> None:
    """Forget every session of a grant: refused ones must not be tried again, destroyed ones not be kept."""
    _drop(lambda kept: kept.grant_id == grant_id)


def forget_ended() -> None:
    """Forget sessions whose time is over, whose grant was destroyed or whose run has settled."""
    with _lock:
        grants_held = {kept.grant_id for kept in _kept.values() if kept.grant_id is not None}
        runs_held = {kept.run_id for kept in _kept.values() if kept.run_id is not None}
    live: set[int] = set()
    going_on: set[UUID] = set()
    if grants_held:
        live |= set(Grant.objects.filter(pk__in=grants_held, destroyed_at=None).values_list("pk", flat=True))
    if runs_held:
        going_on |= set(Run.objects.open().filter(pk__in=runs_held).values_list("pk", flat=True))
    now = timezone.now()
    _drop(
        lambda kept: (
            kept.until <= now
            # Only of those that were asked about: others may have come since.
            or (kept.grant_id in grants_held and kept.grant_id not in live)
            or (kept.run_id in runs_held and kept.run_id not in going_on)
        )
    )


def _drop(is_over: Callable[[_Kept], bool]) -> None:
    with _lock:
        for key in [key for key, kept in _kept.items() if is_over(kept)]:
            del _kept[key]
        for key in [key for key, lock in _making.items() if key not in _kept and not lock.locked()]:
            del _making[key]
