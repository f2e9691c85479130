"""What goes wrong on demand, for whom and how often?

A fault matches calls by service, action, region, account and principal (shell patterns), with a probability
and for a number of times. Its kind decides what the caller sees; the first that matches is played.
"""

import fnmatch
import itertools
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, get_args

from ministack.core.responses import get_account_id, get_region

from sandbox.calls import Call
from sandbox.refusals import EXPIRED, INVALID, SERVER_ERROR, SKEWED, THROTTLED, Refusal, denied, spelled

Kind = Literal[
    "throttle",
    "5xx",
    "expired",
    "access-denied",
    "scp-denied",
    "region-disabled",
    "unparseable",
    "reset",
    "answer-lost",
    "slow",
    "clock-skew",
    "refuse",
]
"""`reset` breaks the connection before the call is carried out, `answer-lost` after; `refuse` answers the
fault's own code, message and status."""

KINDS: Final[tuple[str, ...]] = get_args(Kind)

CLOUDFORMATION: Final = "cloudformation.amazonaws.com"
"""The principal that a fault names to concern the calls that CloudFormation makes for a stack, and no others.
They never come over HTTP: they can be refused, and a function's answer can be lost."""

# Skew up to here passes the signature check; AWS allows five minutes, or fifteen for some services.
TOLERATED_SKEW_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong. `count` None is for ever."""

    number: int
    kind: Kind
    service: str = "*"
    action: str = "*"
    region: str = "*"
    account: str = "*"
    principal: str = "*"
    probability: float = 1.0
    count: int | None = None
    milliseconds: float = 0.0
    skew_seconds: float = 0.0
    code: str = ""
    message: str = ""
    status: int = 400

    def matches(self, call: Call) -> bool:
        """Whether it concerns this call, its probability aside."""
        asked = (call.service, call.action, call.region, call.account, call.principal)
        wanted = (self.service, self.action, self.region, self.account, self.principal)
        return all(fnmatch.fnmatchcase(value, pattern) for value, pattern in zip(asked, wanted, strict=True))


_faults: dict[int, Fault] = {}
_played: dict[int, int] = {}
_numbers = itertools.count(1)
_lock = threading.Lock()
_chance = random.Random(1)


def add(description: Mapping[str, Any]) -> Fault:
    """Let something go wrong from now on. ValueError for an unknown kind or field."""
    if description.get("kind") not in KINDS:
        raise ValueError(f"A fault's kind is one of {', '.join(KINDS)}.")
    try:
        fault = Fault(number=next(_numbers), **description)
    except TypeError as error:
        raise ValueError(f"Not a field of a fault: {error}") from None
    if fault.principal == CLOUDFORMATION and fault.kind not in {"refuse", "answer-lost"}:
        raise ValueError("What CloudFormation calls for a stack can be refused, or its answer be lost.")
    with _lock:
        _faults[fault.number] = fault
        _played[fault.number] = 0
    return fault


def remove(number: int | None = None) -> None:
    """Let it go right again: one fault, or all."""
    with _lock:
        for known in list(_faults) if number is None else [number]:
            _faults.pop(known, None)
            _played.pop(known, None)


def listed() -> Sequence[dict[str, Any]]:
    """The faults in force, with how often each was played."""
    with _lock:
        return [{**asdict(fault), "played": _played[number]} for number, fault in _faults.items()]


def next_for(call: Call) -> Fault | None:
    """The fault to play on this call, counted as played; None when all goes well."""
    return _next(lambda fault: fault.matches(call)) if _faults else None


def next_in_stack(kind: Kind, action: str) -> Fault | None:
    """The same for a call, "service:Action", that CloudFormation is about to make here for a stack."""
    service, _, name = action.partition(":")
    place = (service, name, get_region(), get_account_id())

    def matches(fault: Fault) -> bool:
        wanted = (fault.service, fault.action, fault.region, fault.account)
        is_meant = fault.principal == CLOUDFORMATION and fault.kind == kind
        return is_meant and all(map(fnmatch.fnmatchcase, place, wanted))

    return _next(matches) if _faults else None


def _next(matches: Callable[[Fault], bool]) -> Fault | None:
    with _lock:
        for fault in _faults.values():
            if fault.count is not None and _played[fault.number] >= fault.count:
                continue
            if matches(fault) and _chance.random() < fault.probability:
                _played[fault.number] += 1
                return fault
    return None


def refusal(fault: Fault, call: Call) -> Refusal | None:
    """What the call is answered instead of a result; None for the faults that are no answer."""
    found = _refusal(fault, call)
    if found is not None and fault.message:
        return Refusal(found.code, fault.message, found.status)
    return found


def _refusal(fault: Fault, call: Call) -> Refusal | None:
    action = f"{call.service}:{call.action}"
    match fault.kind:
        case "throttle":
            return spelled(THROTTLED, call)
        case "5xx":
            return spelled(SERVER_ERROR, call)
        case "expired":
            return spelled(EXPIRED, call)
        case "access-denied":
            return denied(call, f"because no identity-based policy allows the {action} action")
        case "scp-denied":
            return denied(call, "with an explicit deny in a service control policy")
        case "region-disabled":
            return spelled(INVALID, call)
        case "clock-skew" if abs(fault.skew_seconds) > TOLERATED_SKEW_SECONDS:
            return spelled(SKEWED, call)
        case "refuse":
            return Refusal(fault.code, fault.message, fault.status)
        case _:
            return None
