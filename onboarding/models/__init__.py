"""What is stored. Each module holds one table's question; import them from here."""

from onboarding.models.account import AwsAccount, Ownership, OwnershipRole
from onboarding.models.audit import AuditHead, AuditRecord
from onboarding.models.batch import Batch, BatchKind, BatchLine, LineState
from onboarding.models.deployment import BlueprintPart, Deployment, KnownTemplate
from onboarding.models.desk import AccountNote, AccountTag, Assignment, Reminder, SavedView
from onboarding.models.event import Event
from onboarding.models.grant import Grant
from onboarding.models.notice import Notice, NoticeOutcome
from onboarding.models.people import Invitation, InvitationState, Member, StaffRole
from onboarding.models.reader import Reader
from onboarding.models.reading import RegionReading
from onboarding.models.run import Run
from onboarding.models.step import Step
from onboarding.models.summary import AccountSummary, FleetDay, Tally
from onboarding.models.work_item import WorkItem

__all__ = [
    "AccountNote",
    "AccountSummary",
    "AccountTag",
    "Assignment",
    "AuditHead",
    "AuditRecord",
    "AwsAccount",
    "Batch",
    "BatchKind",
    "BatchLine",
    "BlueprintPart",
    "Deployment",
    "Event",
    "FleetDay",
    "Grant",
    "Invitation",
    "InvitationState",
    "KnownTemplate",
    "LineState",
    "Member",
    "Notice",
    "NoticeOutcome",
    "Ownership",
    "OwnershipRole",
    "Reader",
    "RegionReading",
    "Reminder",
    "Run",
    "SavedView",
    "StaffRole",
    "Step",
    "Tally",
    "WorkItem",
]
