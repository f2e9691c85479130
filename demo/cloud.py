"""What does one ask of the stand-in cloud beside AWS's own calls? Its control API, over HTTP."""

import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen


class CloudRefused(Exception):
    """The stand-in answered with an error of its own; the text is its."""


class StandIn:
    """The stand-in at `address`, such as http://127.0.0.1:4599."""

    def __init__(self, address: str) -> None:
        self.address = address

    def ask(self, method: str, path: str, document: dict[str, Any] | None = None) -> Any:
        body = None if document is None else json.dumps(document).encode()
        request = Request(f"{self.address}/_sandbox/{path}", body, method=method)
        request.add_header("Content-Type", "application/json")
        try:
            with urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except HTTPError as error:
            raise CloudRefused(
                f"{method} {path}: {error.code} {error.read().decode(errors='replace')}"
            ) from None

    def is_ready(self) -> bool:
        try:
            return bool(self.ask("GET", "health")["ready"])
        except (URLError, OSError, CloudRefused, ValueError, KeyError):
            return False

    def credentials(self, kind: str, **fields: Any) -> dict[str, str]:
        """Keys as the stand-in gives them: AccessKeyId, SecretAccessKey and, for sessions, SessionToken."""
        answer: dict[str, str] = self.ask("POST", "credentials", {"kind": kind, **fields})
        return answer
