"""Who can sign in to the demo? Their passwords are printed on the terminal: for one's own machine only."""

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    email: str
    password: str
    is_staff: bool


OWNER = Person("owner@example.org", "demo-owner-7351", is_staff=False)
STAFF = Person("infosec@example.org", "demo-infosec-7351", is_staff=True)
PEOPLE = (OWNER, STAFF)


def seed() -> None:
    """Make the demo's people, with confirmed addresses, unless they are there. Never in production."""
    import django

    django.setup()

    from allauth.account.models import EmailAddress
    from django.conf import settings
    from django.contrib.auth import get_user_model

    if settings.IS_PRODUCTION:
        raise SystemExit("The demo's people have known passwords: they are not made in production.")
    for person in PEOPLE:
        user, is_new = get_user_model().objects.get_or_create(
            username=person.email, defaults={"email": person.email, "is_staff": person.is_staff}
        )
        if is_new:
            user.set_password(person.password)
            user.save()
            EmailAddress.objects.create(user=user, email=person.email, verified=True, primary=True)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    seed()
