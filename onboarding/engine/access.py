"""May the portal work with what was handed over? Asked before every survey, and so before every write."""

from django.utils import timezone

from onboarding.aws import account as aws_account
from onboarding.aws import handover
from onboarding.aws.session import AwsSession
from onboarding.credentials import RoleHandOver
from onboarding.engine import deadlines, grants, sessions
from onboarding.models import Grant, Run
from onboarding.observed import Failure, Identity
from onboarding.states import FailureKind, Stage


class AccessRefused(Exception):
    """What was handed over can't be used; the owner must hand over something else."""

    def __init__(self, reason_code: str, failure: Failure) -> None:
        super().__init__(reason_code)
        self.reason_code = reason_code
        self.failure = failure


class NotYet(Exception):
    """A role that was just created can't be assumed yet: look again shortly."""


def checked_session(run: Run) -> AwsSession:
    """The survey's session, proven to be of the run's account and able to do the work.

    Raises AccessRefused, NotYet, NoGrant, and AwsFailure for faults.
    """
    grant = grants.live_grant(run)
    if isinstance(handed_over := grants.open_grant(run, grant), RoleHandOver):
        _check_trust(grant, handed_over)
    session = sessions.handed_over(run, Stage.SURVEY)
    _check_identity(run, aws_account.identity(session))
    if not aws_account.can_use_iam(session):
        raise _refused("session_without_mfa", "This session was made without MFA and may not call IAM.")
    return session


def _check_trust(grant: Grant, role: RoleHandOver) -> None:
    """The role must let us in with its own ExternalId, and nobody with a wrong one or none."""
    report = handover.check_trust(sessions.own(), role)
    if not report.right_works:
        if timezone.now() < grant.handed_over_at + deadlines.fresh_role_limit():
            raise NotYet
        failure = report.failure or Failure(FailureKind.DENIED, "AccessDenied", "", "sts", "AssumeRole")
        raise AccessRefused("role_not_assumable", failure)
    if not (report.wrong_refused and report.none_refused):
        raise _refused("role_without_external_id", "The role can be assumed without its ExternalId.")


def _check_identity(run: Run, identity: Identity) -> None:
    if identity.account != run.account.number:
        raise _refused("wrong_account", f"These credentials belong to account {identity.account}.")
    if ":federated-user/" in identity.arn:
        raise _refused("federated_user", "A federated user's session may never call IAM.")
    if identity.arn.endswith(":root"):
        raise _refused("root_user", "The root user's credentials are never used.")


def _refused(code: str, message: str) -> AccessRefused:
    return AccessRefused(code, Failure(FailureKind.OURS, code, message))
