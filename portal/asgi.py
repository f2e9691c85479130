import os
import warnings

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

# WhiteNoise hands out files as synchronous iterators, which ASGI reads whole. They are small: so be it.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

_django = get_asgi_application()

from django.conf import settings  # noqa: E402 - Django is set up now
from django.core.exceptions import ImproperlyConfigured  # noqa: E402

from onboarding.middleware.bodies import Larger, SmallBodies  # noqa: E402

if settings.IS_PRODUCTION and (
    settings.CUSTODY_PRIVATE_KEYS or settings.AUDIT_KEYS or settings.BUGZILLA_API_KEY
):
    raise ImproperlyConfigured(
        "The web side must not be given CUSTODY_PRIVATE_KEYS, AUDIT_KEYS or BUGZILLA_API_KEY. "
        "See docs/operations.md."
    )

application = SmallBodies(
    _django,
    most_bytes=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
    larger=Larger(settings.IMPORT_PATH, settings.IMPORT_MOST_BYTES),
)
