"""How are the regions of one run looked at together?

All that are due are asked at the same time, and whatever has answered is written in one transaction: so the
regions of an account, which change at about the same time, cost little more than one does. A region that is
slow to answer keeps no other from being written, and where something is wrong with one, that is judged for
itself.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from onboarding.aws.errors import AwsFailure
from onboarding.engine import claims, deadlines, regions, steps, verification
from onboarding.engine.claims import Work
from onboarding.engine.findings import Finding
from onboarding.models import Run, Step
from onboarding.models.stages import steps_of_regions
from onboarding.states import RunStatus, Stage

# Of each worker process, for all its runs.
REGIONS_AT_ONCE = 34
# Who has answered by then is written; the others later.
PATIENCE_SECONDS = 0.5

Look = Callable[[Work, Run], timedelta | None]
Regions = regions.Watch | verification.Outside

pool: Executor = ThreadPoolExecutor(REGIONS_AT_ONCE, thread_name_prefix="region")


@dataclass(frozen=True, slots=True)
class Answer:
    """What AWS said of one step's region; or how it refused."""

    step: Step
    seen: Any = None
    refusal: AwsFailure | None = None

    def tell(self) -> Any:
        if self.refusal is not None:
            raise self.refusal
        return self.seen


def may_be_looked_at(work: Work) -> bool:
    """Whether its run stands where nothing but a look at the regions is to be done."""
    status = RunStatus(work.run.status)
    return (work.stage, status) in {
        (Stage.TRAILS, RunStatus.RUNNING),
        (Stage.VERIFY, RunStatus.VERIFYING),
    }


def begin(run: Run, stage: Stage) -> Regions | None:
    """Raises what hinders the whole run: no access, or a session that AWS refuses."""
    return regions.begin(run) if stage == Stage.TRAILS else verification.begin(run)


def look(works: Sequence[Work], asked: Regions, judge: Callable[[Work, Look], bool]) -> bool:
    """One look at each of these items of one claim; whether any of them is due at once again.

    `judge` is called, outside of any transaction, for an item whose look doesn't come to a plain finding.
    """
    run, due_now = works[0].run, False
    steps_by_region = steps_of_regions(run, works[0].stage, [work.region for work in works])
    open_: dict[Future[list[Answer]], Work] = {
        pool.submit(_ask, asked, steps_by_region.get(work.region, [])): work for work in works
    }
    doubtful: deque[tuple[Work, list[Answer]]] = deque()
    while open_ or doubtful:
        done, _ = wait(open_, timeout=0 if doubtful else PATIENCE_SECONDS)
        answered = [(open_.pop(future), future.result()) for future in done]
        found = [(work, answers, _findings(asked, answers)) for work, answers in answered]
        plain = {work.claim.item_id: findings for work, _answers, findings in found if findings is not None}
        if plain:
            due_now |= _write([work for work, *_ in found if work.claim.item_id in plain], plain, asked)
        doubtful += [(work, answers) for work, answers, findings in found if findings is None]
        if doubtful:
            # One at a time, as that may ask AWS more: who has answered meanwhile is written before the next.
            work, answers = doubtful.popleft()
            due_now |= judge(work, _judging(asked, {answer.step.pk: answer for answer in answers}))
    return due_now


def _ask(asked: Regions, unsettled: Sequence[Step]) -> list[Answer]:
    """On a thread of the pool: AWS alone is asked."""
    return [_answer(asked, step) for step in unsettled]


def _answer(asked: Regions, step: Step) -> Answer:
    try:
        return Answer(step, asked.ask(step))
    except AwsFailure as refusal:
        return Answer(step, refusal=refusal)


def _findings(asked: Regions, answers: Sequence[Answer]) -> list[Finding] | None:
    """None where any of an item's steps doesn't come to a plain one."""
    findings = []
    for answer in answers:
        finding = asked.finding(answer.step, answer.seen) if answer.refusal is None else None
        if finding is None or (not finding.is_last and steps.is_over(answer.step)):
            return None
        findings.append(finding)
    return findings


def _write(works: Sequence[Work], plain: dict[int, list[Finding]], asked: Regions) -> bool:
    # The same for all that were looked at as often: so they fall due together again.
    waits: dict[int, timedelta] = {}
    with claims.holding_all(works) as (run, ours):
        if not ours:
            return False
        asked.write(run, [finding for work in ours for finding in plain[work.claim.item_id]])
        return claims.release_all(
            [
                (
                    work,
                    None
                    if all(finding.is_last for finding in plain[work.claim.item_id])
                    else waits.setdefault(work.looks, deadlines.next_look(work.looks)),
                )
                for work in ours
            ]
        )


def _judging(asked: Regions, answers: dict[int, Answer]) -> Look:
    """The look that has been, to be concluded for one item by itself: AWS isn't asked the same again."""

    def conclude(work: Work, _run: Run) -> timedelta | None:
        return steps.look_at_each(
            work,
            lambda step: asked.conclude(work, step, answers[step.pk].tell) if step.pk in answers else None,
        )

    return conclude
