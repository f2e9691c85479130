"""`python -m bench.fleet [--accounts N] [--real]`: how do many accounts at once fare?

Without arguments three fleets, one after the other: 20 accounts with the real installer function, 50 and
1,000 whose regions the stand-in plays from a script; all with 34 regions, on its clock at 1x. Their plans are
made beforehand, of one account's survey, as all are alike; approval, for which each account is surveyed anew,
starts the time. In the middle of it one more owner comes and hands over.

Beside the fleet stands one account alone, worked on by a single thread in the same run.
"""

import argparse
import json
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Event as Bell
from typing import Any

from bench.figures import Report, percentile, seconds
from bench.portal import Conditions, Portal, hand_over_credentials, make_owner, owner_of, running

import boto3  # isort: skip
from django.conf import settings  # isort: skip
from django.db import connection  # isort: skip
from django.db.models import Min  # isort: skip
from django.utils import timezone  # isort: skip

from onboarding import planning  # isort: skip
from onboarding.blueprint import build_blueprint  # isort: skip
from onboarding.engine import claims, sweeping  # isort: skip
from onboarding.engine.work import work  # isort: skip
from onboarding.models import Event, RegionReading, Run, Step, WorkItem, history  # isort: skip
from onboarding.models.stages import close_all  # isort: skip
from onboarding.observed import AccountSurvey  # isort: skip
from onboarding.services import approval  # isort: skip
from onboarding.states import RunStatus, StepKind  # isort: skip
from onboarding.stored import survey_as_json, survey_from_json  # isort: skip

ALONE, FIRST, LATE = "400000000000", 400_000_000_001, "499999999999"
MOST_MEGABYTES = 250
FIRST_MOVEMENT_SECONDS = 10.0
SETTLED = {
    RunStatus.VERIFIED,
    RunStatus.PARTLY_DONE,
    RunStatus.FAILED,
    RunStatus.NEEDS_ACCESS,
    RunStatus.PLANNED,
}


@dataclass(slots=True)
class Queries:
    """How many queries and claims each stage took."""

    queries: Counter[str] = field(default_factory=Counter)
    items: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        def count(execute: Callable[..., Any], *arguments: Any) -> Any:
            self.queries[stage] += 1
            return execute(*arguments)

        self.items[stage] += 1
        with connection.execute_wrapper(count):
            yield

    def told(self) -> str:
        return ", ".join(
            f"{stage} {self.queries[stage] / count:.1f}" for stage, count in sorted(self.items.items())
        )

    @property
    def per_item(self) -> float:
        return self.queries.total() / max(1, self.items.total())


def let_everybody_deliver(portal: Portal) -> None:
    """The central side admits every account: a thousand don't fit into a policy by number."""
    company = settings.COMPANY.storage
    service = {"Service": "cloudtrail.amazonaws.com"}

    def client(name: str, region: str) -> Any:
        keys = {"aws_access_key_id": company.account_id, "aws_secret_access_key": "test"}
        make: Any = boto3.client
        return make(name, region_name=region, endpoint_url=portal.cloud.url, **keys)

    bucket = f"arn:aws:s3:::{company.bucket}"
    statements = [
        {"Effect": "Allow", "Principal": service, "Action": "s3:GetBucketAcl", "Resource": bucket},
        {
            "Effect": "Allow",
            "Principal": service,
            "Action": "s3:PutObject",
            "Resource": f"{bucket}/AWSLogs/*",
        },
    ]
    client("s3", company.bucket_region).put_bucket_policy(
        Bucket=company.bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements})
    )
    publish = {
        "Effect": "Allow",
        "Principal": service,
        "Action": "SNS:Publish",
        "Resource": company.topic_arn,
    }
    client("sns", company.topic_arn.split(":")[3]).set_topic_attributes(
        TopicArn=company.topic_arn,
        AttributeName="Policy",
        AttributeValue=json.dumps({"Version": "2012-10-17", "Statement": [publish]}),
    )


def alone(portal: Portal, *, scripted: bool) -> tuple[Run, float, Queries]:
    """One account, worked on by this thread: its run, the seconds from approval, and its queries."""
    portal.work_here()
    portal.cloud.account(ALONE, scripted_regions=scripted)
    account = make_owner(ALONE)
    counted = Queries()
    run = hand_over_credentials(portal.cloud, account)
    _drive(run, counted)
    approval.approve(owner_of(account), run, run.plan_digest)
    start = time.monotonic()
    _drive(run, counted)
    return run, time.monotonic() - start, counted


