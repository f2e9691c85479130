"""How Celery runs: as muscle. The database remembers what is due, so nothing here is kept or retried."""

import os

from celery import Celery
from celery.signals import worker_init
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

from django.conf import settings

from onboarding.custody import memory

app = Celery("portal", broker=settings.REDIS_URL)
app.conf.update(
    task_ignore_result=True,
    task_acks_late=False,
    task_default_expires=60,
    # Work may fill every thread for minutes. What is short and comes by the clock has a queue of its own: a
    # worker takes from both in turn.
    task_queues=(Queue("upkeep"), Queue("work")),
    task_default_queue="upkeep",
    task_routes={"onboarding.work": {"queue": "work"}},
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    # A person's act wakes the worker: it must not hang where Redis is gone.
    broker_transport_options={"socket_connect_timeout": 2},
    worker_hijack_root_logger=False,
    imports=("onboarding.tasks",),
    beat_schedule={
        "claim-what-is-due": {"task": "onboarding.tick", "schedule": 2.0, "options": {"expires": 10}},
        "sweep-what-stands-still": {"task": "onboarding.sweep", "schedule": 2.0, "options": {"expires": 10}},
        "keep-the-fleet-counted": {
            "task": "onboarding.keep_count",
            "schedule": 30.0,
            "options": {"expires": 30},
        },
        "work-through-batches": {"task": "onboarding.desk", "schedule": 2.0, "options": {"expires": 10}},
        "seal-the-audit-log": {"task": "onboarding.seal_audit", "schedule": 5.0, "options": {"expires": 10}},
        "tell-people": {"task": "onboarding.tell", "schedule": 5.0, "options": {"expires": 10}},
    },
)


@worker_init.connect
def _keep_secrets_in_memory(**_: object) -> None:
    """The worker alone holds private keys and opened access."""
    memory.keep_to_itself()
