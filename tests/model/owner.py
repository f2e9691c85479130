"""What can an owner do, in one tab or another, and what would they do next?"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from onboarding.credentials import TemporaryCredentials
from onboarding.engine.claims import HEAVY
from onboarding.models import AwsAccount, Run, undoing
from onboarding.planning import Plan
from onboarding.services import approval, cancelling, deciding, hand_over, retrying
from onboarding.services.refusals import Refused
from onboarding.states import SETTLED_RUN_STATUSES, RunStatus
from tests.model.witness import Witness

SAFE, ALLOWING = "answer with what changes nothing", "answer with what allows more"
HAND_OVERS = ("hand over credentials", "hand over credentials that end soon", "hand over a role")
READING = "read everything in another tab"
APPROVALS = ("approve", "approve what the other tab shows")
ANSWERS = (SAFE, ALLOWING, "answer what the other tab asks")
ENDS = ("cancel", "leave it as it is", "undo it")
AGAIN = ("start again", "try again what failed")
ACTS = (*HAND_OVERS, READING, *APPROVALS, *ANSWERS, *ENDS, *AGAIN)


@dataclass
class Tab:
    """What a page shows that was opened some time ago."""

    run: Run | None = None
    digest: str = ""
    version: str = ""
    answers: dict[str, str] = field(default_factory=dict)


class Owner:
    """Acts by the services that the pages call; a refusal is an answer too."""

    def __init__(
        self, user: User, account: AwsAccount, witness: Witness, *, wants_it_undone: bool = False
    ) -> None:
        self.user, self.account, self.witness = user, account, witness
        # Of what a cancelled run has created.
        self.wants_it_undone = wants_it_undone
        self.other_tab = Tab()
        self.keys = 0
        # The acts that were not refused.
        self.done: list[str] = []

    def run(self) -> Run | None:
        return self.account.runs.defer(*HEAVY).order_by("-created_at").first()

    def does(self, act: str) -> bool:
        """Whether the portal took it."""
        run = self.run()
        in_flight = self.witness.in_flight(run) if run is not None else []
        try:
            self._on_the_account(act) if run is None else self._on(run, act)
        except Refused:
            return False
        if act:
            self.done.append(act)
        if run is not None and in_flight and run.status == RunStatus.CANCELLED:
            self.witness.accuse(f"a run was cancelled and AWS is still at work for it: {in_flight}")
        return True

    def _on_the_account(self, act: str) -> None:
        match act:
            case "hand over credentials":
                hand_over.hand_over_credentials(self.user, self.account, self._new_keys())
            case "hand over credentials that end soon":
                soon = timezone.now() + timedelta(minutes=20)
                hand_over.hand_over_credentials(self.user, self.account, self._new_keys(), soon)
            case "hand over a role":
                hand_over.hand_over_role(self.user, self.account, self.role_arn)
            case "start again":
                retrying.start_again(self.user, self.account)
            case _:
                pass

    def _on(self, run: Run, act: str) -> None:
        match act:
            case "read everything in another tab":
                self.other_tab = self._opened(run, ALLOWING)
            case "approve":
                self._agree(run, self._opened(run, SAFE))
            case "approve what the other tab shows":
                self._agree(run, self.other_tab)
            case "answer with what changes nothing" | "answer with what allows more":
                self._answer(run, self._opened(run, act))
            case "answer what the other tab asks":
                self._answer(run, self.other_tab)
            case "cancel":
                cancelling.cancel(self.user, run)
            case "leave it as it is":
                cancelling.leave_as_is(self.user, run)
            case "undo it":
                cancelling.undo(self.user, run)
            case "try again what failed":
                retrying.retry_failed(self.user, run)
            case _:
                self._on_the_account(act)

    def _opened(self, run: Run, how: str) -> Tab:
        questions = deciding.questions_of(run)
        answers = {each.key: each.safe if how == SAFE else each.options[-1] for each in questions}
        return Tab(run, run.plan_digest, deciding.version_of(run), answers)

    def _agree(self, run: Run, tab: Tab) -> None:
        # Said before it is asked for: whoever breaks on the way has agreed all the same.
        self.witness.agreed.add((run.pk, tab.digest))
        approval.approve(self.user, run, tab.digest)

    def _answer(self, run: Run, tab: Tab) -> None:
        before = Plan.from_json(run.plan) if run.plan else None
        was_at_work, choices = bool(run.approved_digest), run.choices
        is_stale = tab.version != deciding.version_of(run)
        deciding.answer(self.user, run, tab.version, tab.answers)
        if is_stale and run.choices != choices:
            self.witness.accuse("an answer was taken that was given to what is no longer asked so")
        if was_at_work and before is not None and Plan.from_json(run.plan or {}).steps == before.steps:
            # Answered during the work it approves the same steps, with this one thing more.
            self.witness.agreed.add((run.pk, run.approved_digest))

    @property
    def role_arn(self) -> str:
        return f"arn:aws:iam::{self.account.number}:role/InfosecOnboardingHandover"

    def _new_keys(self) -> TemporaryCredentials:
        self.keys += 1
        return TemporaryCredentials(self.all_keys()[-1], "secret", "token")

    def all_keys(self) -> list[str]:
        return [f"ASIA{number:016}" for number in range(1, self.keys + 1)]

    # --- what they would do next ------------------------------------------------------------------

    def next_act(self) -> str:
        """The one obvious act of whoever wants to get on; empty when there is nothing for them to do."""
        run = self.run()
        if run is None:
            return "hand over credentials"
        status = RunStatus(run.status)
        if undoing.is_asked(run):
            return "undo it" if self.wants_it_undone else "leave it as it is"
        if status in _NEXT:
            return _NEXT[status](run)
        return "start again" if status in SETTLED_RUN_STATUSES - {RunStatus.VERIFIED} else ""


def _after_a_failure(run: Run) -> str:
    """What failed is tried once more; where that helps nothing, it takes another plan."""
    notes = run.events.filter(kind="owner.note", data__choice=retrying.CHOICE)
    may_help = bool(retrying.failed_steps(run)) and not notes.exists()
    return "try again what failed" if may_help else "start again"


_NEXT: dict[RunStatus, Callable[[Run], str]] = {
    RunStatus.DRAFT: lambda _: "hand over credentials",
    RunStatus.NEEDS_ACCESS: lambda _: "hand over credentials",
    RunStatus.PLANNED: lambda _: "approve",
    RunStatus.NEEDS_OWNER: lambda _: ALLOWING,
    RunStatus.FAILED: _after_a_failure,
    RunStatus.PARTLY_DONE: _after_a_failure,
}
