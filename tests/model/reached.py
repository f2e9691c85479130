"""How far did the examples get? A test whose examples do nothing holds every invariant."""

from collections import Counter
from dataclasses import dataclass, field

from onboarding.models import Run
from onboarding.states import Move, RunStatus, StepKind
from tests.model.cloud import Cloud
from tests.model.owner import ANSWERS, Owner
from tests.model.witness import Witness
from tests.model.workers import Workers


@dataclass
class Reached:
    examples: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    def note(self, owner: Owner, workers: Workers, witness: Witness, cloud: Cloud) -> None:
        self.examples += 1
        self.counts.update(set(_of_writes(witness)) | set(_of_runs(owner, witness)) | set(_of_work(workers)))

    def share(self, what: str) -> float:
        return self.counts[what] / max(1, self.examples)

    def __str__(self) -> str:
        rows = [f"{self.share(what):6.0%}  {what}" for what, _count in self.counts.most_common()]
        return "\n".join([f"{self.examples} examples, of which", *rows])


def _of_writes(witness: Witness) -> list[str]:
    made = [
        (str(write.move), intent.planned.kind if intent and intent.planned else "")
        for write, intent in witness.writes
    ]
    named = {
        (Move.DELETE, StepKind.REMOVE_STACK): "delete an old stack, or undo",
        (Move.CREATE, StepKind.DEPLOY_ROLES): "create the roles' stack",
        (Move.CREATE, StepKind.DEPLOY_TRAILS): "create the trails' parent",
        (Move.UPDATE, StepKind.DEPLOY_TRAILS): "update the trails' parent",
        (Move.DELETE, StepKind.DEPLOY_ROLES): "clear a dead stack away",
        (Move.UNPROTECT, StepKind.REMOVE_STACK): "lift a protection",
    }
    asked = [write.token for write, _intent in witness.writes]
    return [
        *(["write in the account"] if made else []),
        *(what for key, what in named.items() if key in made),
        *(["ask again with the same token"] if len(asked) != len(set(asked)) else []),
    ]


def _of_runs(owner: Owner, witness: Witness) -> list[str]:
    reached = []
    for run in Run.objects.filter(account=owner.account):
        told = [event.data for event in run.events.filter(kind="run.status").order_by("number")]
        moves = [(data.get("before"), data["status"]) for data in told]
        reached += [f"are {status}" for _before, status in moves]
        if any(data.get("reason_code") == "account_changed" for data in told):
            reached.append("plan again, as the account changed")
        if (RunStatus.NEEDS_ACCESS, RunStatus.RUNNING) in moves:
            reached.append("get new credentials midway")
        if run.undoes_id and RunStatus.RUNNING in [status for _before, status in moves]:
            reached.append("undo what was made")
    reached += [act for act in ("undo it", "try again what failed", "start again") if act in owner.done]
    return [*reached, *(["answer a question"] if set(ANSWERS) & set(owner.done) else [])]


def _of_work(workers: Workers) -> list[str]:
    met = {f"meet: {how}" for how in workers.wire.troubles.met}
    return [*met, *(["lose a lease under a worker"] if workers.lost_leases else [])]
