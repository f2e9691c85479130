"""May the handed-over role be assumed by us, and by nobody who doesn't know its ExternalId?"""

import uuid
from dataclasses import dataclass

from onboarding.aws.errors import AwsFailure
from onboarding.aws.permissions import NOTHING_AT_ALL
from onboarding.aws.session import AwsSession, assume_role
from onboarding.credentials import RoleHandOver
from onboarding.observed import Failure
from onboarding.states import FailureKind

# AWS words a wrong ExternalId, a missing trust, a missing role and an organization's denial alike.
_REFUSALS = frozenset({FailureKind.DENIED, FailureKind.DENIED_BY_ORGANIZATION})


@dataclass(frozen=True, slots=True)
class TrustReport:
    """How the role answered to the right ExternalId, to a wrong one and to none.

    `failure` is AWS's refusal of the right one; None when it works.
    """

    right_works: bool
    wrong_refused: bool
    none_refused: bool
    failure: Failure | None = None

    @property
    def is_safe(self) -> bool:
        """It works for us, and only with the ExternalId that the portal gave out."""
        return self.right_works and self.wrong_refused and self.none_refused


def check_trust(own: AwsSession, hand_over: RoleHandOver) -> TrustReport:
    """Try to assume the role in all three ways; the sessions that come of it may do nothing and are dropped.

    A role that was just created may refuse for some seconds: look again before believing `right_works` False.
    Raises AwsFailure for anything but a refusal.
    """
    right = refusal(own, hand_over.role_arn, hand_over.external_id)
    return TrustReport(
        right_works=right is None,
        wrong_refused=refusal(own, hand_over.role_arn, f"wrong-{uuid.uuid4()}") is not None,
        none_refused=refusal(own, hand_over.role_arn, None) is not None,
        failure=right,
    )


def refusal(own: AwsSession, role_arn: str, external_id: str | None) -> Failure | None:
    """AWS's refusal to let us assume the role; None when it lets us, into a session that may do nothing.

    Raises AwsFailure for anything but a refusal.
    """
    try:
        assume_role(
            own,
            role_arn,
            external_id=external_id,
            session_name="onboarding-trust-check",
            policy=NOTHING_AT_ALL,
            duration_seconds=900,
        )
    except AwsFailure as refusal:
        if refusal.failure.kind in _REFUSALS:
            return refusal.failure
        raise
    return None
