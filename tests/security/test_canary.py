"""Marked secrets go through the whole portal, and then are searched for everywhere they must not be.

One scene for all tests: owners succeed with a role, survive a worker killed inside a step, fail, paste
nonsense and cancel, with every process logging at DEBUG. Further tests plant leaks, to prove that the search
finds any.
"""

import json
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest

from demo import check
from demo.check import hand_over, status_of, wait_for
from demo.owner import Owner
from demo.people import OWNER
from demo.stack import COMPANY_FILE, ROOT, Options, Stack, running
from demo.visitor import PageRefused, Visitor
from onboarding.company import load_company
from tests.security.detector import Marks, Wiretap, database_of, logs_of

pytestmark = pytest.mark.end_to_end

WITH_ROLE, CRASHED, FAILED, CANCELLED = "484535289196", "210987654321", "345678901234", "987654321098"
ECHO = (
    "The request signature we calculated does not match the signature you provided. The Canonical String for "
    "this request should have been 'POST\n/\n\nhost:cloudformation.amazonaws.com\n"
    "x-amz-security-token:{token}\n'"
)


class Recorder(Visitor):
    """A visitor who keeps every page that was served."""

    def __init__(self, portal: str) -> None:
        super().__init__(portal)
        self.served: dict[str, bytes] = {}

    def _open(self, path: str, body: bytes | None) -> str:
        try:
            return super()._open(path, body)
        finally:
            words = f"{self.address}\n{self.page}"
            self.served[f"page {len(self.served)} {self.address}"] = words.encode()


@dataclass(slots=True)
class Scene:
    """A running stack, what was recorded of it, and what must be found nowhere in that."""

    stack: Stack
    directory: Path
    tap: Wiretap
    owner: Recorder
    secrets: dict[str, str] = field(default_factory=dict)
    external_ids: dict[str, str] = field(default_factory=dict)
    snapshots: dict[str, bytes] = field(default_factory=dict)

    @property
    def database(self) -> Path:
        return self.directory / "portal.sqlite3"

    def keys(self, account: str, kind: str = "role") -> dict[str, str]:
        """Credentials as an owner has them; their secrets are marks from now on."""
        keys = self.stack.cloud.credentials(kind=kind, account=account).for_json()
        name = f"{kind} {len(self.secrets)} of {account}"
        self.secrets[f"the secret key of {name}"] = keys["SecretAccessKey"]
        if "SessionToken" in keys:
            self.secrets[f"the token of {name}"] = keys["SessionToken"]
            self.secrets[f"the key id of {name}"] = keys["AccessKeyId"]
        return keys

    def look_around(self, when: str) -> None:
        """Keep the database and Redis as they are at this moment."""
        places = database_of(self.database) | {"Redis": self.tap.kept()}
        self.snapshots |= {f"{place} {when}": content for place, content in places.items()}

    def places(self) -> dict[str, bytes]:
        """All that was recorded until now."""
        self.look_around("now")
        said = {"what Redis was told": bytes(self.tap.heard)}
        return self.snapshots | said | logs_of(self.stack.processes.logs) | self.owner.served


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory: Path = tmp_path_factory.mktemp("canary")
    options = Options(directory, speed=100, poll_seconds=0.5, log_level="DEBUG")
    with running(options) as stack, Wiretap(stack.environments["web"]["REDIS_URL"]) as tap:
        acted = Scene(stack, directory, tap, Recorder(stack.address))
        worker = stack.environments["worker"]
        acted.secrets |= {
            "the worker's own secret key": worker["AWS_SECRET_ACCESS_KEY"],
            "the worker's own token": worker["AWS_SESSION_TOKEN"],
            "the custody key": worker["CUSTODY_PRIVATE_KEYS"],
        }
        acted.owner.sign_in(OWNER)
        try:
            succeed_with_a_role(acted)
            survive_a_crash(acted)
            fail(acted)
            cancel(acted)
            paste_nonsense(acted)
            read_every_page(acted)
        except Exception:
            stack.processes.print_tails()
            raise
        yield acted


