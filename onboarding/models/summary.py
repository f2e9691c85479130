"""Where does each account stand, told in one row, and how many stand so?

Everything here is drawn from other tables and could be drawn again (`manage.py recount`); it is kept because
pages over thousands of accounts can't read those each time. `models.standing` alone writes it.
"""

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

from onboarding.models.account import AwsAccount
from onboarding.models.people import sees_every_account
from onboarding.models.run import Run
from onboarding.states import AccountState, BlockedOn

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


class AccountSummaryQuerySet(models.QuerySet["AccountSummary"]):
    def visible_to(self, user: "AbstractBaseUser | AnonymousUser") -> Self:
        """All for infosec staff who proved a second factor, none for anybody else."""
        return self if sees_every_account(user) else self.none()

    def behind(self, current: frozenset[str]) -> Self:
        """Those in which a blueprint was deployed that is none of the present ones."""
        return self.exclude(blueprint_digest="").exclude(blueprint_digest__in=current)


class AccountSummary(models.Model):
    """One account, as lists, counts and maps show it. What is searched and sorted by stands here too."""

    account = models.OneToOneField(
        AwsAccount, primary_key=True, on_delete=models.CASCADE, related_name="summary"
    )
    # Copies, so that no list needs a join.
    number = models.CharField(max_length=12, unique=True)
    name = models.CharField(max_length=120)
    owner_email = models.EmailField(blank=True)
    # Number, name, owners, contact and ticket, in lower case: what a search looks through.
    search = models.TextField(blank=True)

    state = models.CharField(max_length=16, choices=AccountState, default=AccountState.NO_OWNER)
    blocked_on = models.CharField(max_length=16, choices=BlockedOn, default=BlockedOn.INFOSEC)
    since = models.DateTimeField()
    # A remedy's code where something is wrong.
    remedy = models.CharField(max_length=64, blank=True)
    # The last event of its runs.
    moved_at = models.DateTimeField()
    latest_run = models.ForeignKey(Run, null=True, on_delete=models.SET_NULL, related_name="+")
    # What the latest run that reached the account's stacks put there.
    blueprint_version = models.CharField(max_length=32, blank=True)
    blueprint_digest = models.CharField(max_length=64, blank=True)

    # Regions that are not skipped; those of them that are covered; and the difference.
    regions_enabled = models.PositiveSmallIntegerField(default=0)
    regions_covered = models.PositiveSmallIntegerField(default=0)
    regions_uncovered = models.PositiveSmallIntegerField(default=0)
    # "eu-west-1:covered us-east-1:failed", in the order of the codes: a row of the map, in one column.
    regions = models.TextField(blank=True)

    objects = AccountSummaryQuerySet.as_manager()

    class Meta:
        ordering = ("number",)
        indexes = (
            models.Index(fields=("state", "number"), name="summary_state_number"),
            models.Index(fields=("state", "since"), name="summary_state_since"),
            models.Index(fields=("blocked_on", "since"), name="summary_blocked_since"),
            models.Index(fields=("blocked_on", "number"), name="summary_blocked_number"),
            models.Index(fields=("remedy", "number"), name="summary_remedy", condition=~Q(remedy="")),
            models.Index(fields=("name", "number"), name="summary_name"),
            models.Index(fields=("since", "number"), name="summary_since"),
            models.Index(
                fields=("since", "number"),
                name="summary_broken",
                condition=Q(state__in=(AccountState.FAILED, AccountState.PARTLY)),
            ),
            models.Index(fields=("moved_at", "number"), name="summary_moved"),
            models.Index(fields=("regions_uncovered", "number"), name="summary_uncovered"),
            models.Index(fields=("blueprint_digest", "number"), name="summary_blueprint"),
        )

    def __str__(self) -> str:
        return f"{self.number}: {self.state}"


class Tally(models.Model):
    """How many accounts stand how: a ledger, whose rows are added up when it is read.

    A change of an account adds two rows, one that takes it from where it stood and one that puts it where it
    stands. So transactions that change different accounts never wait for one another, and each reader sees
    the sum of what was committed.
    """

    state = models.CharField(max_length=16, choices=AccountState)
    blocked_on = models.CharField(max_length=16, choices=BlockedOn)
    remedy = models.CharField(max_length=64, blank=True)
    accounts = models.IntegerField(default=0)
    # Of them, those with an enabled region that is not covered.
    with_uncovered = models.IntegerField(default=0)
    regions_enabled = models.IntegerField(default=0)
    regions_covered = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.accounts:+} {self.state}"


class FleetDay(models.Model):
    """How the fleet stood at the end of a day, or so far today."""

    day = models.DateField(primary_key=True)
    accounts = models.PositiveIntegerField()
    verified = models.PositiveIntegerField()
    regions_enabled = models.PositiveIntegerField()
    regions_covered = models.PositiveIntegerField()

    class Meta:
        ordering = ("day",)

    def __str__(self) -> str:
        return f"{self.day}: {self.regions_covered} of {self.regions_enabled}"
