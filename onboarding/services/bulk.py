"""Which acts can be done to many accounts at once: to which do they apply, why not, and how is each done?"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from onboarding.blueprint import build_blueprint
from onboarding.models import (
    AccountSummary,
    AccountTag,
    Assignment,
    AwsAccount,
    Batch,
    BatchKind,
    BatchLine,
    LineState,
    Run,
)
from onboarding.services import desk, importing, reminders, retrying
from onboarding.services.batches import Act, settle
from onboarding.services.refusals import Refused
from onboarding.states import OPEN_RUN_STATUSES, AccountState, RunStatus

ACCOUNTS_AT_ONCE = 500

# What is said of each account: "" where the act applies, else why not.
Verdict = tuple[LineState, str]
_APPLIES: Verdict = (LineState.APPLIES, "")
_SO_ALREADY: Verdict = (LineState.KNOWN, "")


def judge_accounts(
    by: User, kind: BatchKind, account_ids: Iterable[int], arguments: Mapping[str, Any]
) -> Batch:
    """Store to which of the accounts the act applies. Raises NotOperator, and NotATag or NotOfInfosec."""
    desk.demand_operator(by)
    arguments = _checked(kind, arguments)
    batch = Batch.objects.create(kind=kind, by=by, arguments=arguments)
    digest, place = hashlib.sha256(f"{kind} {sorted(arguments.items())}".encode()), 0
    # In one order for everybody: the worker locks accounts as the lines come.
    ids = sorted(set(account_ids))
    for begin in range(0, len(ids), ACCOUNTS_AT_ONCE):
        chunk = ids[begin : begin + ACCOUNTS_AT_ONCE]
        verdicts = _JUDGES[kind](chunk, arguments)
        numbers = dict(AwsAccount.objects.filter(pk__in=chunk).values_list("pk", "number"))
        lines = []
        for pk in chunk:
            if pk in numbers:
                place += 1
                state, reason = verdicts.get(pk, _APPLIES)
                lines.append(
                    BatchLine(
                        batch=batch,
                        place=place,
                        number=numbers[pk],
                        account_id=pk,
                        state=state,
                        reason=reason,
                    )
                )
                digest.update(f"{pk} {state}".encode())
        BatchLine.objects.bulk_create(lines)
    batch.digest = digest.hexdigest()
    batch.save(update_fields=["digest"])
    return batch


def _checked(kind: BatchKind, arguments: Mapping[str, Any]) -> dict[str, Any]:
    match kind:
        case BatchKind.TAG | BatchKind.UNTAG:
            return {"tag": desk.plain_tag(str(arguments.get("tag", "")))}
        case BatchKind.ASSIGN:
            user_id = arguments.get("user_id")
            if user_id is not None and user_id not in {user.pk for user in desk.colleagues()}:
                raise desk.NotOfInfosec
            return {"user_id": user_id}
        case _:
            return {}


def _judge_reminders(ids: list[int], _arguments: Mapping[str, Any]) -> dict[int, Verdict]:
    asked = set(reminders.waiting_invitations(ids).values_list("account_id", flat=True))
    lately = reminders.reminded_lately(ids)
    return {
        summary.pk: _faulty(
            reminders.why_not(summary, is_asked=summary.pk in asked, is_reminded=summary.pk in lately)
        )
        for summary in AccountSummary.objects.filter(pk__in=ids)
    }


def _judge_retries(ids: list[int], _arguments: Mapping[str, Any]) -> dict[int, Verdict]:
    # Of several for one account, the last one stays.
    runs = Run.objects.filter(account_id__in=ids).order_by("created_at")
    latest: dict[int, str] = dict(runs.values_list("account_id", "status"))
    owned = set(
        AccountSummary.objects.filter(pk__in=ids)
        .exclude(state=AccountState.NO_OWNER)
        .exclude(owner_email="")
        .values_list("pk", flat=True)
    )
    current = build_blueprint(settings.COMPANY).current_digests
    behind = set(AccountSummary.objects.filter(pk__in=ids).behind(current).values_list("pk", flat=True))
    return {pk: _retry(latest.get(pk), is_owned=pk in owned, is_behind=pk in behind) for pk in ids}


def _retry(status: str | None, *, is_owned: bool, is_behind: bool) -> Verdict:
    if not is_owned:
        return _faulty("no_owner")
    if status is None:
        return _faulty("never_started")
    if status == RunStatus.DRAFT:
        return _SO_ALREADY
    if status in OPEN_RUN_STATUSES:
        return _faulty("still_open")
    # A run of an account that is behind is its upgrade.
    return _faulty("nothing_to_retry") if status == RunStatus.VERIFIED and not is_behind else _APPLIES


def _judge_assignment(ids: list[int], arguments: Mapping[str, Any]) -> dict[int, Verdict]:
    wanted = arguments["user_id"]
    now = dict(Assignment.objects.filter(account_id__in=ids).values_list("account_id", "user_id"))
    return {pk: _SO_ALREADY for pk in ids if now.get(pk) == wanted}


def _judge_tag(ids: list[int], arguments: Mapping[str, Any]) -> dict[int, Verdict]:
    return dict.fromkeys(_tagged(ids, arguments["tag"]), _SO_ALREADY)


def _judge_untag(ids: list[int], arguments: Mapping[str, Any]) -> dict[int, Verdict]:
    return dict.fromkeys(set(ids) - _tagged(ids, arguments["tag"]), _SO_ALREADY)


def _tagged(ids: Collection[int], name: str) -> set[int]:
    return set(AccountTag.objects.filter(account_id__in=ids, name=name).values_list("account_id", flat=True))


def _faulty(reason: str) -> Verdict:
    return (LineState.FAULTY, reason) if reason else _APPLIES


def _one_by_one(act: Callable[[User, AwsAccount], object]) -> Act:
    """Each for itself: what is refused to one account is none of the others' business."""

    def carry_out(_batch: Batch, by: User, lines: Sequence[BatchLine]) -> None:
        for line in lines:
            if line.account is None:
                settle(line, LineState.REFUSED, "gone")
                continue
            try:
                with transaction.atomic():
                    act(by, line.account)
            except Refused as refusal:
                settle(line, LineState.REFUSED, refusal.code)
            else:
                settle(line, LineState.DONE)

    return carry_out


