"""What happens meanwhile: which writes reach the owners' accounts, and when does it go on after each
fault?
"""

import time
from collections import defaultdict

from django.db import Error, connection

from onboarding.engine.claims import ACTIVE_RUN_STATUSES
from onboarding.models import Event, Run
from sandbox.client import Request, Sandbox
from tests.chaos.faults import Played, Trouble

LOOK_EVERY_SECONDS = 2.0


class Watch:
    def __init__(self, cloud: Sandbox, trouble: Trouble, user_agent: str) -> None:
        self.writes: dict[str, list[Request]] = defaultdict(list)
        # For each fault: how long after its end the first thing was recorded of any run.
        self.recoveries: list[tuple[str, float]] = []
        self._cloud, self._trouble, self._user_agent = cloud, trouble, user_agent
        self._seen_of_log = 0
        self._looked_at = 0.0
        self._open: list[tuple[Played, int]] = []
        self._known = 0
        self._newest_event = 0

    def look(self) -> None:
        if time.monotonic() - self._looked_at < LOOK_EVERY_SECONDS:
            return
        self._looked_at = time.monotonic()
        for request in self._cloud.requests(after=self._seen_of_log):
            self._seen_of_log = max(self._seen_of_log, request.number)
            if request.writes and request.allowed and self._user_agent in request.user_agent:
                self.writes[request.account].append(request)
        try:
            newest = Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
            is_active = Run.objects.filter(status__in=ACTIVE_RUN_STATUSES).exists()
        except Error:
            connection.close()
            return
        self._measure(newest, is_active=is_active)

    def _measure(self, newest: int, *, is_active: bool) -> None:
        now = time.monotonic()
        still_open = []
        for played, event_then in self._open:
            if newest > event_then:
                self.recoveries.append((played.name, now - played.ended_at))
            elif is_active:
                still_open.append((played, event_then))
        self._open = still_open
        ended = [played for played in self._trouble.played if played.ended_at]
        for played in ended[self._known :]:
            self._open.append((played, newest))
        self._known = len(ended)
