"""`manage.py doctor`: what does the portal see of itself, and what is the one thing to do?

Run it where the worker runs: it asks AWS as the worker, and reads the keys that only the worker has. Exit
status 1 when something is bad, 0 otherwise.
"""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from onboarding.management.examination import State, examine


class Command(BaseCommand):
    help = "Shows what the portal sees of itself, each with the one thing to do."
    # It has to run where the database, or a migration, is what is wrong.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs: one object per finding")

    def handle(self, *_: Any, **options: Any) -> None:
        findings = examine()
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in findings], indent=2))
        else:
            for finding in findings:
                self.stdout.write(f"{finding.state:4}  {finding.subject:22}  {finding.seen}")
                if finding.act:
                    self.stdout.write(f"{'':30}-> {finding.act}")
        if any(finding.state == State.BAD for finding in findings):
            raise SystemExit(1)
