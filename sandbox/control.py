"""How is the stand-in steered? Plain JSON under `/_sandbox/`, on the stand-in's own port.

    GET    health                           {"ready": true}; 503 until everything is seeded
    POST   reset                            forget everything, seed the central side again (not with ?bare=1)
    GET    settings      POST settings      {"speed", "latency_ms", "log_delivery_seconds", "durations"}
    GET    faults        POST faults        a fault's fields (sandbox.faults.Fault); answers it
    DELETE faults[/NUMBER]                  one, or all
    GET    requests      ?account=&after=   the request log after that entry; DELETE forgets it
    GET    accounts      POST accounts      {"number", "name", "alias", "organization_trail": name or true,
                                             "enabled_opt_in_regions": names or how many,
                                             "scripted_regions": true to play them from a script}
    GET    changes       ?account=&after=&status=   which stack came into which status, and when
    POST   credentials                      {"account", "kind", "role_arn", "duration_seconds", …}
    GET    scenarios     POST scenarios/NAME  {"account"}, answers what it made
    GET    /_sandbox/                       the console page, where one plays the account owner

Answers 400 with {"error"} for what makes no sense, 404 for what isn't there.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ministack import app as ministack_app

from sandbox import (
    accounts,
    changes,
    clock,
    console,
    faults,
    log_delivery,
    minting,
    regions,
    request_log,
    scripted,
    seeds,
    settings,
    shortcut,
    trails,
)
from sandbox.refusals import Answer

Query = Mapping[str, str]
Document = Mapping[str, Any]


class NotYet(Exception):
    """The seeds are still being sown."""


class NotThere(LookupError):
    """What was asked for doesn't exist."""


def health(_query: Query, _document: Document) -> Any:
    if not seeds.sown.is_set():
        raise NotYet("The stand-in is still being seeded.")
    return {"ready": True, "emulator": f"ministack {ministack_app._version()}"}


def forget() -> None:
    """Bring the stand-in back to the moment before anything was seeded; its settings stay."""
    faults.remove()
    accounts.clear()
    ministack_app._reset_all_state()
    trails.clear()
    scripted.clear()
    shortcut.clear()
    changes.clear()
    request_log.clear()


def reset(query: Query, _document: Document) -> Any:
    forget()
    if query.get("bare") != "1":
        seeds.play_central_side()
    return {"reset": True}


def show_settings(_query: Query = {}, _document: Document = {}) -> Any:  # noqa: B006 - never changed
    now = settings.current()
    return {
        "speed": clock.speed(),
        "latency_ms": now.latency_ms,
        "log_delivery_seconds": now.log_delivery_seconds,
        "durations": dict(clock.DURATIONS),
    }


def change_settings(_query: Query, document: Document) -> Any:
    unknown = set(document) - {"speed", "latency_ms", "log_delivery_seconds", "durations"}
    if unknown:
        raise ValueError(f"Not a setting: {', '.join(sorted(unknown))}.")
    if "speed" in document:
        clock.set_speed(float(document["speed"]))
    settings.change(
        latency_ms=document.get("latency_ms"), log_delivery_seconds=document.get("log_delivery_seconds")
    )
    if "log_delivery_seconds" in document:
        log_delivery.hurry(settings.current().log_delivery_seconds)
    clock.DURATIONS.update({name: float(seconds) for name, seconds in document.get("durations", {}).items()})
    return show_settings()


def add_fault(_query: Query, document: Document) -> Any:
    added = faults.add(document)
    return next(f for f in faults.listed() if f["number"] == added.number)


def clear_faults(_query: Query, _document: Document) -> Any:
    faults.remove()
    return {"faults": []}


def show_requests(query: Query, _document: Document) -> Any:
    found = request_log.entries(account=query.get("account"), after=int(query.get("after", "0")))
    return {"requests": [entry.document() for entry in found], "last": request_log.last_number()}


def clear_requests(_query: Query, _document: Document) -> Any:
    request_log.clear()
    return {"last": request_log.last_number()}


def show_accounts(_query: Query, _document: Document) -> Any:
    return {
        "accounts": [
            {
                "number": a.number,
                "name": a.name,
                "alias": a.alias,
                "role": a.role,
                "scripted_regions": a.scripted,
                "enabled_regions": list(regions.enabled(a.number)),
            }
            for a in accounts.known()
        ]
    }