def _drive(run: Run, counted: Queries) -> None:
    while True:
        sweeping.sweep(timezone.now())
        for claim in claims.claim_due(timezone.now(), 3):
            stage = WorkItem.objects.values_list("stage", flat=True).get(pk=claim.item_id)
            with counted.of(stage):
                work(claim)
        run.refresh_from_db()
        if run.status in SETTLED:
            return
        Bell().wait(0.1)


def prepare(portal: Portal, count: int, like: Run, *, scripted: bool) -> list[Run]:
    """So many accounts whose plan waits for approval."""
    numbers = [str(FIRST + index) for index in range(count)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: portal.cloud.account(number, scripted_regions=scripted), numbers))
    survey = survey_from_json(like.survey or {})
    bare = replace(
        survey,
        regions=tuple(replace(region, stacks=(), trails=()) for region in survey.regions),
        old_roles=(),
    )
    return [_prepared(portal, number, bare) for number in numbers]


def _prepared(portal: Portal, number: str, survey: AccountSurvey) -> Run:
    run = hand_over_credentials(portal.cloud, make_owner(number))
    survey = replace(survey, account=number)
    plan = planning.plan(build_blueprint(settings.COMPANY), survey, {})
    history.move_run(
        run,
        RunStatus.PLANNED,
        expect={RunStatus.SURVEYING},
        plan=plan.as_json(),
        plan_digest=plan.digest,
        home_region=plan.home_region,
        survey=survey_as_json(survey),
    )
    close_all(run)
    return run


def first_movement(run: Run, since_number: int) -> float | None:
    """Seconds from the newest event before to the first that a worker wrote after it."""
    before = run.events.filter(number__lte=since_number).order_by("-number").first()
    after = run.events.filter(number__gt=since_number).order_by("number").first()
    return (after.at - before.at).total_seconds() if before is not None and after is not None else None


def follow(
    portal: Portal, runs: list[Run], within_seconds: float, *, scripted: bool
) -> tuple[float, float | None]:
    """Until all are settled; the seconds, and how long the owner who came in the middle waited."""
    start, late, since = time.monotonic(), None, 0
    while time.monotonic() - start < within_seconds:
        statuses = Counter(
            Run.objects.filter(pk__in=[run.pk for run in runs]).values_list("status", flat=True)
        )
        done = sum(statuses[status] for status in SETTLED)
        print(f"  {time.monotonic() - start:6.0f} s  {dict(statuses)}", file=sys.stderr, flush=True)
        if late is None and done >= len(runs) * 0.3:
            portal.cloud.account(LATE, scripted_regions=scripted)
            late = hand_over_credentials(portal.cloud, make_owner(LATE))
            since = Run.objects.values_list("last_event_number", flat=True).get(pk=late.pk)
        if done == len(runs):
            break
        time.sleep(5)
    waited = None
    if late is not None:
        until = time.monotonic() + 60
        while (waited := first_movement(late, since)) is None and time.monotonic() < until:
            time.sleep(0.5)
    return time.monotonic() - start, waited


def recording_delays(portal: Portal, runs: list[Run]) -> list[float]:
    """From each stack's completion to the event that tells it. A stack never told of counts as endless."""
    by_account = {run.account.number: run.pk for run in runs}
    told: dict[tuple[Any, str, str], float] = {}
    events = Event.objects.filter(
        run_id__in=by_account.values(), kind="step.status", data__aws_status="CREATE_COMPLETE"
    )
    for run_id, region, stack, at in events.values_list("run_id", "region", "data__target").annotate(
        first=Min("at")
    ):
        told[run_id, region, stack] = at.timestamp()
    delays = []
    for change in portal.cloud.changes(status="CREATE_COMPLETE"):
        if change["account"] in by_account:
            key = by_account[change["account"]], change["region"], change["stack"]
            delays.append(max(0.0, told.get(key, float("inf")) - change["time"]))
    return delays