def _together(act: Callable[[Batch, User, list[AwsAccount]], set[int]]) -> Act:
    """All of a chunk at once; the act answers the ids of those that it changed."""

    def carry_out(batch: Batch, by: User, lines: Sequence[BatchLine]) -> None:
        try:
            with transaction.atomic():
                done = act(batch, by, [line.account for line in lines if line.account])
        except Refused as refusal:
            for line in lines:
                settle(line, LineState.REFUSED, refusal.code)
            return
        for line in lines:
            settle(line, LineState.DONE if line.account_id in done else LineState.KNOWN)

    return carry_out


def _start_again(by: User, account: AwsAccount) -> None:
    """Its owners have to hand it over once more, and so they hear of it."""
    retrying.start_again(by, account)
    if not reminders.reminded_lately([account.pk]):
        reminders.put(by, account)


_JUDGES: Mapping[BatchKind, Callable[[list[int], Mapping[str, Any]], dict[int, Verdict]]] = {
    BatchKind.REMIND: _judge_reminders,
    BatchKind.RETRY: _judge_retries,
    BatchKind.ASSIGN: _judge_assignment,
    BatchKind.TAG: _judge_tag,
    BatchKind.UNTAG: _judge_untag,
}

ACTS: Mapping[BatchKind, Act] = {
    BatchKind.IMPORT: importing.take_in,
    BatchKind.REMIND: _one_by_one(reminders.remind),
    BatchKind.RETRY: _one_by_one(_start_again),
    BatchKind.ASSIGN: _together(
        lambda batch, by, accounts: desk.assign(by, accounts, batch.arguments["user_id"])
    ),
    BatchKind.TAG: _together(lambda batch, by, accounts: desk.tag(by, accounts, batch.arguments["tag"])),
    BatchKind.UNTAG: _together(lambda batch, by, accounts: desk.untag(by, accounts, batch.arguments["tag"])),
}
