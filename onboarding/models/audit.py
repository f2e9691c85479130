"""Who did what that an auditor will ask about? A table that is only ever added to.

A record is written in the transaction of the act it tells of: both commit or neither does. The worker seals
committed records afterwards (`onboarding.audit.seal`): each gets the next number of a gapless sequence and
a MAC over the record and the one before. Nothing else ever changes a record, and nothing removes one: this
module refuses to, and so do the database's triggers (migration 0002).

A record has no foreign keys: it stays as it was written, whatever becomes of the user or the account.
"""

import json
from collections.abc import Collection
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NoReturn
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import connection, models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from onboarding.models.account import AwsAccount

# Where the present request comes from; the middleware sets it. Empty for the worker and for commands.
request_address: ContextVar[str] = ContextVar("request_address", default="")


class AuditKind(models.TextChoices):
    """What a record tells of. Stored: add words, never change one."""

    SIGNED_IN = "sign_in.done", _("Signed in")
    SIGN_IN_FAILED = "sign_in.failed", _("Failed to sign in")
    SIGNED_OUT = "sign_in.ended", _("Signed out")
    ACCOUNT_REGISTERED = "account.registered", _("Registered the account")
    ACCOUNT_CHANGED = "account.changed", _("Changed the account’s details")
    EXTERNAL_ID_VIEWED = "external_id.viewed", _("Saw the ExternalId")
    EXTERNAL_ID_ROTATED = "external_id.rotated", _("Replaced the ExternalId")
    GRANT_RECEIVED = "grant.received", _("Handed over access")
    GRANT_DESTROYED = "grant.destroyed", _("Access was destroyed")
    PLAN_APPROVED = "plan.approved", _("Approved the plan")
    RUN_OPENED = "run.opened", _("Opened a run")
    RUN_CANCELLED = "run.cancelled", _("Cancelled")
    OWNER_CHOSE = "owner.note", _("Chose")
    AWS_INTENDED = "aws.intended", _("Is about to change something in AWS")
    AWS_WRITE = "aws.write", _("Changed something in AWS")
    ROLE_GIVEN = "role.given", _("Gave a role")
    ROLE_TAKEN = "role.taken", _("Took a role away")
    OWNER_INVITED = "owner.invited", _("Invited an owner")
    OWNER_REMINDED = "owner.reminded", _("Reminded somebody of an invitation")
    INVITATION_REVOKED = "invitation.revoked", _("Revoked an invitation")
    OWNER_JOINED = "owner.joined", _("Became an owner")
    OWNER_REMOVED = "owner.removed", _("Removed an owner")
    OWNERSHIP_TRANSFERRED = "ownership.transferred", _("Handed the ownership on")
    SIGN_IN_MEANS_CHANGED = "sign_in.means_changed", _("Changed how they prove who they are")
    BATCH_CONFIRMED = "batch.confirmed", _("Confirmed an act on many accounts")
    TAG_ADDED = "desk.tagged", _("Tagged the account")
    TAG_REMOVED = "desk.untagged", _("Took a tag off the account")
    ASSIGNED = "desk.assigned", _("Gave the account to somebody of infosec to look after")
    NOTE_ADDED = "desk.noted", _("Wrote a note on the account")
    LIST_EXPORTED = "fleet.exported", _("Exported a list of accounts")
    AUDIT_EXPORTED = "audit.exported", _("Exported audit records")


# What infosec keeps about accounts for itself: for auditors, and not for an account's owners.
OF_THE_DESK = (AuditKind.TAG_ADDED, AuditKind.TAG_REMOVED, AuditKind.ASSIGNED, AuditKind.NOTE_ADDED)


class AppendOnly(Exception):
    """Somebody tried to change or remove an audit record."""


@dataclass(frozen=True, slots=True)
class Seal:
    """What the sealer adds to one record."""

    record_id: int
    sequence: int
    mac: str
    key_id: str


