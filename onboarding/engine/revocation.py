"""Is the hand-over role gone? Proven, when its owner asks, by trying to use it.

After the run, with no grant: a role's ARN and the account's ExternalId are no secrets of the owner's.
"""

from onboarding.aws import handover, roles
from onboarding.aws.errors import AwsFailure
from onboarding.engine import sessions
from onboarding.engine.claims import Work, holding
from onboarding.engine.verification import AUDIT_ROLE
from onboarding.models import Run, history
from onboarding.observed import Failure
from onboarding.states import StepKind
from onboarding.stored import failure_as_json

# What was found, as stored in the event and told by the page.
GONE, REFUSED, STILL_THERE, ASSUMABLE, UNKNOWN = "gone", "refused", "still_there", "assumable", "unknown"


def look(work: Work, run: Run) -> None:
    """Try to assume the role, look for it through infosec's audit role, and record both answers."""
    role_arn = run.account.last_role_arn
    outcome, failure = _try(run, role_arn)
    with holding(work) as held:
        told = failure_as_json(failure) if failure else None
        history.record(held.pk, "hand_over.checked", outcome=outcome, role_arn=role_arn, failure=told)


def give_up(work: Work) -> None:
    """Say that it can't be told: our own code broke on it."""
    with holding(work) as held:
        history.record(
            held.pk, "hand_over.checked", outcome=UNKNOWN, role_arn=held.account.last_role_arn, failure=None
        )


def _try(run: Run, role_arn: str) -> tuple[str, Failure | None]:
    try:
        refused = handover.refusal(sessions.own(), role_arn, run.account.external_id)
    except AwsFailure as fault:
        return UNKNOWN, fault.failure
    if refused is None:
        return ASSUMABLE, None
    return _seen_from_outside(run, role_arn), refused


def _seen_from_outside(run: Run, role_arn: str) -> str:
    """AWS words a missing role and a refusing one alike; the audit role sees the difference."""
    made = run.steps.filter(kind=StepKind.DEPLOY_ROLES).first()
    audit_arn = str(made.outputs.get(AUDIT_ROLE, "")) if made else ""
    if not audit_arn:
        return REFUSED
    try:
        found = roles.get_role(sessions.audit_role(run, audit_arn), role_arn.rsplit("/", 1)[-1])
    except AwsFailure:
        return REFUSED
    return STILL_THERE if found is not None else GONE
