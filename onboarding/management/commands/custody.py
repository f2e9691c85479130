"""`manage.py custody status | rotate`: which keys seal what is held, and how is a key changed?

Opens nothing. `rotate` makes a key pair and changes no setting: an operator places it, in the printed order.
"""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db.models import Count
from django.utils import timezone

from onboarding.custody.keys import new_pair, private_keys, public_half
from onboarding.custody.seal import key_id
from onboarding.engine import grants
from onboarding.models import Grant

# The sweep comes every two seconds; what it left for this long shows that no worker is at work.
SWEPT_WITHIN = timedelta(minutes=1)

ROTATION = """A new key pair, {new_id}. It is shown this once and kept nowhere.

1. Give every worker both private keys, the new one first, and start it anew. Nothing else changes yet:

   CUSTODY_PRIVATE_KEYS={private},<what it holds now>

2. Then give every process, web and workers alike, the new public key and start it anew. From then on all that
   is handed over is sealed with it, and the workers seal anew what they hold:

   CUSTODY_PUBLIC_KEY={public}

3. When `manage.py custody status` says that a key is no longer needed, take it out of CUSTODY_PRIVATE_KEYS
   and destroy it. Whatever was sealed with it, in old backups too, is then closed for ever.
"""


class Command(BaseCommand):
    help = "Shows which keys seal what is held, or makes a new key pair."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("act", choices=("status", "rotate"))

    def handle(self, *_: Any, act: str, **__: Any) -> None:
        if act == "rotate":
            self._rotate()
        elif not self._status():
            raise SystemExit(1)

    def _rotate(self) -> None:
        private, public = new_pair()
        self.stdout.write(ROTATION.format(new_id=key_id(public), private=private, public=public))

    def _status(self) -> bool:
        """Print it; False when something is held that can't be opened here, or for longer than it should."""
        preferred = key_id(settings.CUSTODY_PUBLIC_KEY)
        opened_here = [key_id(public_half(key)) for key in private_keys()]
        held = dict(
            Grant.objects.filter(destroyed_at=None)
            .values_list("sealing_key_id")
            .annotate(count=Count("pk"))
            .order_by("sealing_key_id")
        )
        for name in dict.fromkeys([preferred, *opened_here, *held]):
            self.stdout.write(
                f"{name}  seals {held.get(name, 0)}  {_role_of(name, preferred, opened_here, held)}"
            )
        overdue = grants.overdue(timezone.now() - SWEPT_WITHIN).count()
        if overdue:
            self.stdout.write(f"{overdue} should have been destroyed: is a worker running?")
        is_closed = bool(opened_here) and not set(held) <= set(opened_here)
        return not overdue and not is_closed


def _role_of(name: str, preferred: str, opened_here: list[str], held: dict[str, int]) -> str:
    """What a key is to this process, in words."""
    if name == preferred:
        words = "seals what is handed over now"
    elif name in held:
        words = "an older key, still needed"
    else:
        words = "no longer needed"
    if not opened_here:
        return f"{words} (no private key here, as it should be on the web side)"
    return words if name in opened_here else f"{words}; CAN'T BE OPENED HERE"
