"""Which words may be stored, and which run status may follow which.

Pure vocabulary: nothing here reads a database, a clock or AWS.
"""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class RunStatus(TextChoices):
    DRAFT = "draft", _("Waiting for the hand-over")
    SURVEYING = "surveying", _("Looking at the account")
    PLANNED = "planned", _("Plan ready to approve")
    RUNNING = "running", _("Working")
    VERIFYING = "verifying", _("Verifying")
    VERIFIED = "verified", _("Verified")
    NEEDS_ACCESS = "needs_access", _("Needs access")
    NEEDS_OWNER = "needs_owner", _("Needs your decision")
    PARTLY_DONE = "partly_done", _("Partly done")
    FAILED = "failed", _("Failed")
    CANCELLING = "cancelling", _("Cancelling")
    CANCELLED = "cancelled", _("Cancelled")


SETTLED_RUN_STATUSES = frozenset(
    {RunStatus.VERIFIED, RunStatus.PARTLY_DONE, RunStatus.FAILED, RunStatus.CANCELLED}
)
OPEN_RUN_STATUSES = frozenset(set(RunStatus) - SETTLED_RUN_STATUSES)

RUN_TRANSITIONS: dict[RunStatus, frozenset[RunStatus]] = {
    # Running at once where the owner does it by hand: nobody is let in, so nothing is looked at before.
    RunStatus.DRAFT: frozenset({RunStatus.SURVEYING, RunStatus.RUNNING, RunStatus.CANCELLED}),
    # Verifying at once when the account is already right: nothing is written, so nothing waits for approval.
    RunStatus.SURVEYING: frozenset(
        {
            RunStatus.PLANNED,
            RunStatus.VERIFYING,
            RunStatus.NEEDS_ACCESS,
            RunStatus.NEEDS_OWNER,
            RunStatus.FAILED,
            # Looked at again, or planned again, while something that was sent is in flight.
            RunStatus.CANCELLING,
            RunStatus.CANCELLED,
        }
    ),
    # Planned again when the world changed before the first write; verifying when there is nothing to write.
    RunStatus.PLANNED: frozenset(
        {
            RunStatus.SURVEYING,
            RunStatus.RUNNING,
            RunStatus.VERIFYING,
            RunStatus.NEEDS_ACCESS,
            # Another answer may lead to another question.
            RunStatus.NEEDS_OWNER,
            RunStatus.FAILED,
            RunStatus.CANCELLING,
            RunStatus.CANCELLED,
        }
    ),
    RunStatus.RUNNING: frozenset(
        {
            RunStatus.PLANNED,
            RunStatus.VERIFYING,
            RunStatus.NEEDS_ACCESS,
            RunStatus.NEEDS_OWNER,
            RunStatus.PARTLY_DONE,
            RunStatus.FAILED,
            RunStatus.CANCELLING,
            # An undoing run whose work is done: everything that was created is gone.
            RunStatus.CANCELLED,
        }
    ),
    RunStatus.NEEDS_ACCESS: frozenset(
        {
            RunStatus.SURVEYING,
            RunStatus.RUNNING,
            RunStatus.FAILED,
            RunStatus.CANCELLING,
            RunStatus.CANCELLED,
        }
    ),
    RunStatus.NEEDS_OWNER: frozenset(
        {
            RunStatus.SURVEYING,
            RunStatus.PLANNED,
            RunStatus.RUNNING,
            RunStatus.FAILED,
            RunStatus.CANCELLING,
            RunStatus.CANCELLED,
        }
    ),
    RunStatus.VERIFYING: frozenset({RunStatus.VERIFIED, RunStatus.PARTLY_DONE, RunStatus.FAILED}),
    RunStatus.CANCELLING: frozenset({RunStatus.CANCELLED}),
    RunStatus.VERIFIED: frozenset(),
    # By itself nothing follows. Its owner may have what failed tried again, under the same approval.
    RunStatus.PARTLY_DONE: frozenset({RunStatus.NEEDS_ACCESS, RunStatus.VERIFYING}),
    RunStatus.FAILED: frozenset({RunStatus.NEEDS_ACCESS, RunStatus.VERIFYING}),
    RunStatus.CANCELLED: frozenset(),
}


def may_follow(before: RunStatus, after: RunStatus) -> bool:
    """Whether a run in status `before` may be moved to `after`."""
    return after in RUN_TRANSITIONS[before]


class Stage(TextChoices):
    """Steps of one stage may go on together; the next stage waits for them."""

    SURVEY = "survey", _("Look at the account")
    ADMIT = "admit", _("Prepare the log storage")
    REMOVE = "remove", _("Remove the old role")
    ROLES = "roles", _("Create the two roles")
    TRAILS = "trails", _("Switch on CloudTrail in every region")
    VERIFY = "verify", _("Verify from outside")
    # Asked for by the owner, once the run has settled: it has no steps and is part of no plan.
    REVOKED = "revoked", _("See that the hand-over role is gone")


