"""The project: settings, URLs, ASGI, Celery. Wiring, no behaviour."""
