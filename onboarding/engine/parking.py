"""How does a run stop for want of access, and how does it wait for its owner?"""

from dataclasses import replace

from onboarding.engine import grants, sessions
from onboarding.engine.claims import Work, holding
from onboarding.models import Run, history
from onboarding.models.stages import close_all
from onboarding.observed import Failure
from onboarding.planning import Plan, Question
from onboarding.states import UNSETTLED_STEP_STATUSES, RunStatus, StepStatus

# Why a run waits for its owner: a remedy's code.
ASKED = "owner_must_decide"

_NEEDING_ACCESS = frozenset({RunStatus.SURVEYING, RunStatus.RUNNING})


def needs_access(work: Work, reason_code: str, failure: Failure | None) -> None:
    """Let everything of the run rest until its owner hands over anew; what was held is destroyed.

    Raises RunStopped when the run is in no status that needs access, ClaimLost.
    """
    with holding(work, run_in=_NEEDING_ACCESS) as run:
        grant_id = run.grant_id
        grants.destroy(run, reason_code)
        close_all(run)
        history.move_run(
            run, RunStatus.NEEDS_ACCESS, expect=_NEEDING_ACCESS, reason_code=reason_code, failure=failure
        )
    if grant_id is not None:
        sessions.forget(grant_id)


def needs_owner(work: Work, question: Question) -> None:
    """Let everything of a run at work rest until its owner has answered; the access is kept for going on.

    Raises RunStopped when the run is no longer at work, ClaimLost.
    """
    with holding(work, run_in=frozenset({RunStatus.RUNNING})) as run:
        plan = Plan.from_json(run.plan or {})
        known = tuple(one for one in plan.questions if one.key != question.key)
        asking = replace(plan, questions=(*known, question))
        close_all(run)
        history.move_run(
            run,
            RunStatus.NEEDS_OWNER,
            expect={RunStatus.RUNNING},
            reason_code=ASKED,
            plan=asking.as_json(),
        )


def wait_for_hands(run: Run) -> None:
    """Let the run rest until its owner has created the stacks. Inside the caller's transaction on the run."""
    close_all(run)
    history.move_run(run, RunStatus.NEEDS_OWNER, expect={RunStatus.RUNNING}, reason_code="by_hand")


def fail(run: Run, reason_code: str, failure: Failure | None = None) -> None:
    """End a run as failed, and its open steps for the same reason. Inside the caller's transaction on it."""
    expect = {RunStatus(run.status)}
    for step in run.steps.filter(status__in=UNSETTLED_STEP_STATUSES).order_by("ordinal"):
        history.move_step(step, StepStatus.REFUSED, reason_code=reason_code, failure=failure)
    grants.destroy(run, reason_code)
    close_all(run)
    history.move_run(run, RunStatus.FAILED, expect=expect, reason_code=reason_code, failure=failure)
