"""How does docs/failures.md come about? `failures write` makes it from the catalogue."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import translation

from onboarding.remedies.document import document


class Command(BaseCommand):
    help = "Write docs/failures.md: every way in which an onboarding goes wrong, and what is made of it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("act", choices=["write", "show"])

    def handle(self, *_args: Any, act: str, **_options: Any) -> None:
        with translation.override("en"):
            text = document()
        if act == "show":
            self.stdout.write(text, ending="")
            return
        path = Path(settings.BASE_DIR) / "docs" / "failures.md"
        path.write_text(text, encoding="utf-8")
        self.stdout.write(f"{path.relative_to(settings.BASE_DIR)} written.")
