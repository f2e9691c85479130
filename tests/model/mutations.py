"""Would the model's test notice? Each defect is planted in a copy of the tree, and the test has to fail.

    python -m tests.model.mutations            all of them, ten minutes
    python -m tests.model.mutations grant      those whose name holds a word

No part of `make test`. What is planted is one line each; what survives is told, and is a failure.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
_LEFT_OUT = (".git", ".venv*", "__pycache__", "bench-results", ".mypy_cache", ".ruff_cache", "docs")
_TESTS = (
    "tests/model/test_situations.py",
    "tests/model/test_model.py::test_a_run_stays_true_to_what_was_approved",
)


@dataclass(frozen=True)
class Mutation:
    name: str
    path: str
    was: str
    becomes: str


MUTATIONS = (
    Mutation(
        "an intent is stored without asking for the claim or the run's status",
        "engine/intents.py",
        "with holding(work, run_in=frozenset({RunStatus.RUNNING})):",
        "with __import__('django').db.transaction.atomic():",
    ),
    # The run's status alone is asked in vain: whoever moves a run takes its items from their holders, too.
    Mutation(
        "a plan is approved whatever digest was read",
        "services/approval.py",
        "if not current.plan or digest != current.plan_digest:",
        "if not current.plan:",
    ),
    Mutation(
        "what is approved is the plan as it is now",
        "services/approval.py",
        "digest != current.plan_digest:\n            raise PlanChanged",
        "not digest:\n            raise PlanChanged\n        digest = current.plan_digest",
    ),
    Mutation(
        "an answer is taken whatever was asked",
        "services/deciding.py",
        "if version != version_of(current):",
        "if not version:",
    ),
    Mutation(
        "a lost answer is asked again with a new token",
        "engine/intents.py",
        "if stored.last_move == move and not was_answered(stored):",
        "if stored.last_move == move and not was_answered(stored) and stored.attempts > 99:",
    ),
    Mutation(
        "an intent is not stored before the request",
        "engine/intents.py",
        "history.move_step(step, StepStatus.WORKING, last_move=move, token=token, attempts=attempts)",
        "history.move_step(step, StepStatus.WORKING)",
    ),
    Mutation(
        "who holds an item is not asked when something is recorded",
        "engine/claims.py",
        "            WorkItem.objects.select_for_update()\n"
        "            .filter(pk=work.claim.item_id, holder=work.claim.holder)",
        "            WorkItem.objects.select_for_update()\n            .filter(pk=work.claim.item_id)",
    ),
    Mutation(
        "an item is given back by whoever had it once",
        "engine/claims.py",
        "return items.filter(pk__in=[work.claim.item_id for work in works], holder=works[0].claim.holder)",
        "return items.filter(pk__in=[work.claim.item_id for work in works])",
    ),
    Mutation(
        "what was found of a region is written by whoever has lost it",
        "engine/claims.py",
        "[work for work in works if work.claim.item_id in ours]",
        "list(works)",
    ),
    Mutation(
        "a region is taken along from whoever holds it",
        "engine/claims.py",
        "due = _due(now).filter(run_id=work.run_id,",
        "due = WorkItem.objects.exclude(pk=work.claim.item_id).filter(run_id=work.run_id,",
    ),
    Mutation(
        "an item is claimed while another holds it",
        "engine/claims.py",
        "Q(lease_until__isnull=True) | Q(lease_until__lte=now), due_at__lte=now",
        "due_at__lte=now + LEASE",
    ),
    Mutation(
        "a dead worker's item is never taken over",
        "engine/claims.py",
        "Q(lease_until__isnull=True) | Q(lease_until__lte=now), due_at__lte=now",
        "Q(lease_until__isnull=True), due_at__lte=now",
    ),
    Mutation(
        "a step's status changes without an event",
        "models/history.py",
        "return any(name in changes and changes[name] != getattr(stored, name) for name in _TOLD_OF_A_STEP)",
        'return changes["status"] != "finished"',
    ),
    Mutation(
        "a run is cancelled without an event",
        "services/cancelling.py",
        "            move_run(current, RunStatus.CANCELLING, expect=[status], by_id=user.pk)\n",
        "            Run.objects.filter(pk=current.pk).update(status=RunStatus.CANCELLING)\n"
        "            current.status = RunStatus.CANCELLING\n",
    ),
    Mutation(
        "access is kept while a run is verified",
        "engine/advancing.py",
        '    grants.destroy(run, "work_settled")\n    history.move_run(run, RunStatus.VERIFYING',
        "    history.move_run(run, RunStatus.VERIFYING",
    ),
    Mutation(
        "access is kept after a run was cancelled",
        "services/cancelling.py",
        '    destroy_grants(run.account_id, reason="cancelled")\n',
        "",
    ),
    Mutation(
        "access that was refused is kept",
        "engine/parking.py",
        "        grants.destroy(run, reason_code)\n        close_all(run)\n        history.move_run(\n"
        "            run, RunStatus.NEEDS_ACCESS",
        "        close_all(run)\n        history.move_run(\n            run, RunStatus.NEEDS_ACCESS",
    ),
    Mutation(
        "the account is not looked at again before the first write",
        "engine/work.py",
        "and not held.run.is_by_hand and not survey.is_fresh(held)",
        "and held.run.is_by_hand",
    ),
    Mutation(
        "a stack that is being created counts as live",
        "decisions.py",
        '"CREATE_IN_PROGRESS": Condition.BUSY,',
        '"CREATE_IN_PROGRESS": Condition.LIVE,',
    ),
    Mutation(
        "a stack that is being deleted counts as gone",
        "decisions.py",
        '"DELETE_IN_PROGRESS": Condition.BUSY,',
        '"DELETE_IN_PROGRESS": Condition.ABSENT,',
    ),
    Mutation(
        "an old stack goes whatever it holds by now",
        "engine/removal.py",
        "if stack.service_role_arn or match not in _OLD:",
        "if stack.service_role_arn:",
    ),
    Mutation(
        "a protection is lifted without being asked about",
        "engine/removal.py",
        "            case None:\n                parking.needs_owner(work, question)",
        "            case None if not question:\n                parking.needs_owner(work, question)",
    ),
    Mutation(
        "what was added to an old stack goes with it",
        "engine/removal.py",
        "return question.code == EXTRAS and named <=",
        "return question.code == EXTRAS or named <",
    ),
    Mutation(
        "a dead stack of somebody's counts as the run's own",
        "engine/remains.py",
        "return not was_there and run.steps.filter(kind__in=_MADE_BY, stack_id=stack_id).exists()",
        "return not was_there",
    ),
    Mutation(
        "a dead stack goes without being asked about",
        "engine/deployment.py",
        "if question is not None and remains.is_own(run, question):",
        "if question is not None:",
    ),
    Mutation(
        "an intent of the attempt that failed is kept when it is tried again",
        "models/stages.py",
        'last_move=step.last_move if is_in_flight else "",',
        "last_move=step.last_move,",
    ),
    Mutation(
        "a cancelled run's stacks in flight are not waited for",
        "services/cancelling.py",
        "elif status == RunStatus.RUNNING or _is_in_flight(current) or _may_be_undone(current):",
        "elif status == RunStatus.RUNNING:",
    ),
    Mutation(
        "what was intended before a cancel is not waited for",
        "engine/cancelling.py",
        "    if intents.was_answered(step) or timezone.now()",
        "    if step or timezone.now()",
    ),
    Mutation(
        "what is in flight is left as it is at once",
        "services/cancelling.py",
        "            if _is_in_flight(current):",
        "            if not current.pk:",
    ),
    Mutation(
        "what is in flight is undone at once",
        "services/cancelling.py",
        "        if not undoing.is_asked(current):",
        "        if not current.pk:",
    ),
    # That `cancelling` itself goes on once more is in vain: each step that settles has gone on before.
    Mutation(
        "what is cancelled is not brought to its end when its steps have settled",
        "engine/advancing.py",
        "    if status == RunStatus.CANCELLING:\n        _finish_cancelling(run)\n",
        "    if status == RunStatus.CANCELLING:\n        return\n",
    ),
    Mutation(
        "undoing takes what the run did not create",
        "models/undoing.py",
        "return frozenset(answered & set(held))",
        "return frozenset(set(held))",
    ),
    Mutation(
        "what was approved is not compared with the account as it is",
        "engine/survey.py",
        "if planning.plans_differ(_approved(run, plan), plan, finished=set(finished)):",
        "if False and planning.plans_differ(_approved(run, plan), plan, finished=set(finished)):",
    ),
    Mutation(
        "what is over keeps its items due",
        "models/stages.py",
        '    run.work_items.update(due_at=None, holder="", lease_until=None)',
        '    run.work_items.update(holder="", lease_until=None)',
    ),
    Mutation(
        "a region is not asked for when its parent has settled",
        "engine/trails.py",
        "        items.filter(Q(due_at=None) | Q(due_at__gt=due_at)).update(due_at=due_at)\n",
        "",
    ),
)


def kill(mutation: Mutation) -> str:
    """How the test noticed; empty when it did not."""
    with tempfile.TemporaryDirectory() as directory:
        tree = Path(directory) / "tree"
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        changed = tree / "onboarding" / mutation.path
        text = changed.read_text()
        if text.count(mutation.was) != 1:
            raise SystemExit(f"Not there, or more than once, in {mutation.path}: {mutation.was}")
        changed.write_text(text.replace(mutation.was, mutation.becomes))
        began = time.monotonic()
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:logging", "--tb=line"]
        done = subprocess.run(
            [*command, *_TESTS], cwd=tree, env=os.environ, capture_output=True, text=True, check=False
        )
        told = re.findall(r"^(?:E +|.*?\.py:\d+: )([\w.]+(?:: .*)?)$", done.stdout, re.MULTILINE)
        how = next((line for line in told if ": " in line), "") or done.stdout[-300:]
        return f"{time.monotonic() - began:.0f} s: {how}" if done.returncode == 1 else ""


def main() -> int:
    words = sys.argv[1:]
    chosen = [each for each in MUTATIONS if all(word in each.name for word in words)]
    survived = 0
    with ThreadPoolExecutor(int(os.environ.get("MUTATIONS_AT_ONCE", "2"))) as pool:
        for mutation, how in zip(chosen, pool.map(kill, chosen), strict=True):
            survived += not how
            print(f"{'killed' if how else 'SURVIVED'}  {mutation.name}\n          {how[:260]}", flush=True)
    print(f"{len(chosen) - survived} of {len(chosen)} killed.")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
