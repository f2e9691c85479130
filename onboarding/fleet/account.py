"""What does infosec see of one account at first? What was done in it before stands in `history`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import BigAutoField, CharField, UUIDField

from onboarding.fleet.looks import blocked_word
from onboarding.models import (
    AccountNote,
    AccountSummary,
    AccountTag,
    Assignment,
    Ownership,
    OwnershipRole,
    RegionReading,
    Step,
)
from onboarding.models.people import sees_every_account
from onboarding.models.prepared import Prepared, ask_together, columns_of
from onboarding.models.reading import PlainReading
from onboarding.models.step import PlainStep
from onboarding.progress.failures import Trouble, trouble_of
from onboarding.progress.regions import RegionRow, region_rows
from onboarding.remedies.desk import act_of_infosec
from onboarding.remedies.remedy import Words
from onboarding.states import SETTLED_RUN_STATUSES, RegionState

NOTES_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Account:
    """The account, its summary, and its latest run."""

    pk: int
    number: str
    name: str
    alias: str
    contact_email: str
    ticket_url: str
    registered_at: datetime
    state: str
    since: datetime
    blocked_on: str
    remedy: str
    regions_enabled: int
    regions_covered: int
    blueprint_version: str
    blueprint_digest: str
    latest_run: UUID | None
    run_status: str | None
    run_reason: str | None
    run_failure: dict[str, Any] | None

    @property
    def is_settled(self) -> bool:
        """Nothing is under way."""
        return self.run_status is None or self.run_status in SETTLED_RUN_STATUSES


@dataclass(frozen=True, slots=True)
class Person:
    role: str
    email: str

    @property
    def word(self) -> str:
        return str(OwnershipRole(self.role).label)


@dataclass(frozen=True, slots=True)
class Note:
    at: datetime
    # None when its author is no user any more.
    author_email: str | None
    text: str


@dataclass(frozen=True, slots=True)
class AccountPage:
    account: Account
    blocked_on: str
    trouble: Trouble | None
    # What to do about it, as infosec reads it.
    act: Words
    # What is wrong first; those that are left out by themselves.
    wanted: tuple[RegionRow, ...]
    skipped: tuple[RegionRow, ...]
    # Of those wanted, the regions that are not covered.
    uncovered: tuple[str, ...]
    read_at: datetime | None
    people: Sequence[Person]
    # Who of infosec looks after it.
    assigned_to: str | None
    tags: Sequence[str]
    notes: Sequence[Note]


_ID = BigAutoField()
# A question takes the database longer to plan with each table in it: what can be asked apart is.
_accounts = Prepared(
    Account,
    lambda number: AccountSummary.objects.filter(number=number).values_list(
        "account_id", "number", "name", "account__alias", "account__contact_email", "account__ticket_url",
        "account__registered_at", "state", "since", "blocked_on",
        "remedy", "regions_enabled", "regions_covered", "blueprint_version", "blueprint_digest",
        "latest_run", "latest_run__status", "latest_run__reason_code", "latest_run__failure",
    ).order_by(),
    CharField(),
)  # fmt: skip
_people = Prepared(
    Person,
    lambda account: (
        Ownership.objects.filter(account=account).order_by("pk").values_list("role", "user__email")
    ),
    _ID,
)
_assigned_to = Prepared(
    str, lambda account: Assignment.objects.filter(account=account).values_list("user__email"), _ID
)
_tags = Prepared(str, lambda account: AccountTag.objects.filter(account=account).values_list("name"), _ID)
_notes = Prepared(
    Note,
    lambda account: AccountNote.objects.filter(account=account).values_list("at", "author__email", "text")[
        :NOTES_SHOWN
    ],
    _ID,
)
_readings = Prepared(
    PlainReading,
    lambda account: RegionReading.objects.filter(account=account).values_list(*columns_of(PlainReading)),
    _ID,
)
_steps = Prepared(
    PlainStep,
    lambda run: Step.objects.filter(run=run).values_list(*columns_of(PlainStep)),
    UUIDField(),
)


def page_of(user: User, number: str) -> AccountPage | None:
    """None where there is no such account, as for everybody who isn't of infosec."""
    found = _accounts.ask(number) if sees_every_account(user) else []
    if not found:
        return None
    account = found[0]
    steps, readings, people, assigned_to, tags, notes = ask_together(
        _steps.asked(account.latest_run),
        _readings.asked(account.pk),
        _people.asked(account.pk),
        _assigned_to.asked(account.pk),
        _tags.asked(account.pk),
        _notes.asked(account.pk),
    )
    regions = region_rows(readings, steps, is_over=account.is_settled)
    trouble = trouble_of(account.run_reason or "", account.run_failure) if account.remedy else None
    wanted = [row for row in regions if row.state != RegionState.SKIPPED]
    return AccountPage(
        account=account,
        blocked_on=blocked_word(account.blocked_on),
        trouble=trouble,
        act=act_of_infosec(trouble.remedy) if trouble else "",
        wanted=tuple(sorted(wanted, key=lambda row: row.state != RegionState.FAILED)),
        uncovered=tuple(row.region for row in wanted if row.state != RegionState.COVERED),
        skipped=tuple(row for row in regions if row.state == RegionState.SKIPPED),
        read_at=max((reading.read_at for reading in readings), default=None),
        people=people,
        assigned_to=next(iter(assigned_to), None),
        tags=tags,
        notes=notes,
    )
