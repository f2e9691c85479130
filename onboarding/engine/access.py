"""May the portal work with what was handed over? Asked before every survey, and so before every write."""

import logging
from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone

from onboarding.aws import account as aws_account
from onboarding.aws import handover
from onboarding.aws.errors import AwsFailure
from onboarding.aws.session import AwsSession
from onboarding.credentials import HandedOver, RoleHandOver
from onboarding.engine import deadlines, grants, sessions
from onboarding.models import Grant, Run
from onboarding.observed import DEFAULT_REGIONS, Failure, Identity
from onboarding.states import FailureKind, Stage

logger = logging.getLogger(__name__)

# So many opt-in regions are asked before a token is held to be of the kind that works in none.
_OPT_IN_REGIONS_ASKED = 3


class AccessRefused(Exception):
    """What was handed over can't be used; the owner must hand over something else."""

    def __init__(self, reason_code: str, failure: Failure) -> None:
        super().__init__(reason_code)
        self.reason_code = reason_code
        self.failure = failure


class NotYet(Exception):
    """A role that was just created can't be assumed yet: look again shortly."""


@dataclass(frozen=True, slots=True)
class Access:
    """What the survey works with. `role_arn` is the handed-over role's, empty for credentials.

    `is_narrowed`: each stage's session may do that stage's work alone.
    """

    session: AwsSession
    identity: Identity
    role_arn: str
    is_narrowed: bool


def checked(run: Run) -> Access:
    """The survey's access, proven to be of the run's account and of a kind that can do the work.

    Raises AccessRefused, NotYet, NoGrant, and AwsFailure for faults.
    """
    grant = grants.live_grant(run)
    handed_over = grants.open_grant(run, grant)
    if isinstance(handed_over, RoleHandOver):
        _check_trust(grant, handed_over)
    session = sessions.handed_over(run, Stage.SURVEY)
    identity = aws_account.identity(session)
    _check_identity(run, identity)
    _check_kind(session, handed_over)
    return Access(
        session=session,
        identity=identity,
        role_arn=handed_over.role_arn if isinstance(handed_over, RoleHandOver) else "",
        # Only sessions that we opened ourselves tell when they end, and those we narrow.
        is_narrowed=session.expires_at is not None,
    )


def alias_of(access: Access) -> str:
    """The account's alias, where it may be read: shown back to the owner with the number."""
    try:
        return aws_account.alias(access.session)
    except AwsFailure:
        return ""


def _check_trust(grant: Grant, role: RoleHandOver) -> None:
    """The role must let us in with its own ExternalId, and nobody with a wrong one or none."""
    report = handover.check_trust(sessions.own(), role)
    if not report.right_works:
        if timezone.now() < grant.handed_over_at + deadlines.fresh_role_limit():
            raise NotYet
        failure = report.failure or Failure(FailureKind.DENIED, "AccessDenied", "", "sts", "AssumeRole")
        raise AccessRefused("role_not_assumable", failure)
    if not report.is_safe:
        raise _refused("role_without_external_id", "The role can be assumed without its ExternalId.")


def _check_identity(run: Run, identity: Identity) -> None:
    if identity.account != run.account.number:
        if identity.account == _own_account():
            logger.error("access.own_account run_id=%s", run.pk)
            raise _refused("own_account", "The portal's own identity answered instead of the owner's.")
        raise _refused("wrong_account", f"These credentials belong to account {identity.account}.")
    if ":federated-user/" in identity.arn:
        raise _refused("federated_user", "A federated user's session may never call IAM.")
    if identity.arn.endswith(":root"):
        raise _refused("root_user", "The root user's credentials are never used.")


def _own_account() -> str:
    return str(settings.COMPANY.portal.worker_principal_arn).split(":")[4]


def _check_kind(session: AwsSession, handed_over: HandedOver) -> None:
    """Valid credentials, but of a kind that would fail half-way."""
    if not aws_account.can_use_iam(session):
        raise _refused("session_without_mfa", "This session was made without MFA and may not call IAM.")
    if (denial := aws_account.denial_of_everything(session)) is not None:
        raise AccessRefused("session_revoked", denial)
    if isinstance(handed_over, RoleHandOver):
        # Its sessions come from a region's own endpoint, and such tokens work everywhere.
        return
    regions = aws_account.enabled_regions(session)
    opt_in = [region for region in regions.enabled if region not in DEFAULT_REGIONS]
    asked = opt_in[:_OPT_IN_REGIONS_ASKED]
    if asked and not any(aws_account.is_known_in(session, region) for region in asked):
        text = f"Valid in {', '.join(DEFAULT_REGIONS[-2:])}, and in none of {', '.join(asked)}."
        raise _refused("token_of_global_endpoint", text)


def _refused(code: str, message: str) -> AccessRefused:
    return AccessRefused(code, Failure(FailureKind.OURS, code, message))
