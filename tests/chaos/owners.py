"""Two hundred people, each with an account, who behave as people do: most read and approve, some don't.

Everything they do at the portal goes through its pages' addresses; where those don't answer they try
again later, as people do too. Whether an act was done, the next look tells.
"""

import contextlib
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.db import Error, connection
from django.urls import reverse

from demo.owner import Owner as Hands
from onboarding.models import AwsAccount, Ownership, Run
from onboarding.observed import DEFAULT_REGIONS
from onboarding.planning import Plan
from onboarding.services import retrying
from onboarding.states import OPEN_RUN_STATUSES, RunStatus, StepStatus
from onboarding.views.hand_over_kit import kit_for
from sandbox.client import Sandbox

REGIONS = ("eu-north-1", "us-east-1", "us-west-2")
SOMEBODY_ELSE = "999999999999"
MOST_HAND_OVERS = 8
MOST_NEW_STARTS = 2
MOST_REFUSALS = 25

Nature = Literal["plain", "role", "canceller", "silent", "expirer", "wrong account", "closed region"]
NATURES: tuple[tuple[Nature, int], ...] = (
    ("plain", 56), ("role", 10), ("canceller", 12), ("silent", 4), ("expirer", 8), ("wrong account", 4),
    ("closed region", 6),
)  # fmt: skip


# Which the organizations of some accounts close to them.
CLOSED_REGION = "eu-north-1"


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: object, **__: object) -> None:
        return None


