"""How do tests and the demo steer the stand-in? A small client of its control API; the standard library only.

cloud = Sandbox("http://127.0.0.1:4599")
cloud.settings(speed=50)
cloud.fault(kind="throttle", service="cloudformation", count=3)
keys = cloud.credentials(account="484535289196", kind="session")
"""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode


class SandboxError(Exception):
    """The stand-in refused, in its own words."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a person would paste; token and expiration are empty for a long-term key."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    expiration: str
    arn: str

    def __repr__(self) -> str:
        return f"<Credentials …{self.access_key_id[-4:]} of {self.arn}>"

    def for_boto3(self) -> dict[str, str]:
        """Keyword arguments of a boto3 session or client."""
        found = {
            "aws_access_key_id": self.access_key_id,
            "aws_secret_access_key": self.secret_access_key,
            "aws_session_token": self.session_token,
        }
        return {name: value for name, value in found.items() if value}

    def for_environment(self) -> dict[str, str]:
        """What a worker process finds in its environment."""
        found = {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_SESSION_TOKEN": self.session_token,
        }
        return {name: value for name, value in found.items() if value}

    def for_json(self) -> dict[str, str]:
        """In the words of STS and of `credential_process`."""
        found = {
            "AccessKeyId": self.access_key_id,
            "SecretAccessKey": self.secret_access_key,
            "SessionToken": self.session_token,
            "Expiration": self.expiration,
        }
        return {name: value for name, value in found.items() if value}


@dataclass(frozen=True, slots=True)
class Request:
    """One call that reached the stand-in. `error` is empty when it was carried out."""

    number: int
    time: float
    request_id: str
    service: str
    action: str
    writes: bool
    region: str
    account: str
    principal: str
    access_key_id: str
    stack: str
    resource: str
    user_agent: str
    status: int
    error: str
    fault: str
    allowed: bool


class Sandbox:
    """A running stand-in. Raises SandboxError for what it refuses, OSError when it isn't there."""

    def __init__(self, url: str, *, timeout_seconds: float = 120) -> None:
        self.url = url.rstrip("/")
        self._timeout = timeout_seconds

    def _ask(self, method: str, path: str, document: Mapping[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}/_sandbox/{path}",
            method=method,
            data=None if document is None else json.dumps(document).encode(),
            headers={"Content-Type": "application/json"},
        )
        # No proxy: the stand-in is on this machine, whatever the environment says.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=self._timeout) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise SandboxError(json.load(error).get("error", str(error))) from None

    def is_ready(self) -> bool:
        """Whether it serves, with everything seeded."""
        try:
            return bool(self._ask("GET", "health")["ready"])
        except (OSError, SandboxError, ValueError):
            return False

    def reset(self, *, bare: bool = False) -> None:
        """Forget everything and seed the central side again; `bare` leaves even that out."""
        self._ask("POST", "reset?bare=1" if bare else "reset")

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Change speed, latency_ms, log_delivery_seconds, durations; what is in force now."""
        found: dict[str, Any] = (
            self._ask("POST", "settings", changes) if changes else self._ask("GET", "settings")
        )
        return found

    def fault(self, **description: Any) -> int:
        """Let something go wrong (fields: sandbox.faults.Fault); its number."""
        number: int = self._ask("POST", "faults", description)["number"]
        return number

    def faults(self) -> Sequence[dict[str, Any]]:
        """The faults in force, with how often each was "played"."""
        found: list[dict[str, Any]] = self._ask("GET", "faults")["faults"]
        return found

    def clear_faults(self, number: int | None = None) -> None:
        """Let one fault, or all, go."""
        self._ask("DELETE", "faults" if number is None else f"faults/{number}")

    def requests(self, *, account: str | None = None, after: int = 0) -> Sequence[Request]:
        """The calls after entry `after`; `account` is the caller's."""
        query = {"after": str(after), **({"account": account} if account else {})}
        return [Request(**entry) for entry in self._ask("GET", f"requests?{urlencode(query)}")["requests"]]

    def writes(self, *, account: str | None = None, after: int = 0) -> Sequence[Request]:
        """Of those, the ones that were carried out and changed something."""
        return [r for r in self.requests(account=account, after=after) if r.writes and r.allowed]

    def last_request(self) -> int:
        """The newest entry's number: what to give as `after`."""
        number: int = self._ask("GET", f"requests?after={2**53}")["last"]
        return number

    def clear_requests(self) -> None:
        """Forget the log."""
        self._ask("DELETE", "requests")

    def account(self, number: str, **said: Any) -> Sequence[str]:
        """Make an account (name, alias, enabled_opt_in_regions, organization_trail,
        scripted_regions); its enabled regions."""
        found: list[str] = self._ask("POST", "accounts", {"number": number, **said})["enabled_regions"]
        return found

    def accounts(self) -> Sequence[dict[str, Any]]:
        """The accounts that have a name here."""
        found: list[dict[str, Any]] = self._ask("GET", "accounts")["accounts"]
        return found

    def changes(self, *, account: str | None = None, status: str | None = None) -> Sequence[dict[str, Any]]:
        """Which stack came into which status, and when: "time", "account", "region", "stack", "status"."""
        query = {"account": account, "status": status}
        given = urlencode({name: value for name, value in query.items() if value})
        found: list[dict[str, Any]] = self._ask("GET", f"changes?{given}")["changes"]
        return found

    def credentials(self, *, account: str = "", kind: str = "role", **more: Any) -> Credentials:
        """Mint credentials (role_arn, duration_seconds, session_name, version_1)."""
        made = self._ask("POST", "credentials", {"account": account, "kind": kind, **more})
        return Credentials(
            made["AccessKeyId"],
            made["SecretAccessKey"],
            made.get("SessionToken", ""),
            made.get("Expiration", ""),
            made["Arn"],
        )

    def scenario(self, name: str, **said: Any) -> dict[str, Any]:
        """Play a scenario, in its own account or in the one given; what it made, its "account" among it."""
        made: dict[str, Any] = self._ask("POST", f"scenarios/{name}", said)
        return made

    def scenarios(self) -> dict[str, str]:
        """What may be played, each with its meaning."""
        found: dict[str, str] = self._ask("GET", "scenarios")["scenarios"]
        return found
