"""Is the made-up fleet whole, the same each time, and kept out of production?"""

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from onboarding.models import AccountSummary, AwsAccount, Event, FleetDay, Ownership, RegionReading, Run
from onboarding.models.recounting import recount
from onboarding.states import AccountState

pytestmark = pytest.mark.django_db
NOW = "2026-11-25T12:00:00+00:00"


def seed(**options: object) -> list[tuple[object, ...]]:
    call_command("seed_fleet", now=NOW, verbosity=0, **{"accounts": 150, "owners": 20, **options})
    return list(AccountSummary.objects.values_list("number", "name", "state", "since", "remedy", "regions"))


def test_its_summaries_and_counts_are_what_would_be_drawn_from_its_runs() -> None:
    seed()
    assert list(recount(write=False)) == []


def test_it_has_every_state_thirty_four_regions_twenty_events_each_and_two_years() -> None:
    seed()
    assert set(AccountSummary.objects.values_list("state", flat=True)) == set(AccountState)
    read = AccountSummary.objects.filter(regions_enabled__gt=0).count()
    assert RegionReading.objects.count() == 34 * read
    assert 15 < Event.objects.count() / 150 < 25
    assert FleetDay.objects.count() == 730
    assert Ownership.objects.values("user").distinct().count() <= 20
    for run in Run.objects.all()[:40]:
        assert list(run.events.values_list("number", flat=True)) == list(range(1, run.last_event_number + 1))


def test_the_same_seed_gives_the_same_fleet_and_another_gives_another() -> None:
    first = seed(seed=5)
    AccountSummary.objects.all().delete()
    AwsAccount.objects.all().delete()
    assert seed(seed=5) == first
    assert seed(seed=6, accounts=10) != first


def test_it_refuses_in_production(settings: Settings) -> None:
    settings.IS_PRODUCTION = True
    with pytest.raises(CommandError, match="This is production"):
        call_command("seed_fleet", accounts=1)
    assert not AccountSummary.objects.exists()
    call_command("seed_fleet", accounts=1, force=True, verbosity=0)
    assert AccountSummary.objects.count() == 1
