"""`manage.py seed_fleet`: a made-up fleet, to see the pages at work and to measure them.

Deterministic by --seed. It adds to what is there, and refuses in production. No worker should run on such a
database: the runs that seem to be at work have none, and the worker would try to go on with them.
"""

from datetime import datetime, timedelta
from itertools import islice
from random import Random
from time import perf_counter
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from onboarding.management import made_up
from onboarding.management.seeding import Seeder

ACCOUNTS_AT_A_TIME = 1000


class Command(BaseCommand):
    help = "Fill the database with a believable fleet of made-up accounts."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--accounts", type=int, default=10_000)
        parser.add_argument("--owners", type=int, default=300)
        parser.add_argument("--events", type=int, default=20, help="about so many for each account")
        parser.add_argument("--seed", type=int, default=1, help="the same gives the same fleet")
        parser.add_argument("--now", help="the moment up to which history is told (ISO 8601; default: now)")
        parser.add_argument("--force", action="store_true", help="even in production")

    def handle(self, *_args: Any, **options: Any) -> None:
        if settings.IS_PRODUCTION and not options["force"]:
            raise CommandError("This is production: made-up accounts would stand among real ones. (--force)")
        begun = perf_counter()
        now = datetime.fromisoformat(options["now"]) if options["now"] else timezone.now()
        rng = Random(options["seed"])  # noqa: S311 - made up, and the same each time
        addresses = made_up.owner_addresses(rng, options["owners"])
        made = made_up.fleet(rng, options["accounts"], len(addresses), now, events_each=options["events"])
        with transaction.atomic():
            seeder = Seeder(_owners(addresses), now)
            while some := list(islice(made, ACCOUNTS_AT_A_TIME)):
                seeder.add(some)
            seeder.finish(Random(options["seed"]))  # noqa: S311 - the same
        took = timedelta(seconds=round(perf_counter() - begun))
        self.stdout.write(
            f"{options['accounts']} accounts of {len(addresses)} owners, {seeder.events} events, in {took}."
        )


def _owners(addresses: list[str]) -> list[int]:
    """The users' ids; those that are there already are taken as they are. They have no password."""
    known = dict(User.objects.filter(email__in=addresses).values_list("email", "pk"))
    missing = [address for address in addresses if address not in known]
    users = [User(username=address, email=address, password="!") for address in missing]  # noqa: S106 - unusable
    User.objects.bulk_create(users)
    known |= dict(User.objects.filter(email__in=missing).values_list("email", "pk"))
    return [known[address] for address in addresses]