def succeed_with_a_role(scene: Scene) -> None:
    visitor = scene.owner
    hand_over(visitor, Owner(scene.stack.cloud, WITH_ROLE), load_company(COMPANY_FILE))
    approve(visitor, visitor.address)
    run = visitor.address
    wait_for(visitor, run, "verified", on_the_way=("running", "verifying"))
    with closing(sqlite3.connect(scene.database, timeout=20)) as database:
        scene.external_ids = dict(
            database.execute("SELECT number, external_id FROM onboarding_awsaccount").fetchall()
        )


def survive_a_crash(scene: Scene) -> None:
    """SIGKILL while a stack is being made; another worker finishes."""
    visitor, stack = scene.owner, scene.stack
    register(visitor, CRASHED)
    run = paste(visitor, CRASHED, as_lines(scene.keys(CRASHED)))
    # An earlier attempt left a dead stack there, about which its owner is asked.
    wait_for(visitor, run, "needs_owner", on_the_way=("draft", "surveying"))
    answer(visitor, run, "delete")
    wait_for(visitor, run, "planned", on_the_way=())
    scene.look_around("while access is held")
    approve(visitor, run)
    wait_for_a_write(scene, run)
    stack.processes.kill("worker")
    scene.look_around("after the worker was killed")
    # Its log would be begun anew.
    shutil.copy(stack.processes.log("worker"), stack.processes.logs / "killed-worker.log")
    with closing(sqlite3.connect(scene.database, timeout=20)) as database, database:
        # The lease of 90 s is let pass at once.
        past = "datetime('now', '-1 second')"
        database.execute(
            f"UPDATE onboarding_workitem SET lease_until = {past}, due_at = {past} WHERE lease_until NOT NULL"
        )
    stack.start_worker()
    wait_for(visitor, run, "verified", on_the_way=("running", "verifying"))


def answer(visitor: Visitor, run: str, option: str) -> None:
    """Answer each question alike."""
    page = visitor.visit(f"{run}decide/")
    asked = set(re.findall(r'<input type="radio" name="([^"]+)"', page))
    visitor.send(f"{run}decide/", version=visitor.field("version"), **dict.fromkeys(asked, option))


def fail(scene: Scene) -> None:
    """Once because AWS repeats the request, token and all; then for want of a right."""
    visitor, cloud = scene.owner, scene.stack.cloud
    register(visitor, FAILED)
    keys = scene.keys(FAILED)
    run = paste(visitor, FAILED, json.dumps({"Credentials": keys}))
    # It has trails of its own.
    wait_for(visitor, run, "needs_owner", on_the_way=("draft", "surveying"))
    answer(visitor, run, "keep")
    wait_for(visitor, run, "planned", on_the_way=())
    fault = {"service": "cloudformation", "action": "CreateStack", "account": FAILED, "status": 403}
    echo = ECHO.format(token=keys["SessionToken"])
    number = cloud.fault(**fault, kind="refuse", code="SignatureDoesNotMatch", message=echo)
    approve(visitor, run)
    wait_for(visitor, run, "needs_access", on_the_way=("running",))
    scene.look_around("after AWS repeated the token")
    cloud.clear_faults(number)
    cloud.fault(**fault, kind="access-denied")
    again = paste(visitor, FAILED, as_lines(scene.keys(FAILED)))
    if status_of(visitor.visit(again)) == "planned":
        approve(visitor, again)
    ends = ("failed", "partly_done")
    wait_for(visitor, again, *ends, on_the_way=("surveying", "planned", "running", "verifying"))


