"""What do our pages look like? Every component in every state, on one page, for whoever builds another page.

In development only: it shows made-up things, and nobody's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.contrib.messages.storage.base import Message
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.views.decorators.http import require_safe

from onboarding.forms import RegisterForm
from onboarding.progress.regions import RegionRow
from onboarding.progress.stages import StageProgress, StageState
from onboarding.progress.telling import Told
from onboarding.states import RegionOutcome, RegionState, RunStatus, Stage, StepStatus

_REGIONS = {
    RegionState.UNKNOWN: ("eu-north-1", "Stockholm"),
    RegionState.WAITING: ("eu-west-1", "Ireland"),
    RegionState.CREATING: ("eu-central-1", "Frankfurt"),
    RegionState.LOGGING: ("sa-east-1", "São Paulo"),
    RegionState.COVERED: ("us-west-2", "Oregon"),
    RegionState.FAILED: ("us-east-1", "N. Virginia"),
    RegionState.SKIPPED: ("ap-southeast-6", "New Zealand"),
}

_ICONS = (
    "check cross alert clock turning record minus plus bin pencil key hand stop shield info folder lock "
    "print people eye globe"
)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The statuses of one kind of thing: (stored word, words for people)."""

    title: str
    statuses: tuple[tuple[str, str | Promise], ...]


@require_safe
def style(request: HttpRequest) -> HttpResponse:
    if settings.IS_PRODUCTION:
        raise Http404
    wrong = RegisterForm({"number": "4845-3528", "name": "", "contact_email": "owner@example.org"})
    context = {
        "vocabularies": (
            Vocabulary("A run", tuple(RunStatus.choices)),
            Vocabulary("A step", tuple(StepStatus.choices)),
            Vocabulary("A stage", tuple(StageState.choices)),
            Vocabulary("A region", tuple(RegionState.choices)),
        ),
        "tones": ("good", "busy", "ask", "bad", "idle"),
        "steps": range(1, 6),
        "rows": tuple(_rows()),
        "progress": {"stages": tuple(_stages())},
        "told": tuple(_told()),
        "form": RegisterForm(),
        "wrong": wrong,
        "samples": (
            Message(messages.SUCCESS, "The role was checked."),
            Message(messages.INFO, "You had registered this account already."),
            Message(messages.ERROR, "The plan has changed since you opened it. Nothing was started."),
        ),
        "icons": _ICONS.split(),
        "since": timezone.now() - timedelta(minutes=3, seconds=12),
    }
    return render(request, "style.html", context)


def _rows() -> Iterator[RegionRow]:
    now = timezone.now()
    for state, (region, place) in _REGIONS.items():
        is_there = state in {RegionState.LOGGING, RegionState.COVERED}
        yield RegionRow(
            region=region,
            place=place,
            state=state,
            word=state.label,
            stack_status="CREATE_COMPLETE" if is_there else "",
            trail="SecuredCloudTrail" if is_there else "",
            is_logging=True if is_there else None,
            latest_delivery_at=now - timedelta(minutes=2) if state == RegionState.COVERED else None,
            latest_delivery_error="",
            read_at=now - timedelta(seconds=8),
            outcome=RegionOutcome.NOT_ENABLED if state == RegionState.SKIPPED else RegionOutcome.READ,
            trouble=None,
        )


def _stages() -> Iterator[StageProgress]:
    now = timezone.now()
    began = now - timedelta(minutes=2)
    for stage, state in zip(Stage, StageState, strict=False):
        is_counted = state == StageState.WORKING
        has_begun = state not in {StageState.NOT_NEEDED, StageState.WAITING}
        yield StageProgress(
            stage=stage,
            state=state,
            done=8 if is_counted else 0,
            total=17 if is_counted else 0,
            started_at=began if has_begun else None,
            finished_at=now if has_begun and not is_counted else None,
            named_steps=(),
        )


def _told() -> Iterator[Told]:
    now = timezone.now()
    yield Told(3, now, "Frankfurt (eu-central-1): CloudTrail could not be switched on.", "failed", None, "")
    yield Told(2, now, "Oregon (us-west-2): CloudTrail is on.", "finished", None, "")
    yield Told(1, now, "Asked AWS to create the stack InfosecClientRoles.", "", None, "4f1c-made-up")
