"""`python -m bench.one_account`: how long does one account take, and how many calls?

One account with an old stack and 34 regions, 80 ms a call, stacks in the stand-in's own times on its clock
at 1x, a real installer function, a first log after a minute. The owner's reading of the plan is not counted.
Beside it: the longest chain of waits that nobody can shorten, as the stand-in itself saw it, and the script
that does one region after the other (`bench.sequential`).
"""

import argparse
import sys
import time
from collections import Counter

from bench.figures import Report, seconds
from bench.portal import Conditions, Portal, hand_over_role, make_owner, owner_of, running
from bench.sequential import client_of
from bench.sequential import seconds as sequential_seconds
from onboarding.blueprint import build_blueprint
from onboarding.company import load_company
from onboarding.models import Run
from onboarding.services import approval
from onboarding.states import RunStatus
from sandbox.client import Request

from demo.stack import COMPANY_FILE  # isort: skip

ACCOUNT, BASELINE = "300000000001", "300000000002"

# What must be asked one after the other, whoever does it: each answer is needed for the next request.
NECESSARY_CALLS = {
    "access": ("AssumeRole", "GetCallerIdentity", "ListRegions"),
    "survey": ("ListStacks", "DescribeStacks", "ListStackResources", "GetTemplate", "DescribeTrails"),
    "admission": ("AssumeRole", "GetBucketPolicy", "PutBucketPolicy"),
    "removal": ("AssumeRole", "DeleteStack"),
    "roles": ("AssumeRole", "CreateStack"),
    "trails": ("AssumeRole", "CreateStack"),
    "verification": ("AssumeRole", "AssumeRole", "DescribeTrails", "GetTrailStatus"),
}

MOST_OF_A_REGION, MOST_BESIDE = 12, 60
WITHIN_SECONDS = 1800


class DidNotVerify(Exception):
    """The run ended elsewhere."""


def wait_for(run: Run, status: RunStatus) -> float:
    """Until the run has come there; the seconds it took."""
    start = time.monotonic()
    on_the_way = {RunStatus.DRAFT, RunStatus.SURVEYING, RunStatus.RUNNING, RunStatus.VERIFYING}
    while True:
        run.refresh_from_db()
        if run.status == status:
            return time.monotonic() - start
        if RunStatus(run.status) not in on_the_way or time.monotonic() > start + WITHIN_SECONDS:
            raise DidNotVerify(f"The run is {run.status}: {run.reason_code} {run.failure}")
        time.sleep(0.1)


def onboard(portal: Portal) -> tuple[float, float]:
    """Seconds from hand-over to plan, and from approval to verified."""
    account = make_owner(ACCOUNT)
    run = hand_over_role(account, client_of(portal.cloud, ACCOUNT))
    until_planned = wait_for(run, RunStatus.PLANNED)
    approval.approve(owner_of(account), run, run.plan_digest)
    return until_planned, wait_for(run, RunStatus.VERIFIED)


def longest_chain(portal: Portal, conditions: Conditions, asked: list[Request]) -> float:
    """The waits that follow from one another: old stack gone, roles, the last trail, its first log."""
    company = load_company(COMPANY_FILE)
    ended = {
        (change["stack"], change["status"]): change["time"]
        for change in portal.cloud.changes(account=ACCOUNT)
    }

    def begun(action: str, stack: str) -> float:
        return next(
            request.time for request in asked if request.action == action and stack in (request.stack, "")
        )

    old, roles, parent = (
        "opsec-security-audit-role",
        company.roles.stack_name,
        company.trails.parent_stack_name,
    )
    removal: float = ended[old, "DELETE_COMPLETE"] - begun("DeleteStack", old)
    of_roles: float = ended[roles, "CREATE_COMPLETE"] - begun("CreateStack", roles)
    client = client_of(portal.cloud, ACCOUNT)
    last_trail = 0.0
    for region in portal.cloud.account(ACCOUNT):
        (trail,) = client("cloudtrail", region).describe_trails()["trailList"]
        status = client("cloudtrail", region).get_trail_status(Name=trail["TrailARN"])
        last_trail = max(last_trail, status["StartLoggingTime"].timestamp())
    until_last_log = last_trail + conditions.log_delivery_seconds - begun("CreateStack", parent)
    calls = sum(len(actions) for actions in NECESSARY_CALLS.values())
    return removal + of_roles + until_last_log + calls * conditions.latency_ms / 1000


def by_action(asked: list[Request]) -> str:
    counted = Counter(f"{request.service}:{request.action}" for request in asked)
    return ", ".join(f"{action} {count}" for action, count in counted.most_common())


def measure(conditions: Conditions, *, one_by_one: bool) -> Report:
    report = Report("One account", conditions.told())
    blueprint = build_blueprint(load_company(COMPANY_FILE))
    with running(conditions) as portal:
        cloud = portal.cloud
        cloud.account(ACCOUNT, name="Measured")
        cloud.scenario("old-stack", account=ACCOUNT)
        cloud.settings(latency_ms=conditions.latency_ms)
        before = max((request.number for request in cloud.requests()), default=0)
        until_planned, until_verified = onboard(portal)
        asked = [
            request for request in cloud.requests(after=before) if "onboarding-portal" in request.user_agent
        ]
        chain = longest_chain(portal, conditions, asked)
        cloud.settings(latency_ms=0)
        cloud.account(BASELINE, name="Baseline")
        cloud.scenario("old-stack", account=BASELINE)
        cloud.scenario("admitted", account=BASELINE)
        cloud.settings(latency_ms=conditions.latency_ms)
        regions = sorted(cloud.account(BASELINE))
        script = sequential_seconds(cloud, BASELINE, regions, blueprint, one_by_one=one_by_one)
    wall = until_planned + until_verified
    report.add("until the plan", seconds(until_planned))
    report.add("from approval to verified", seconds(until_verified))
    report.add(
        "both, against the longest necessary chain",
        f"{wall / chain:.2f} x",
        beside=f"{seconds(wall)} / {seconds(chain)}",
        wanted="at most 1.25 x",
        is_met=wall <= 1.25 * chain,
    )
    report.add(
        "the sequential script, against both",
        f"{script / wall:.1f} x",
        beside=f"{seconds(script)} / {seconds(wall)}",
        wanted="at least 8 x",
        is_met=script >= 8 * wall,
    )
    most = MOST_OF_A_REGION * conditions.regions + MOST_BESIDE
    report.add("API calls", str(len(asked)), wanted=f"at most {most}", is_met=len(asked) <= most)
    report.add("by action", by_action(asked))
    return report


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.one_account", description=__doc__.split("\n")[0])
    parser.add_argument("--regions", type=int, default=34)
    parser.add_argument("--latency-ms", type=float, default=80)
    parser.add_argument("--log-delivery-seconds", type=float, default=60)
    parser.add_argument(
        "--one-by-one", action="store_true", help="run the sequential script as such: 20 minutes"
    )
    options = parser.parse_args()
    conditions = Conditions(
        regions=options.regions,
        latency_ms=options.latency_ms,
        log_delivery_seconds=options.log_delivery_seconds,
    )
    return measure(conditions, one_by_one=options.one_by_one).tell("one_account")


if __name__ == "__main__":
    sys.exit(main())
