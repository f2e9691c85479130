"""How long does a stage usually take? Learned from the runs that went well lately.

The middle one of their durations: one account that waited for hours changes nothing.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from statistics import median

from django.core.cache import cache
from django.db.models import F, Max, Min

from onboarding.models import Run, Step
from onboarding.states import RunStatus, Stage

RUNS_LEARNED_FROM = 30
_REMEMBERED_SECONDS = 600
_KEY = "expected-stage-seconds"


def usual_durations() -> Mapping[Stage, timedelta]:
    """Each stage's usual duration; a stage that no run has been through yet is not in it."""
    seconds: Mapping[str, float] = cache.get_or_set(_KEY, _learn, _REMEMBERED_SECONDS) or {}
    return {Stage(stage): timedelta(seconds=each) for stage, each in seconds.items()}


def _learn() -> dict[str, float]:
    """In seconds, as the cache keeps it."""
    latest = list(
        Run.objects.filter(status=RunStatus.VERIFIED, finished_at__isnull=False)
        .order_by("-finished_at")
        .values_list("pk", flat=True)[:RUNS_LEARNED_FROM]
    )
    took = (
        Step.objects.filter(run__in=latest, started_at__isnull=False, finished_at__isnull=False)
        .order_by()
        .values("run_id", "stage")
        .annotate(duration=Max(F("finished_at")) - Min(F("started_at")))
        .values_list("stage", "duration")
    )
    return {stage: median(each) for stage, each in _by_stage(took).items()}


def _by_stage(took: Iterable[tuple[str, timedelta]]) -> Mapping[str, list[float]]:
    found: dict[str, list[float]] = {}
    for stage, duration in took:
        found.setdefault(stage, []).append(duration.total_seconds())
    return found