def cancel(scene: Scene) -> None:
    visitor = scene.owner
    scene.stack.cloud.account(CANCELLED, name="To be cancelled")
    register(visitor, CANCELLED)
    run = paste(visitor, CANCELLED, as_lines(scene.keys(CANCELLED)))
    wait_for(visitor, run, "planned", on_the_way=("draft", "surveying"))
    approve(visitor, run)
    wait_for_a_write(scene, run)
    visitor.visit(f"{run}cancel/")
    visitor.send(f"{run}cancel/")
    # Where something was made by then, its owner is asked about it.
    if status_of(visitor.visit(run)) == "cancelling":
        visitor.send(f"{run}leave-as-is/")
    wait_for(visitor, run, "cancelled", on_the_way=("cancelling",))


def paste_nonsense(scene: Scene) -> None:
    """What is refused must not come back either: permanent keys, halves, and what breaks a parser."""
    visitor = scene.owner
    keys = scene.keys(CANCELLED)
    visitor.visit(f"/aws/{CANCELLED}/start-again/")
    visitor.send(f"/aws/{CANCELLED}/start-again/")
    permanent = as_lines(keys).replace("ASIA", "AKIA")
    half = "\n".join(as_lines(keys).splitlines()[:2])
    nested = f'{{"SecretAccessKey": "{keys["SecretAccessKey"]}", "x": {"[" * 9000}'
    for text in (permanent, half, nested, f"{keys['SecretAccessKey']} and nothing else"):
        page = f"/aws/{CANCELLED}/hand-over/credentials/"
        visitor.visit(page)
        visitor.send(page, pasted=text)


def read_every_page(scene: Scene) -> None:
    """Follow all links, the live page's streams too, which end as their runs are settled."""
    visitor = scene.owner
    waiting: list[str] = ["/"]
    seen: set[str] = set()
    while waiting and len(seen) < 150:
        path = waiting.pop()
        seen.add(path)
        try:
            page = visitor.visit(path)
        except PageRefused:
            page = visitor.page
        links = re.findall(r'(?:href|data-[a-z-]+)="(/[^"#]*)"', page)
        waiting += [link for link in dict.fromkeys(links) if link not in seen and "logout" not in link]
    assert len(seen) > 20


def register(visitor: Visitor, account: str) -> None:
    visitor.visit("/register/")
    visitor.send("/register/", number=account, name=f"Canary {account}", contact_email=OWNER.email)


def paste(visitor: Visitor, account: str, text: str) -> str:
    """Hand over by the paste box; the run's address."""
    page = f"/aws/{account}/hand-over/credentials/"
    visitor.visit(page)
    visitor.send(page, pasted=text)
    assert "/runs/" in visitor.address, visitor.words()
    return visitor.address


def as_lines(keys: dict[str, str]) -> str:
    return (
        f"export AWS_ACCESS_KEY_ID={keys['AccessKeyId']}\n"
        f"export AWS_SECRET_ACCESS_KEY={keys['SecretAccessKey']}\n"
        f"export AWS_SESSION_TOKEN={keys.get('SessionToken', '')}\n"
    )


def approve(visitor: Visitor, run: str) -> None:
    wait_for(visitor, run, "planned", on_the_way=("draft", "surveying"))
    check.approve(visitor, run)


def wait_for_a_write(scene: Scene, run: str) -> None:
    """Until the worker has begun on a stack of this run."""
    run_id = run.rstrip("/").rpartition("/")[2].replace("-", "")
    question = "SELECT count(*) FROM onboarding_step WHERE run_id = ? AND last_move != ''"
    for _ in range(400):
        with closing(sqlite3.connect(scene.database, timeout=20)) as database:
            if database.execute(question, (run_id,)).fetchone()[0]:
                return
        time.sleep(0.05)
    raise AssertionError("Nothing was begun.")


def test_no_secret_is_found_anywhere(scene: Scene) -> None:
    places = scene.places()
    for expected in ("web.log", "worker.log", "killed-worker.log", "beat.log", "what Redis was told"):
        assert len(places[expected]) > 100, expected
    assert len(scene.owner.served) > 60
    assert Marks(scene.secrets).found_in(places) == []