WRITING_STAGES = (Stage.ADMIT, Stage.REMOVE, Stage.ROLES, Stage.TRAILS)


class StepKind(TextChoices):
    ADMIT_ACCOUNT = "admit_account", _("Admit the account to the log storage")
    REMOVE_STACK = "remove_stack", _("Remove the old stack")
    DEPLOY_ROLES = "deploy_roles", _("Deploy the role stack")
    DEPLOY_TRAILS = "deploy_trails", _("Deploy the CloudTrail stack")
    REGION_TRAIL = "region_trail", _("Switch on CloudTrail in a region")
    VERIFY_ROLES = "verify_roles", _("Verify the roles")
    VERIFY_REGION = "verify_region", _("Verify a region")


class Goal(TextChoices):
    ADMITTED = "admitted", _("admitted")
    ABSENT = "absent", _("absent")
    PRESENT = "present", _("present")
    LOGGING = "logging", _("logging")
    VERIFIED = "verified", _("verified")


class StepStatus(TextChoices):
    WAITING = "waiting", _("Waiting")
    WORKING = "working", _("Working")
    FINISHED = "finished", _("Finished")
    FAILED = "failed", _("Failed")
    REFUSED = "refused", _("Refused")


SETTLED_STEP_STATUSES = frozenset({StepStatus.FINISHED, StepStatus.FAILED, StepStatus.REFUSED})
UNSETTLED_STEP_STATUSES = frozenset(set(StepStatus) - SETTLED_STEP_STATUSES)


class Condition(TextChoices):
    """What a stack's status means for us: CloudFormation's 23 words, mapped once (see `decisions`)."""

    ABSENT = "absent"
    BUSY = "busy"
    LIVE = "live"
    LIVE_AFTER_FAILED_UPDATE = "live_after_failed_update"
    BLOCKED = "blocked"  # a failed creation holds the name: delete, then create
    UPDATE_STUCK = "update_stuck"
    DELETE_FAILED = "delete_failed"
    IN_REVIEW = "in_review"  # an unexecuted change set holds the name
    UNKNOWN = "unknown"


class Move(TextChoices):
    WAIT = "wait"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    # Both only with the owner's consent, and before a deletion.
    UNPROTECT = "unprotect"
    DETACH = "detach"
    FINISH = "finish"
    FAIL = "fail"
    ASK = "ask"


class GrantKind(TextChoices):
    ROLE = "role", _("Assumable role")
    TEMPORARY_CREDENTIALS = "temporary_credentials", _("Temporary credentials")


class RegionOutcome(TextChoices):
    """How looking into a region went."""

    READ = "read", _("Read")
    NOT_ENABLED = "not_enabled", _("Not enabled")
    DENIED = "denied", _("Denied")
    UNREACHABLE = "unreachable", _("Unreachable")


class RegionState(TextChoices):
    """What a region's row on the live page says."""

    UNKNOWN = "unknown", _("Not read yet")
    WAITING = "waiting", _("Waiting")
    CREATING = "creating", _("Creating the stack")
    LOGGING = "logging", _("Logging, first log awaited")
    COVERED = "covered", _("Covered")
    FAILED = "failed", _("Failed")
    SKIPPED = "skipped", _("Skipped")


class AccountState(TextChoices):
    """Where an account stands, for whoever watches many: drawn from its latest run."""

    NO_OWNER = "no_owner", _("Nobody answers for it")
    NOT_STARTED = "not_started", _("Not started")
    WAITING = "waiting", _("Waiting")
    WORKING = "working", _("Working")
    VERIFIED = "verified", _("Verified")
    PARTLY = "partly", _("Partly done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class BlockedOn(TextChoices):
    """Who has to do something before an account can go on."""

    NOBODY = "nobody", _("Nobody")
    OWNER = "owner", _("Its owner")
    INFOSEC = "infosec", _("Infosec")
    PORTAL = "portal", _("The portal")


class FailureKind(TextChoices):
    """What sort of refusal AWS gave; see `aws.errors` for the codes behind each."""

    EXPIRED = "expired"
    INVALID_CREDENTIALS = "invalid_credentials"
    DENIED = "denied"
    DENIED_BY_ORGANIZATION = "denied_by_organization"
    NOT_ENABLED = "not_enabled"
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    QUOTA = "quota"
    CLOCK_SKEW = "clock_skew"
    ACCOUNT_INACTIVE = "account_inactive"
    REQUEST = "request"  # AWS did not accept what we sent
    UNREADABLE = "unreadable"  # the answer could not be parsed
    OURS = "ours"  # our own check failed, no AWS code
    UNKNOWN = "unknown"
