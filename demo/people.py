"""Who can sign in to the demo? Their passwords are printed on the terminal: for one's own machine only."""

import base64
import hashlib
import hmac
import os
import struct
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    email: str
    password: str
    # In infosec; empty for an owner.
    role: str = ""
    # The seed of their authenticator app, as it would show it: infosec needs a second factor.
    authenticator_seed: str = ""

    def code(self, *, periods_ahead: int = 0) -> str:
        """What the authenticator app shows now (RFC 6238, as every such app does by default)."""
        counter = struct.pack(">Q", int(time.time()) // 30 + periods_ahead)
        digest = hmac.new(base64.b32decode(self.authenticator_seed), counter, hashlib.sha1).digest()
        start = digest[-1] & 0xF
        number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
        return f"{number % 1_000_000:06}"


OWNER = Person("owner@example.org", "demo-owner-7351")
STAFF = Person("infosec@example.org", "demo-infosec-7351", "superuser", "DEMOINFOSECDEMOINFOSECDEMOINFOSE")
PEOPLE = (OWNER, STAFF)


def seed() -> None:
    """Make the demo's people, with confirmed addresses, unless they are there. Never in production."""
    import django

    django.setup()

    from allauth.account.models import EmailAddress
    from allauth.mfa.totp.internal.auth import TOTP
    from django.conf import settings
    from django.contrib.auth import get_user_model

    from onboarding.models import StaffRole
    from onboarding.services.people import set_role

    if settings.IS_PRODUCTION:
        raise SystemExit("The demo's people have known passwords: they are not made in production.")
    for person in PEOPLE:
        user, is_new = get_user_model().objects.get_or_create(
            username=person.email, defaults={"email": person.email}
        )
        if is_new:
            user.set_password(person.password)
            user.save()
            EmailAddress.objects.create(user=user, email=person.email, verified=True, primary=True)
            if person.role:
                set_role(user, StaffRole(person.role), by_id=None)
            if person.authenticator_seed:
                TOTP.activate(user, person.authenticator_seed)


if __name__ == "__main__":
    if sys.argv[1:] == ["code"]:
        print(STAFF.code())
    else:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
        seed()
