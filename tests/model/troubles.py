"""What goes wrong, or who comes in between, and at which moment of a worker's look?

A look is a row of requests to AWS and of statements to the database. Before any request, and before any
statement that stands outside a transaction, a worker may die or somebody else may act: everything that others
can do at the same time happens there, as transactions keep them apart elsewhere.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from onboarding.states import FailureKind
from tests.model.cloud import failure

CALL, STATEMENT = "before a request", "between two statements"
REFUSALS = {
    "throttled": (FailureKind.THROTTLED, "Throttling"),
    "unreachable": (FailureKind.UNREACHABLE, "ConnectTimeoutError"),
    "expired": (FailureKind.EXPIRED, "ExpiredToken"),
    "denied": (FailureKind.DENIED, "AccessDenied"),
    "skewed": (FailureKind.CLOCK_SKEW, "SignatureDoesNotMatch"),
}
DIES, DIES_AFTER, ANSWER_LOST, LOST_AND_UNSEEN = "dies", "dies after", "answer lost", "answer lost and unseen"
# What can befall a request to AWS.
BEFALLS = (*REFUSALS, DIES, DIES_AFTER, ANSWER_LOST, LOST_AND_UNSEEN)
_AFTER_A_WRITE = frozenset({DIES_AFTER, ANSWER_LOST, LOST_AND_UNSEEN})


class WorkerDied(BaseException):
    """As SIGKILL ends a worker: nothing of ours may catch it."""


@dataclass
class Trouble:
    """At the `at`-th such moment from now `act` is done by somebody, or `how` happens; or one after
    the other.

    `of`: of all requests those of this operation alone.
    """

    where: str
    at: int
    how: str = ""
    act: Callable[[], None] | None = None
    of: str = ""


@dataclass
class Troubles:
    waiting: list[Trouble] = field(default_factory=list)
    # How often each came true.
    met: list[str] = field(default_factory=list)

    def before(self, where: str, operation: str = "", region: str = "") -> None:
        for each in [each for each in self.waiting if each.where == where and each.of in {"", operation}]:
            each.at -= 1
            if each.at >= 0 or each.how in _AFTER_A_WRITE:
                continue
            self.waiting.remove(each)
            self.met.append(each.how or "somebody acts")
            if each.act is not None:
                each.act()
            if each.how == DIES:
                raise WorkerDied
            if each.how:
                raise failure(*REFUSALS[each.how], operation, region)

    def after_a_write(self, operation: str, region: str) -> None:
        """Raises where whoever asked dies, or the answer is lost."""
        for each in [each for each in self.waiting if each.how in _AFTER_A_WRITE and each.at < 0]:
            self.waiting.remove(each)
            self.met.append(each.how)
            if each.how == DIES_AFTER:
                raise WorkerDied
            raise failure(FailureKind.UNREACHABLE, "ReadTimeoutError", operation, region)

    def hides_the_next_write(self) -> bool:
        return any(each.how == LOST_AND_UNSEEN and each.at < 0 for each in self.waiting)
