"""`make chaos`: do all onboardings end as they should, whatever goes wrong meanwhile?

Starts a whole portal of its own with PostgreSQL, Redis and the stand-in cloud, lets owners come and go,
and plays faults of every kind, seeded. Then it lets everything rest, and asks the database and the cloud.
Exit 0 only when every run is verified, failed with its remedy, or waits for somebody with a reason; no
stack is there twice or left behind; and nothing was written that no approved plan holds.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.chaos.faults import Trouble

    # So that everything is stopped when this is.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    from tests.chaos.machine import Machine
    from tests.chaos.owners import Owner
    from tests.chaos.watch import Watch

RECOVERS_WITHIN_SECONDS = 120


def main() -> int:
    options = _options()
    directory = Path(tempfile.mkdtemp(prefix="chaos-"))
    directory.chmod(0o755)
    from tests.chaos.machine import Machine

    machine = Machine(directory, speed=options.speed, poll_seconds=options.poll_seconds)
    try:
        os.environ.update(machine.environments["web"])
        import django

        django.setup()
        is_well = _play(machine, options)
        if not is_well:
            shutil.copytree(directory / "logs", "test-results/chaos-logs", dirs_exist_ok=True)
    finally:
        machine.close()
    shutil.rmtree(directory, ignore_errors=True)
    print(f"chaos: {'passed' if is_well else 'FAILED; logs in test-results/chaos-logs'}", flush=True)
    return 0 if is_well else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--onboardings", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=24)
    parser.add_argument("--seed", type=int, default=484535289196)
    parser.add_argument("--speed", type=float, default=60)
    parser.add_argument("--poll-seconds", type=float, default=1)
    parser.add_argument("--pause-seconds", type=float, default=12, help="between two faults")
    parser.add_argument("--longest-seconds", type=float, default=60, help="of a fault")
    parser.add_argument(
        "--faults", type=int, default=0, help="at least so many are played (0: each kind once)"
    )
    parser.add_argument("--within-minutes", type=float, default=60)
    parser.add_argument("--json", type=Path, help="where the figures go")
    return parser.parse_args()


def _play(machine: "Machine", options: argparse.Namespace) -> bool:
    from tests.chaos.faults import Trouble, kinds_for
    from tests.chaos.judge import OURS
    from tests.chaos.owners import SOMEBODY_ELSE, people
    from tests.chaos.watch import Watch

    began = time.monotonic()
    owners = people(options.onboardings, random.Random(options.seed), machine.address, machine.cloud)
    machine.cloud.account(SOMEBODY_ELSE, name="Somebody else's", enabled_opt_in_regions=0)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda owner: owner.prepare(), owners))
    chance = random.Random(options.seed + 1)
    trouble = Trouble(machine, chance, options.pause_seconds, options.longest_seconds)
    watch = Watch(machine.cloud, trouble, OURS)
    least = options.faults or len(kinds_for(machine, options.longest_seconds))
    left = _let_them_come_and_go(owners, trouble, watch, least, options)
    machine.cloud.clear_faults()
    _let_rest(watch)
    return _conclude(machine, owners, left, trouble, watch, options, seconds=time.monotonic() - began)


def _let_them_come_and_go(
    owners: "list[Owner]", trouble: "Trouble", watch: "Watch", least: int, options: argparse.Namespace
) -> "list[Owner]":
    """So many at once, until each has done what they came for; who hasn't when time is up."""
    began = told_at = time.monotonic()
    waiting, at_it = list(owners), list[Any]()
    trouble.start()
    with ThreadPoolExecutor(8) as pool:
        while (waiting or at_it or len(trouble.played) < least) and not trouble.broken:
            if time.monotonic() - began > options.within_minutes * 60:
                print("      time is up", flush=True)
                break
            while waiting and len(at_it) < options.at_once:
                at_it.append(waiting.pop())
            at_it = _let_each_act(pool, at_it, watch)
            if time.monotonic() - told_at > 15:
                told_at = time.monotonic()
                done = len(owners) - len(waiting) - len(at_it)
                print(f"{told_at - began:6.0f} s  {done} of {len(owners)} are done", flush=True)
        trouble.stop()
        # With peace restored, who still has something to do does it.
        until = time.monotonic() + 300
        while at_it and time.monotonic() < until:
            at_it = _let_each_act(pool, at_it, watch)
    return at_it


def _let_each_act(pool: ThreadPoolExecutor, owners: "list[Owner]", watch: "Watch") -> "list[Owner]":
    list(pool.map(lambda owner: owner.step(), owners))
    watch.look()
    time.sleep(0.3)
    return [owner for owner in owners if not owner.is_done]


def _conclude(
    machine: "Machine",
    owners: "list[Owner]",
    left: "list[Owner]",
    trouble: "Trouble",
    watch: "Watch",
    options: argparse.Namespace,
    *,
    seconds: float,
) -> bool:
    """Judge, print the figures, and say whether all is well."""
    from tests.chaos.judge import judge
    from tests.chaos.owners import SERVER_ERRORS, TROUBLES, patiently

    wrong = judge(owners, machine.cloud, watch.writes)
    wrong += [f"a page broke: {error}" for error in SERVER_ERRORS]
    wrong += [trouble.broken] if trouble.broken else []
    wrong += [f"{owner.number}: not done with ({owner.nature})" for owner in left]
    wrong += [
        f"{name}: {waited:.0f} s until anything moved"
        for name, waited in watch.recoveries
        if waited > RECOVERS_WITHIN_SECONDS
    ]
    for command in (("audit", "verify"), ("doctor",)):
        said = machine.run_command(*command)
        if said.returncode:
            wrong.append(f"{' '.join(command)}: {said.stdout[-2000:]} {said.stderr[-500:]}")
    figures = {
        "onboardings": len(owners),
        "seconds": round(seconds),
        "seed": options.seed,
        "faults": Counter(played.name for played in trouble.played),
        "outcomes": patiently(_outcomes),
        "recoveries": sorted((round(waited, 1), name) for name, waited in watch.recoveries),
        "what_owners_met": TROUBLES,
        "wrong": wrong,
    }
    print(json.dumps(figures, indent=2, default=str), flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2, default=str))
    return not wrong


def _outcomes() -> dict[str, int]:
    from onboarding.models import Run

    found = Counter(" ".join(filter(None, row)) for row in Run.objects.values_list("status", "reason_code"))
    return dict(found.most_common())


def _let_rest(watch: "Watch") -> None:
    """Until nothing is at work any more: cancelled runs settle, verifications end."""
    from onboarding.models import Run
    from onboarding.states import RunStatus
    from tests.chaos.owners import patiently

    active = (RunStatus.SURVEYING, RunStatus.RUNNING, RunStatus.VERIFYING, RunStatus.CANCELLING)
    until = time.monotonic() + 240
    while patiently(Run.objects.filter(status__in=active).exists) and time.monotonic() < until:
        watch.look()
        time.sleep(1)
    watch.look()


if __name__ == "__main__":
    sys.exit(main())
