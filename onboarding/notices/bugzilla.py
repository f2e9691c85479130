"""How does a comment get into the company's Bugzilla, once?

Its documented REST API (https://bugzilla.readthedocs.io/en/latest/api/core/v1/comment.html):
`GET /rest/bug/ID/comment?new_since=…` answers the comments, `POST /rest/bug/ID/comment` adds one; the API
key goes in the header X-BUGZILLA-API-KEY and never into an address. Errors are JSON: `{"error": true, …}`.

Before each attempt the comments are looked through for the one on this run: an answer that was lost, or a
worker that died, makes no second comment. What the API leaves open: a request that we gave up on and that
Bugzilla carries out more than a minute later.

Requests go to the address of the company's file alone; no redirect is followed.
"""

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings

from onboarding.models import Notice
from onboarding.notices.comment import comment_on, is_in
from onboarding.notices.trouble import NotDelivered
from onboarding.tickets import bug_number

TIMEOUT_SECONDS = 10.0
# For a whole answer, however slowly it drips.
LONGEST_ANSWER_SECONDS = 30.0
LARGEST_ANSWER = 4_000_000

# Its clock may be behind ours.
_CLOCKS_DIFFER_BY = timedelta(days=1)

# "No such bug", "not an id of a bug", "bug is not to be commented on": nothing changes that by itself.
_FINAL_CODES = frozenset({100, 101, 109, 113, 114})


def post(notice: Notice) -> None:
    """Comment on the account's ticket, unless the comment is there. Raises NotDelivered."""
    company = settings.COMPANY.ticket
    number = bug_number(company.bugzilla_url, notice.recipient)
    if number is None:
        raise NotDelivered("not_our_bugzilla", is_final=True)
    if not settings.BUGZILLA_API_KEY:
        raise NotDelivered("no_api_key")
    comments = f"/rest/bug/{number}/comment"
    since = (notice.written_at - _CLOCKS_DIFFER_BY).strftime("%Y-%m-%dT%H:%M:%SZ")
    if is_in(notice.run, _texts(_ask("GET", f"{comments}?{urlencode({'new_since': since})}"), number)):
        return
    answer = _ask("POST", comments, {"comment": comment_on(notice.run, notice.run.steps.all())})
    if not isinstance(answer.get("id"), int):
        raise NotDelivered("unreadable")


def _texts(answer: Mapping[str, Any], number: int) -> list[str]:
    """The texts of all comments."""
    try:
        return [str(comment["text"]) for comment in answer["bugs"][str(number)]["comments"]]
    except (KeyError, TypeError):
        raise NotDelivered("unreadable") from None


def _ask(method: str, path: str, body: Mapping[str, str] | None = None) -> Mapping[str, Any]:
    base = urlsplit(settings.COMPANY.ticket.bugzilla_url)
    kind = HTTPSConnection if base.scheme == "https" else HTTPConnection
    connection = kind(base.hostname or "", base.port, timeout=TIMEOUT_SECONDS)
    headers = {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "User-Agent": "onboarding-portal",
        "X-BUGZILLA-API-KEY": settings.BUGZILLA_API_KEY,
    }
    try:
        content = json.dumps(body).encode() if body is not None else None
        connection.request(method, base.path.rstrip("/") + path, content, headers)
        response = connection.getresponse()
        return _read(response.status, _whole(response))
    except (OSError, HTTPException) as error:
        # Never the text: it could repeat what was sent.
        raise NotDelivered(type(error).__name__) from None
    finally:
        connection.close()


def _whole(response: HTTPResponse) -> bytes:
    ends, parts, size = time.monotonic() + LONGEST_ANSWER_SECONDS, [], 0
    while part := response.read1(65_536):
        parts.append(part)
        size += len(part)
        if size > LARGEST_ANSWER or time.monotonic() > ends:
            raise NotDelivered("too_long")
    return b"".join(parts)


def _read(status: int, content: bytes) -> Mapping[str, Any]:
    """The answer's object. Bugzilla says with a status of 200 too that something was wrong."""
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if isinstance(answer, dict) and answer.get("error"):
        code = answer.get("code")
        word = str(code) if isinstance(code, int) else "?"
        raise NotDelivered(f"bugzilla_{word}_http_{status}", is_final=code in _FINAL_CODES)
    if not 200 <= status < 300:
        raise NotDelivered(f"http_{status}", is_final=status == 404)
    if not isinstance(answer, dict):
        raise NotDelivered("unreadable")
    return answer