def log_delays(runs: list[Run]) -> list[float]:
    """From each region's first log to the end of its verification."""
    finished: dict[tuple[int, str], Any] = defaultdict(lambda: None)
    steps = Step.objects.filter(run__in=runs, kind=StepKind.VERIFY_REGION, status="finished")
    for account_id, region, at in steps.values_list("run__account_id", "region", "finished_at"):
        finished[account_id, region] = at
    readings = RegionReading.objects.filter(account_id__in=[run.account_id for run in runs])
    return [
        (finished[account_id, region] - delivered).total_seconds()
        for account_id, region, delivered in readings.values_list(
            "account_id", "region", "latest_delivery_at"
        )
        if delivered is not None and finished[account_id, region] is not None
    ]


def measure(conditions: Conditions, count: int, *, scripted: bool, within_seconds: float) -> Report:
    kind = "regions from a script" if scripted else "the real function"
    report = Report(f"{count} accounts, {kind}", conditions.told() | {"accounts": count})
    with running(replace(conditions, with_worker=False)) as portal:
        let_everybody_deliver(portal)
        like, one, counted = alone(portal, scripted=scripted)
        runs = prepare(portal, count, like, scripted=scripted)
        portal.start_workers()
        start = time.monotonic()
        for run in runs:
            approval.approve(owner_of(run.account), run, run.plan_digest)
        approving = time.monotonic() - start
        taken, waited = follow(portal, runs, within_seconds, scripted=scripted)
        statuses = Counter(
            Run.objects.filter(pk__in=[run.pk for run in runs]).values_list("status", flat=True)
        )
        memory = portal.most_memory()
        delays, of_logs = recording_delays(portal, runs), log_delays(runs)
    verified = statuses[RunStatus.VERIFIED]
    report.add(
        "verified",
        f"{verified} of {count}",
        beside=f"alone: {like.status}",
        wanted="all",
        is_met=verified == count,
    )
    report.add(
        "from the first approval to the last verified",
        seconds(taken + approving),
        beside=f"one alone {seconds(one)}",
    )
    limit = 15.0 if count <= 50 else 120.0
    report.add(
        "a stack's change recorded after, p50/p95/p99",
        "/".join(f"{percentile(delays, share):.1f}" for share in (0.5, 0.95, 0.99)) + " s",
        beside=f"{len(delays)} stacks; boto3's waiter looks every 30 s",
        wanted=f"p95 at most {limit:.0f} s",
        is_met=percentile(delays, 0.95) <= limit,
    )
    report.add(
        "a first log recorded after, p50/p95/p99",
        "/".join(f"{percentile(of_logs, share):.1f}" for share in (0.5, 0.95, 0.99)) + " s",
        beside=f"{len(of_logs)} regions",
    )
    report.add(
        "a worker process held at most",
        f"{max(memory.values()):.0f} MB",
        wanted=f"less than {MOST_MEGABYTES} MB",
        is_met=max(memory.values()) < MOST_MEGABYTES,
    )
    report.add("queries per work item", f"{counted.per_item:.1f}", beside=counted.told())
    if waited is not None:
        report.add(
            "who comes in the middle sees movement after",
            seconds(waited),
            wanted=f"at most {FIRST_MOVEMENT_SECONDS:.0f} s",
            is_met=waited <= FIRST_MOVEMENT_SECONDS,
        )
    return report


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description="Many accounts at once.")
    parser.add_argument("--accounts", type=int, help="one fleet of so many; otherwise 20 real, 50 and 1,000")
    parser.add_argument("--real", action="store_true", help="run the real function instead of the script")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--within-seconds", type=float, default=1500)
    options = parser.parse_args()
    if not options.accounts:
        # Each in a process of its own, with a database of its own.
        fleets = (["--accounts", "20", "--real"], ["--accounts", "50"], ["--accounts", "1000"])
        command = [sys.executable, "-m", "bench.fleet", *sys.argv[1:]]
        return max([subprocess.run([*command, *fleet], check=False).returncode for fleet in fleets])
    conditions = Conditions(workers=options.workers, threads=options.threads)
    report = measure(
        conditions, options.accounts, scripted=not options.real, within_seconds=options.within_seconds
    )
    return report.tell(f"fleet_{options.accounts}{'_real' if options.real else ''}")


if __name__ == "__main__":
    sys.exit(main())