@dataclass(slots=True)
class Owner:
    """One person with one account. `step` lets them do the next thing, if there is one."""

    number: str
    nature: Nature
    scenario: str
    chance: random.Random
    address: str
    cloud: Sandbox
    user: User | None = None
    account: AwsAccount | None = None
    session_key: str = ""
    hand_overs: int = 0
    new_starts: int = 0
    has_expired: bool = False
    cancel_at: float = 0.0
    next_act_at: float = 0.0
    is_done: bool = False
    refusals: list[str] = field(default_factory=list)

    def step(self) -> None:
        """Look, and do at most one thing; whatever fails is tried again in a moment."""
        if time.monotonic() < self.next_act_at:
            return
        self.next_act_at = time.monotonic() + self.chance.uniform(0.5, 1.5)
        try:
            if self.account is None:
                self._arrive()
            else:
                self._act()
        except NotUnderstood:
            raise
        except Exception as error:  # whatever a fault makes of it: they try again in a moment
            TROUBLES[type(error).__name__] += 1
            self.next_act_at = time.monotonic() + self.chance.uniform(1, 4)
            with contextlib.suppress(Exception):
                connection.close()

    def prepare(self) -> None:
        """Their account at AWS, as it was before any of this."""
        self.cloud.account(self.number, name="An account", enabled_opt_in_regions=0)
        if self.scenario != "empty":
            self.cloud.scenario(self.scenario, account=self.number)

    def _arrive(self) -> None:
        self.user = User.objects.get_or_create(
            username=self.number, defaults={"email": f"o{self.number}@example.org"}
        )[0]
        self.session_key = _signed_in(self.user)
        self._send(
            reverse("register"), number=self.number, name="An account", contact_email=self.user.email,
            ticket_url="",
        )  # fmt: skip
        account = AwsAccount.objects.filter(number=self.number).first()
        if account is None:
            raise Unanswered("not registered")
        assert Ownership.objects.filter(account=account, user=self.user).exists()
        self.account = account

    def _act(self) -> None:
        assert self.account is not None
        assert self.user is not None
        run = self.account.runs.order_by("-created_at").first()
        if run is None or (run.status not in OPEN_RUN_STATUSES and self._wants_another(run)):
            started = retrying.start_again(self.user, self.account)
            choices = {"regions": dict.fromkeys(sorted(set(DEFAULT_REGIONS) - set(REGIONS)), "skip")}
            Run.objects.filter(pk=started.pk, status=RunStatus.DRAFT).update(choices=choices)
            return
        match RunStatus(run.status):
            case RunStatus.DRAFT | RunStatus.NEEDS_ACCESS:
                if self.hand_overs >= MOST_HAND_OVERS:
                    self.is_done = True
                else:
                    self._hand_over()
            case RunStatus.PLANNED:
                if self.nature == "silent":
                    self.is_done = True
                else:
                    ticks = [str(step.ordinal) for step in Plan.from_json(run.plan or {}).deletions]
                    self._send(reverse("approve", args=[run.pk]), digest=run.plan_digest, tick=ticks)
                    self.cancel_at = time.monotonic() + self.chance.uniform(0, 12)
            case RunStatus.RUNNING if self.nature == "canceller" and time.monotonic() > self.cancel_at:
                self._send(reverse("cancel", args=[run.pk]))
            case RunStatus.RUNNING if self.nature == "expirer" and not self.has_expired:
                if run.steps.filter(status=StepStatus.WORKING).exists():
                    self.has_expired = True
                    self.cloud.fault(kind="expired", account=self.number, principal="*/onb-*", count=6)
            case RunStatus.CANCELLING if self.chance.random() < 0.3:
                self._send(reverse("leave-as-is", args=[run.pk]))
            case RunStatus.NEEDS_OWNER:
                self.is_done = True
            case status if status not in OPEN_RUN_STATUSES:
                self.is_done = True
            case _:
                pass

    def _wants_another(self, run: Run) -> bool:
        """Who failed tries again, a few times; who cancelled, or has what they wanted, doesn't."""
        if run.status in {RunStatus.VERIFIED, RunStatus.CANCELLED} or self.nature == "closed region":
            return False
        if self.new_starts >= MOST_NEW_STARTS:
            return False
        self.new_starts += 1
        return True

    def _hand_over(self) -> None:
        assert self.account is not None
        self.hand_overs += 1
        if self.nature == "role":
            kit = kit_for(self.account)
            hands = Hands(self.cloud, self.number)
            if not hands.has_role(kit.role_arn.rpartition("/")[2]):
                with contextlib.suppress(Exception):  # a fault of the chaos: the next time finds out
                    hands.create_hand_over_role(
                        kit.template_body, region=kit.region, stack_name=kit.stack_name
                    )
            self._send(reverse("hand-over", args=[self.number]), role_arn=kit.role_arn)
            return
        of = self.number
        if self.nature == "wrong account" and self.hand_overs == 1:
            of = SOMEBODY_ELSE
        if self.nature == "closed region" and self.hand_overs == 1:
            self.cloud.fault(
                kind="scp-denied", account=self.number, region=CLOSED_REGION, service="cloudformation"
            )
        keys = self.cloud.credentials(account=of)
        self._send(
            reverse("hand-over-credentials", args=[self.number]), access_key_id=keys.access_key_id,
            secret_access_key=keys.secret_access_key, session_token=keys.session_token,
        )  # fmt: skip

    def _send(self, path: str, **fields: str | list[str]) -> None:
        """Send a form as the browser would, sometimes twice: a double click has one effect."""
        for _ in range(2 if self.chance.random() < 0.15 else 1):
            self._send_once(path, fields)

    def _send_once(self, path: str, fields: dict[str, str | list[str]]) -> None:
        token = uuid.uuid4().hex
        cookies = f"{settings.SESSION_COOKIE_NAME}={self.session_key}; {settings.CSRF_COOKIE_NAME}={token}"
        body = urlencode({"csrfmiddlewaretoken": token, **fields}, doseq=True).encode()
        request = Request(
            f"{self.address}{path}", body, {"Cookie": cookies, "Referer": f"{self.address}{path}"}
        )
        try:
            with build_opener(_NoRedirects()).open(request, timeout=30) as answer:
                # A form that comes back says what is wrong with it.
                self._is_refused(f"{path}: {answer.status}")
        except HTTPError as error:
            if error.code >= 500:
                if error.code == 500:
                    SERVER_ERRORS.append(f"{path}: 500")
                raise Unanswered(f"{path}: {error.code}") from None
            if error.code not in {302, 303}:
                self._is_refused(f"{path}: {error.code}")

    def _is_refused(self, what: str) -> None:
        """Now and then a run has moved on; who is refused again and again uses the pages wrongly."""
        self.refusals.append(what)
        if len(self.refusals) > MOST_REFUSALS:
            raise NotUnderstood(f"{self.number}: {self.refusals[-5:]}")


class NotUnderstood(Exception):
    """The owners here don't know the pages any more."""


class Unanswered(Exception):
    """The portal didn't do it, or nobody knows."""


# What the owners met, by kind.
TROUBLES: Counter[str] = Counter()

# A page that broke instead of saying that the database is away.
SERVER_ERRORS: list[str] = []


def _signed_in(user: User) -> str:
    """A session as a sign-in leaves one; proven just now, and for as long as the chaos lasts."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session["account_authentication_methods"] = [{"method": "password", "at": time.time() + 24 * 3600}]
    session["account_authentication_methods_user"] = str(user.pk)
    session.create()
    return str(session.session_key)


def people(count: int, chance: random.Random, address: str, cloud: Sandbox) -> list[Owner]:
    natures, weights = zip(*NATURES, strict=True)
    numbers = chance.sample(range(100_000_000_000, 999_999_999_999), count)
    return [
        Owner(
            number=str(number),
            nature=chance.choices(natures, weights)[0],
            scenario=chance.choices(("empty", "old-stack", "half-finished"), (6, 5, 1))[0],
            chance=random.Random(chance.random()),
            address=address,
            cloud=cloud,
        )
        for number in numbers
    ]


def patiently(read: Callable[[], object]) -> object:
    """Read the database, however often that has to be begun anew."""
    while True:
        try:
            return read()
        except Error:
            connection.close()
            time.sleep(0.5)
