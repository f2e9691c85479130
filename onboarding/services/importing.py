"""How does infosec make a whole list of accounts known? Judged line by line, then taken in, each once.

A line whose account is known already adds nothing, so that a list may be sent again and again: after its
faults were mended, or when somebody isn't sure.
"""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from typing import BinaryIO

from django.contrib.auth.models import User
from django.utils import timezone

from onboarding.models import (
    AccountTag,
    AwsAccount,
    Batch,
    BatchKind,
    BatchLine,
    Invitation,
    LineState,
    Ownership,
    OwnershipRole,
    standing,
)
from onboarding.models.audit import AuditKind, append_for_each
from onboarding.models.people import STARTS_WORK_AGAIN, role_of
from onboarding.roster import Entry, JudgedLine, RosterUnreadable, Shape, judge
from onboarding.services import batches, invitations
from onboarding.services.accounts import NotOperator

LINES_AT_ONCE = 500


def judge_list(by: User, file: BinaryIO, *, invite: bool) -> tuple[Batch, Shape]:
    """Store what each line of the list would do. Raises NotOperator, RosterUnreadable, and stores nothing."""
    if role_of(by) not in STARTS_WORK_AGAIN:
        raise NotOperator
    shape, lines = judge(file)
    # Without a digest nobody can confirm it: it gets one when it is whole.
    batch = Batch.objects.create(kind=BatchKind.IMPORT, by=by, arguments={"invite": invite})
    try:
        for chunk in _chunks(lines):
            BatchLine.objects.bulk_create(_compared(batch, chunk, invite=invite))
    except RosterUnreadable:
        batch.lines.all().delete()
        batch.delete()
        raise
    batch.digest = _digest_of(file, invite=invite)
    batch.save(update_fields=["digest"])
    return batch, shape


def take_in(batch: Batch, by: User, lines: Sequence[BatchLine]) -> None:
    """One chunk: register what isn't known, tag it, and ask its owners if that was wanted."""
    entries = {line.number: _entry(line) for line in lines}
    known = {account.number: account for account in AwsAccount.objects.filter(number__in=entries)}
    candidates = [
        AwsAccount(number=entry.number, name=entry.name, contact_email=entry.contact, ticket_url=entry.ticket)
        for entry in entries.values()
        if entry.number not in known
    ]
    # Whoever registers one at this very moment is first, and it stays theirs.
    AwsAccount.objects.bulk_create(candidates, ignore_conflicts=True)
    stored = {account.number: account for account in AwsAccount.objects.filter(number__in=entries)}
    ours = {candidate.external_id for candidate in candidates}
    made = [account for account in stored.values() if account.external_id in ours]
    append_for_each(
        AuditKind.ACCOUNT_REGISTERED, made, actor_id=by.pk, without_owner=True, batch=str(batch.pk)
    )
    AccountTag.objects.bulk_create(
        (AccountTag(account=account, name=tag) for account in made for tag in entries[account.number].tags),
        ignore_conflicts=True,
    )
    for account in made:
        standing.bring_up_to_date(account.pk)
    asked = _ask(by, entries, stored) if batch.arguments.get("invite") else set()
    done = asked | {account.pk for account in made}
    for line in lines:
        is_done = stored[line.number].pk in done
        batches.settle(line, LineState.DONE if is_done else LineState.KNOWN)


def _ask(by: User, entries: dict[str, Entry], stored: dict[str, AwsAccount]) -> set[int]:
    """Leave invitations for the owners named, where nobody answers for the account; the worker mails them."""
    now = timezone.now()
    pks = [account.pk for account in stored.values()]
    owned = _owned(pks)
    already = _asked(pks)
    new = [
        invitations.for_later(by, account, email, now)
        for number, account in stored.items()
        if account.pk not in owned
        for email in entries[number].owners
        if (account.pk, email) not in already
    ]
    Invitation.objects.bulk_create(new, ignore_conflicts=True)
    asked = {invitation.account_id for invitation in new}
    append_for_each(
        AuditKind.OWNER_INVITED,
        [account for account in stored.values() if account.pk in asked],
        actor_id=by.pk,
        by_import=True,
    )
    return asked


def _compared(batch: Batch, judged: Sequence[JudgedLine], *, invite: bool) -> Iterator[BatchLine]:
    """What each line would do to what is known now."""
    numbers = [line.number for line in judged if line.entry]
    known = dict(AwsAccount.objects.filter(number__in=numbers).values_list("number", "pk"))
    pks = list(known.values())
    owned, asked = (_owned(pks), _asked(pks)) if invite else (set(), set())
    for line in judged:
        pk = known.get(line.number)
        if line.entry is None:
            state, reason = LineState.FAULTY, str(line.fault)
        elif pk is None:
            state, reason = LineState.APPLIES, ""
        elif invite and pk not in owned and any((pk, email) not in asked for email in line.entry.owners):
            state, reason = LineState.APPLIES, "asks_only"
        else:
            state, reason = LineState.KNOWN, ""
        yield BatchLine(
            batch=batch,
            place=line.line,
            number=line.number,
            account_id=pk,
            state=state,
            reason=reason,
            said=line.said,
            entry=_as_json(line.entry) if state == LineState.APPLIES and line.entry else None,
        )


def _owned(pks: Collection[int]) -> set[int]:
    return set(
        Ownership.objects.filter(account_id__in=pks, role=OwnershipRole.OWNER).values_list(
            "account_id", flat=True
        )
    )


def _asked(pks: Collection[int]) -> set[tuple[int, str]]:
    """Whom somebody asked about which account, whatever became of it."""
    return set(Invitation.objects.filter(account_id__in=pks).values_list("account_id", "email"))


def _as_json(entry: Entry) -> dict[str, object]:
    return {
        "name": entry.name,
        "owners": list(entry.owners),
        "contact": entry.contact,
        "ticket": entry.ticket,
        "tags": list(entry.tags),
    }


def _entry(line: BatchLine) -> Entry:
    stored = line.entry or {}
    return Entry(
        number=line.number,
        name=stored["name"],
        owners=tuple(stored["owners"]),
        contact=stored["contact"],
        ticket=stored["ticket"],
        tags=tuple(stored["tags"]),
    )


def _chunks(lines: Iterator[JudgedLine]) -> Iterator[list[JudgedLine]]:
    chunk: list[JudgedLine] = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == LINES_AT_ONCE:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _digest_of(file: BinaryIO, *, invite: bool) -> str:
    digest = hashlib.sha256(b"invite" if invite else b"")
    file.seek(0)
    while part := file.read(65_536):
        digest.update(part)
    return digest.hexdigest()
