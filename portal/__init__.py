"""The project: settings, URLs, ASGI, Celery. Wiring, no behaviour."""

# Whoever loads the project gets this Celery app as the current one: `onboarding.wake` enqueues by name,
# and must not speak to Celery's default broker.
from portal.celery import app as celery_app

__all__ = ["celery_app"]
