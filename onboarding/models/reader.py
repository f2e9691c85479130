"""In which language and by which clock is somebody written to? As their browser had it at sign-in."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.db import models


class Reader(models.Model):
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reader")
    language = models.CharField(max_length=16, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"{self.user_id} reads {self.language or 'anything'}"


def remember(user_id: int, *, language: str, time_zone: str) -> None:
    """Keep how somebody reads. A time zone that nobody knows (it comes from a browser) is not kept."""
    seen = {"language": language if language in dict(settings.LANGUAGES) else ""}
    if is_known_zone(time_zone):
        seen["time_zone"] = time_zone
    Reader.objects.update_or_create(user_id=user_id, defaults=seen)


def is_known_zone(name: str) -> bool:
    if not name or len(name) > 64:
        return False
    try:
        ZoneInfo(name)
    except (ValueError, ZoneInfoNotFoundError, OSError):
        return False
    return True


def language_of(user_id: int | None) -> str:
    """The language to write to a user in; the portal's own for whoever never signed in, and for infosec."""
    stored = _stored(user_id, "language")
    # It may have been offered then and not now.
    return stored if stored in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


def zone_of(user_id: int | None) -> ZoneInfo:
    stored = _stored(user_id, "time_zone")
    return ZoneInfo(stored if stored and is_known_zone(stored) else settings.TIME_ZONE)


def _stored(user_id: int | None, field: str) -> str:
    if user_id is None:
        return ""
    return str(Reader.objects.filter(user_id=user_id).values_list(field, flat=True).first() or "")
