"""`manage.py recount`: do the summaries and the tally say what the tables they sum up say?

Draws every account's summary anew, names each column that had drifted, and writes it right; then does the
same for the tally. With --check nothing is written, and drift is an error: for a watchman.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from onboarding.models import recounting


class Command(BaseCommand):
    help = "Draw every account's summary and the fleet's counts anew, and report what had drifted."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="report drift and write nothing")

    def handle(self, *_args: Any, check: bool, **_options: Any) -> None:
        found = 0
        for drift in recounting.recount(write=not check):
            found += 1
            self.stdout.write(str(drift))
        if not found:
            self.stdout.write("Nothing had drifted.")
        elif check:
            raise CommandError(f"{found} had drifted; nothing was changed.")
        else:
            self.stdout.write(f"{found} had drifted and are right now.")