def test_an_external_id_is_found_on_its_owners_pages_alone(scene: Scene) -> None:
    marks = Marks({f"the ExternalId of {number}": value for number, value in scene.external_ids.items()})
    places = {
        place: content
        for place, content in scene.places().items()
        if "/hand-over/" not in place and not place.startswith("portal.sqlite3")
    }
    # The stand-in is the owner's AWS, where it belongs into the role's trust policy.
    places.pop("cloud.log")
    assert marks.found_in(places) == []
    shown = {place: content for place, content in scene.owner.served.items() if "/hand-over/" in place}
    assert marks.found_in(shown)


def test_the_processes_really_logged_at_debug(scene: Scene) -> None:
    logs = logs_of(scene.stack.processes.logs)
    # Words that Celery and asyncio say at that level alone.
    assert b"TaskPool: Apply" in logs["worker.log"]
    assert b"beat: Synchronizing schedule" in logs["beat.log"] or b"beat: Waking up" in logs["beat.log"]


def test_nothing_is_held_any_more(scene: Scene) -> None:
    with closing(sqlite3.connect(scene.database, timeout=20)) as database:
        held = database.execute("SELECT count(*) FROM onboarding_grant WHERE sealed IS NOT NULL").fetchone()
    assert held == (0,)


PLANTED = {
    "in a log": "import logging; logging.getLogger('onboarding').debug('handed over %s', SECRET)",
    "in a log of boto's": (
        "import botocore.session; session = botocore.session.get_session();"
        "session.set_debug_logger(); import logging;"
        "logging.getLogger('botocore.endpoint').debug('request %s', {'X-Amz-Security-Token': SECRET})"
    ),
    "in an event": (
        "from onboarding.models import Run, history;"
        "history.record(Run.objects.first().pk, 'owner.note', text=SECRET)"
    ),
    "in a task's argument": (
        "from celery import current_app; current_app.send_task('onboarding.work', args=[0, SECRET])"
    ),
    "in a session": (
        "from django.contrib.sessions.backends.db import SessionStore;"
        "session = SessionStore(); session['pasted'] = [SECRET] * 9; session.save()"
    ),
    "in the cache": "from django.core.cache import cache; cache.set('pasted', SECRET, 60)",
    "in an announcement": (
        "import redis; from django.conf import settings;"
        "redis.Redis.from_url(settings.REDIS_URL).publish('run:1', SECRET)"
    ),
    "in a mail": (
        "from django.core.mail import send_mail;"
        "send_mail('Your run', f'It used {SECRET}.', None, ['owner@example.org'])"
    ),
    "in a traceback": "raise ValueError(f'Invalid isoformat string: {SECRET}')",
    "in an account's name": (
        "from onboarding.models import AwsAccount; AwsAccount.objects.filter(number='484535289196')"
        ".update(name=SECRET[:60])"
    ),
}


@pytest.mark.parametrize("how", PLANTED)
def test_a_planted_leak_is_found(scene: Scene, how: str) -> None:
    secret = f"FwoGZX{uuid4().hex}{uuid4().hex}"
    program = f"import django; django.setup(); import sys; SECRET = sys.argv[1]; {PLANTED[how]}"
    log = scene.stack.processes.logs / f"planted-{len(how)}-{uuid4().hex[:6]}.log"
    with log.open("wb") as written:
        subprocess.run(
            [sys.executable, "-c", program, secret], cwd=ROOT, env=scene.stack.environments["web"],
            stdout=written, stderr=written, check=False,
        )  # fmt: skip
    scene.owner.visit("/")
    # What went to Redis is heard a moment later.
    time.sleep(0.3)
    assert Marks({"the planted token": secret}).found_in(scene.places())


def test_a_leak_on_a_page_alone_is_found(scene: Scene) -> None:
    secret = f"FwoGZX{uuid4().hex}{uuid4().hex}"
    scene.owner.visit("/register/")
    scene.owner.send("/register/", number="too short", name=secret, contact_email=OWNER.email)
    assert Marks({"the planted token": secret}).found_in(scene.owner.served)
