"""Whom can an account be given to? Offered on several pages, and seldom changed: so remembered for a minute.

Who is chosen is looked at again when the choice is sent.
"""

from django.core.cache import cache

from onboarding.services import desk

_KEY = "fleet.colleagues"
_SECONDS = 60


def colleagues() -> list[dict[str, str]]:
    """Each with `pk` and `email`."""
    found: list[dict[str, str]] | None = cache.get(_KEY)
    if found is None:
        found = [{"pk": str(user.pk), "email": user.email} for user in desk.colleagues()]
        cache.set(_KEY, found, _SECONDS)
    return found
