"""What was AWS asked in a run, and what did it say? In its own words, for whoever wants to look it up."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from onboarding.models import Event, Run

LINES = 400
_KINDS = ("aws.write", "step.status", "region.reading")


@dataclass(frozen=True, slots=True)
class AwsWords:
    at: datetime
    region: str
    # The request, or the stack or trail that was read.
    what: str
    said: str
    request_id: str


def aws_words_of(run: Run) -> tuple[tuple[AwsWords, ...], bool]:
    """The newest lines first, and whether there are more."""
    events = list(run.events.filter(kind__in=_KINDS).order_by("-number")[: LINES + 1])
    return tuple(_lines(events[:LINES])), len(events) > LINES


def _lines(events: Iterable[Event]) -> Iterable[AwsWords]:
    for event in events:
        data: Mapping[str, Any] = event.data
        failure: Mapping[str, Any] = data.get("failure") or {}
        said = " ".join(str(part) for part in _said(event.kind, data, failure) if part)
        what = _what(event.kind, data)
        request_id = str(data.get("request_id") or failure.get("request_id") or "")
        if said or request_id:
            yield AwsWords(event.at, event.region or str(data.get("region", "")), what, said, request_id)


def _what(kind: str, data: Mapping[str, Any]) -> str:
    match kind:
        case "aws.write":
            return f"{data.get('service', '')}:{data.get('operation', '')} {data.get('stack', '')}".strip()
        case "step.status":
            return str(data.get("target", ""))
        case _:
            # The region stands beside it, and the account above: a trail's name says the rest of its ARN.
            trail = str(data.get("trail_arn") or "").rpartition("/")[2]
            return trail or ("stack" if data.get("stack_status") else "region")


def _said(kind: str, data: Mapping[str, Any], failure: Mapping[str, Any]) -> Iterable[object]:
    match kind:
        case "step.status":
            yield data.get("aws_status")
        case "region.reading":
            yield data.get("stack_status")
            if data.get("is_logging") is not None:
                yield f"IsLogging={str(data['is_logging']).lower()}"
            if data.get("latest_delivery_at"):
                yield f"LatestDeliveryTime={str(data['latest_delivery_at'])[:19]}Z"
            if data.get("latest_delivery_error"):
                yield f"LatestDeliveryError={data['latest_delivery_error']}"
        case _:
            pass
    yield failure.get("code")
    yield failure.get("message")