class AuditRecords(models.QuerySet["AuditRecord"]):
    def of_account(self, account_id: int) -> "AuditRecords":
        return self.filter(account_id=account_id)

    def unsealed(self) -> "AuditRecords":
        return self.filter(sequence=None)

    def write_seals(self, seals: Collection[Seal]) -> None:
        """Only the sealer calls this, holding the head's lock."""
        with connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE onboarding_auditrecord SET sequence = %s, mac = %s, key_id = %s"
                " WHERE id = %s AND sequence IS NULL",
                [(seal.sequence, seal.mac, seal.key_id, seal.record_id) for seal in seals],
            )
            if cursor.rowcount != len(seals):
                raise AppendOnly("A record was sealed, or removed, by another while it was being sealed.")

    def update(self, **_fields: Any) -> NoReturn:
        raise AppendOnly("Audit records are never changed.")

    def delete(self) -> NoReturn:
        raise AppendOnly("Audit records are never removed.")


class AuditRecord(models.Model):
    at = models.DateTimeField()
    kind = models.CharField(max_length=40)
    actor_id = models.BigIntegerField(null=True)
    # The name as it was then: the user's row may change later and has no MAC.
    actor = models.CharField(max_length=254, blank=True)
    account_id = models.BigIntegerField(null=True)
    account_number = models.CharField(max_length=12, blank=True)
    run_id = models.UUIDField(null=True)
    ip = models.CharField(max_length=45, blank=True)
    # JSON as text and not as JSON: the database must give back the very bytes that were sealed.
    details = models.TextField(default="{}")
    sequence = models.BigIntegerField(null=True, unique=True)
    mac = models.CharField(max_length=64, blank=True)
    key_id = models.CharField(max_length=16, blank=True)

    objects = AuditRecords.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["account_id", "id"], name="audit_of_account"),
            models.Index(fields=["id"], name="audit_unsealed", condition=models.Q(sequence=None)),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.kind}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise AppendOnly("Audit records are never changed.")
        super().save(*args, **kwargs)

    def delete(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise AppendOnly("Audit records are never removed.")

    @property
    def data(self) -> dict[str, Any]:
        return dict(json.loads(self.details))


class AuditHead(models.Model):
    """Where the chain ends: one row, locked by the one who seals. Written by the sealer alone."""

    sequence = models.BigIntegerField(default=0)
    mac = models.CharField(max_length=64, blank=True)
    key_id = models.CharField(max_length=16, blank=True)
    at = models.DateTimeField(null=True)
    proof = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_audit_head")]

    def __str__(self) -> str:
        return f"audit head {self.sequence}"


def append(
    kind: str,
    *,
    actor_id: int | None = None,
    account_id: int | None = None,
    run_id: UUID | None = None,
    ip: str = "",
    **data: Any,
) -> AuditRecord:
    """Add a record, inside the caller's transaction. Never pass a secret: `data` is kept for ever.

    `ip` is the present request's address unless given.
    """
    return AuditRecord.objects.create(
        at=timezone.now(),
        kind=kind,
        actor_id=actor_id,
        actor=_name_of(actor_id),
        account_id=account_id,
        account_number=_number_of(account_id),
        run_id=run_id,
        ip=ip or request_address.get(),
        details=_as_text(data),
    )


def append_for_each(
    kind: str, accounts: Collection[AwsAccount], *, actor_id: int | None, **data: Any
) -> None:
    """The same record for each of many accounts, in two questions. Inside the caller's transaction."""
    at, actor, details = timezone.now(), _name_of(actor_id), _as_text(data)
    AuditRecord.objects.bulk_create(
        AuditRecord(
            at=at,
            kind=kind,
            actor_id=actor_id,
            actor=actor,
            account_id=account.pk,
            account_number=account.number,
            ip=request_address.get(),
            details=details,
        )
        for account in accounts
    )


def _as_text(data: dict[str, Any]) -> str:
    return json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)


def _name_of(user_id: int | None) -> str:
    if user_id is None:
        return ""
    user = get_user_model().objects.filter(pk=user_id).only("email", "username").first()
    return (user.email or user.get_username())[:254] if user else ""


def _number_of(account_id: int | None) -> str:
    if account_id is None:
        return ""
    return AwsAccount.objects.filter(pk=account_id).values_list("number", flat=True).first() or ""