def tell_account(_query: Query, document: Document) -> Any:
    opted_in = document.get("enabled_opt_in_regions")
    if isinstance(opted_in, int):
        opted_in = regions.OPT_IN_REGIONS[:opted_in]
    unknown = set(opted_in or ()) - set(regions.OPT_IN_REGIONS)
    if unknown:
        raise ValueError(f"Not an opt-in region: {', '.join(sorted(unknown))}.")
    number = str(document["number"])
    seeds.play_account(
        accounts.Account(
            number=number,
            name=document.get("name", ""),
            alias=document.get("alias", ""),
            opted_in=None if opted_in is None else tuple(opted_in),
            scripted=bool(document.get("scripted_regions", False)),
        )
    )
    if document.get("organization_trail"):
        name = document["organization_trail"]
        seeds.play_organization_trail(number, name if isinstance(name, str) else "organization-trail")
    return {"number": number, "enabled_regions": list(regions.enabled(number))}


def hand_out_credentials(_query: Query, document: Document) -> Any:
    return minting.mint(
        document.get("kind", "role"),
        account=str(document.get("account", "")),
        role_arn=document.get("role_arn", ""),
        session_name=document.get("session_name", "owner"),
        duration_seconds=float(document.get("duration_seconds", 3600)),
        version_1=bool(document.get("version_1", False)),
    ).document()


def show_changes(query: Query, _document: Document) -> Any:
    found = changes.listed(
        account=query.get("account"), after=int(query.get("after", "0")), status=query.get("status")
    )
    return {"changes": [change.document() for change in found]}


def show_scenarios(_query: Query, _document: Document) -> Any:
    return {"scenarios": {name: (play.__doc__ or "").strip() for name, play in seeds.SCENARIOS.items()}}


_ROUTES: dict[tuple[str, str], Callable[[Query, Document], Any]] = {
    ("GET", "health"): health,
    ("POST", "reset"): reset,
    ("GET", "settings"): show_settings,
    ("POST", "settings"): change_settings,
    ("GET", "faults"): lambda _query, _document: {"faults": faults.listed()},
    ("POST", "faults"): add_fault,
    ("DELETE", "faults"): clear_faults,
    ("GET", "requests"): show_requests,
    ("DELETE", "requests"): clear_requests,
    ("GET", "accounts"): show_accounts,
    ("POST", "accounts"): tell_account,
    ("POST", "credentials"): hand_out_credentials,
    ("GET", "changes"): show_changes,
    ("GET", "scenarios"): show_scenarios,
}


def _act(method: str, path: str, query: Query, document: Document) -> Any:
    route = _ROUTES.get((method, path))
    if route is not None:
        return route(query, document)
    head, _, rest = path.partition("/")
    if method == "POST" and head == "scenarios":
        if rest not in seeds.SCENARIOS:
            raise NotThere(f"There is no scenario {rest!r}.")
        return seeds.play(rest, document)
    if method == "DELETE" and head == "faults" and rest.isdigit():
        faults.remove(int(rest))
        return {"faults": faults.listed()}
    raise NotThere(f"There is no {method} {path}.")


def _json(status: int, document: Any) -> Answer:
    return (
        status,
        {"Content-Type": "application/json", "Cache-Control": "no-store"},
        json.dumps(document).encode(),
    )


async def handle(scope: Mapping[str, Any], body: bytes) -> Answer:
    """Answer one request to `/_sandbox/…`.

    Acts run on a thread of their own: seeding calls the stand-in itself.
    """
    method = scope["method"]
    said = {name.lower(): value for name, value in scope.get("headers", [])}
    origin = said.get(b"origin", b"null").decode("latin-1")
    if origin != "null" and urlsplit(origin).netloc != said.get(b"host", b"").decode("latin-1"):
        return _json(403, {"error": "Another site's page may not steer the stand-in."})
    path = scope["path"].removeprefix("/_sandbox").strip("/")
    query = {name: values[0] for name, values in parse_qs(scope.get("query_string", b"").decode()).items()}
    if path == "" or path.startswith("console"):
        return await asyncio.to_thread(
            console.handle, method, path.removeprefix("console").strip("/"), query, body
        )
    try:
        document = json.loads(body) if body else {}
        return _json(200, await asyncio.to_thread(_act, method, path, query, document))
    except NotYet as error:
        return _json(503, {"error": str(error)})
    except NotThere as error:
        return _json(404, {"error": str(error)})
    except (ValueError, LookupError, TypeError) as error:
        return _json(400, {"error": f"{error}"})
