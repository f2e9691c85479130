"""Which acts, deaths and outcomes may follow one another, and where does an example begin and end?

Rules mean something wherever a run stands: where one would do nothing, it is not offered. Some are single
acts, some a good while in which all goes well, so that examples get far; any may come after any.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from onboarding.engine import deadlines, sweeping
from onboarding.engine.claims import ACTIVE_RUN_STATUSES
from onboarding.models import undoing
from onboarding.services import accounts
from onboarding.states import RunStatus
from tests.model import cloud as clouds
from tests.model.clock import Clock
from tests.model.cloud import Cloud
from tests.model.owner import ACTS, ANSWERS, APPROVALS, ENDS, HAND_OVERS, READING, Owner
from tests.model.reached import Reached
from tests.model.troubles import BEFALLS, CALL, DIES, STATEMENT, Trouble, Troubles
from tests.model.truths import Truths
from tests.model.wire import Wire
from tests.model.witness import Violation, Witness
from tests.model.workers import Workers

numbers = itertools.count(100_000_000_000)

# So many rounds of looks, each some time later, and a run has come to rest; so many acts, and an owner who
# does what is next has got there.
MOST_ROUNDS = 70
MOST_ACTS = 16

NO_STACK = "none"
OLD_STACKS = (clouds.PLAIN, clouds.PLAIN, clouds.PROTECTED, clouds.WITH_EXTRAS, NO_STACK)
ROLES_STACKS = (NO_STACK, NO_STACK, NO_STACK, clouds.DEAD, clouds.OUTDATED)
# How many rounds of work, all going well, come before the first rule: mostly a plan is half carried out.
STARTS = (4, 3, 2, 5, 3, 2, 4, 6, 1, 0)
# What comes before the first rule, too: what is in flight may end badly, for instance.
ALL_IS_WELL, CANCELS, ACCESS_ENDS = "all is well", "the owner cancels", "the access ends"
THEN = (ALL_IS_WELL, ALL_IS_WELL, CANCELS, ACCESS_ENDS, clouds.FAILS, clouds.A_REGION_FAILS)
GOES_ON, WALKS_AWAY = "the owner goes on", "the owner walks away"

# A look has about so many moments at which something may come in between.
MOST_LOOKS_UNTIL_TROUBLE = 6
at_a_request = st.integers(0, 5)
at_a_statement = st.integers(0, 30)
a_moment = st.one_of(st.tuples(st.just(CALL), at_a_request), st.tuples(st.just(STATEMENT), at_a_statement))


@contextmanager
def undone_in_the_end() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


class Onboarding(RuleBasedStateMachine):
    patch: pytest.MonkeyPatch
    clock: Clock
    reached: Reached

    @initialize(
        old=st.sampled_from(OLD_STACKS),
        roles=st.sampled_from(ROLES_STACKS),
        act=st.sampled_from(HAND_OVERS),
        rounds=st.sampled_from(STARTS),
        then=st.sampled_from(THEN),
        ending=st.sampled_from((GOES_ON, WALKS_AWAY)),
        wants_it_undone=st.booleans(),
    )
    def begin(
        self, *, old: str = NO_STACK, roles: str = NO_STACK, act: str = "", rounds: int = 0,
        then: str = ALL_IS_WELL, ending: str = WALKS_AWAY, wants_it_undone: bool = False,
    ) -> None:  # fmt: skip
        self.until = ExitStack()
        # What one example stores is gone before the next.
        self.until.enter_context(undone_in_the_end())
        # Nor does it know of another: the same acts lead to the same again.
        self.clock.begin_anew()
        deadlines._lateness[0] = 0.0
        self.ending = ending
        number = str(next(numbers))
        self.cloud = Cloud(number, self.clock)
        self.witness, self.troubles = Witness(self.cloud), Troubles()
        self.wire = Wire(self.cloud, self.witness, self.troubles)
        self.until.enter_context(self.wire.in_place(self.patch))
        if old != NO_STACK:
            self.cloud.bring_old_stack(kind=old)
        if roles != NO_STACK:
            self.cloud.bring_roles_stack(roles)
        user = User.objects.create_user(f"owner-{number}", f"{number}@example.org")
        self.account = accounts.register(user, number=number, name="An account", contact_email=user.email)
        self.witness.account = self.account
        self.owner = Owner(user, self.account, self.witness, wants_it_undone=wants_it_undone)
        self.workers = Workers(self.owner, self.cloud, self.wire, self.witness)
        self.truths = Truths(self.account, self.cloud, self.witness)
        if act:
            self.owner.does(act)
        self.all_goes_well_for_a_while(rounds)
        match then:
            case "the owner cancels":
                self.the_owner_cancels(is_watched=True)
            case "the access ends":
                self.the_access_ends(role_goes=False)
            case "all is well":
                pass
            case badly:
                self.what_is_in_flight_ends(badly, only_first=False)

    # --- the owner, in two tabs -------------------------------------------------------------------

    @rule(act=st.sampled_from(ACTS))
    def the_owner_acts(self, act: str) -> None:
        self.owner.does(act)

    @precondition(lambda self: bool(self.owner.next_act()))
    @rule()
    def the_owner_does_what_is_next(self) -> None:
        self.owner.does(self.owner.next_act())

    @rule(what=st.sampled_from(clouds.MEDDLINGS), act=st.sampled_from(HAND_OVERS))
    def the_owner_approves_what_has_changed_since_it_was_read(self, what: str, act: str) -> None:
        self.owner.does(READING)
        self.cloud.meddle(what)
        self.owner.does(act)
        self.workers.work_until_something_is_in_flight()
        self.owner.does(ANSWERS[-1])
        self.owner.does(APPROVALS[-1])

    @rule(is_watched=st.booleans())
    def the_owner_cancels(self, *, is_watched: bool) -> None:
        """Mostly with something in flight; watched to its end, the owner is asked whether it stays."""
        self.get_to_work()
        self.owner.does("cancel")
        if is_watched:
            self.cloud.settle()
            self.workers.work_until_something_is_in_flight()

    @precondition(lambda self: (run := self.owner.run()) is not None and undoing.is_asked(run))
    @rule(act=st.sampled_from(ENDS))
    def the_owner_chooses_whether_it_stays(self, act: str) -> None:
        self.owner.does(act)

    # --- workers ----------------------------------------------------------------------------------

    @rule(items=st.integers(1, 3))
    def a_worker_looks(self, items: int) -> None:
        self.get_to_work()
        self.workers.look(items=items)

    @rule(how=st.sampled_from(BEFALLS), at=at_a_request)
    def a_worker_meets_trouble(self, how: str, at: int) -> None:
        self.look_until(Trouble(CALL, at, how))

    @rule(at=at_a_statement)
    def a_worker_dies(self, at: int) -> None:
        self.look_until(Trouble(STATEMENT, at, DIES))

    @rule(act=st.sampled_from(ACTS), moment=a_moment)
    def the_owner_acts_in_the_middle_of_a_look(self, act: str, moment: tuple[str, int]) -> None:
        self.in_the_middle_of_a_look(moment, lambda: self.owner.does(act))

    @rule(moment=a_moment)
    def the_owner_cancels_in_the_middle_of_a_look(self, moment: tuple[str, int]) -> None:
        self.in_the_middle_of_a_look(moment, lambda: self.owner.does("cancel"))

    @rule(moment=a_moment, works=st.booleans())
    def another_worker_takes_over_in_the_middle_of_a_look(
        self, moment: tuple[str, int], *, works: bool
    ) -> None:
        self.look_until(Trouble(*moment, act=self.workers.takes_over(works=works)))

    @rule(what=st.sampled_from(clouds.MEDDLINGS), moment=a_moment)
    def somebody_meddles_in_the_middle_of_a_look(self, what: str, moment: tuple[str, int]) -> None:
        self.in_the_middle_of_a_look(moment, lambda: self.cloud.meddle(what))

    def in_the_middle_of_a_look(self, moment: tuple[str, int], act: Callable[[], object]) -> None:
        self.look_until(Trouble(*moment, act=self.workers.meanwhile(act)))

    def look_until(self, trouble: Trouble) -> None:
        """One look after the other until the trouble has been met; not for ever, as some need a write."""
        self.get_to_work()
        self.troubles.waiting.append(trouble)
        for patience in range(MOST_LOOKS_UNTIL_TROUBLE):
            if patience:
                self.cloud.settle()
            if not self.workers.look() or not self.troubles.waiting:
                break
        self.troubles.waiting.clear()

    def get_to_work(self) -> None:
        """What workers meet, they meet at work: whatever is waited for comes first."""
        for _ in range(3):
            if not self.is_at_work():
                self.owner.does(self.owner.next_act() or "start again")

    @rule()
    def workers_look_until_something_is_in_flight(self) -> None:
        self.get_to_work()
        self.workers.work_until_something_is_in_flight()

    # --- time, and all at once --------------------------------------------------------------------

    @rule(rounds=st.integers(1, 4))
    def all_goes_well_for_a_while(self, rounds: int) -> None:
        for _ in range(rounds):
            self.cloud.settle()
            self.get_to_work()
            self.workers.work_until_something_is_in_flight()

    @rule(hours=st.sampled_from((0, 0.2, 0.6, 1.6, 5, 25, 24 * 15)))
    def time_passes(self, hours: float) -> None:
        self.clock.leap(hours=hours)
        if not hours:
            self.workers.end_leases()
        sweeping.sweep(timezone.now())

    # --- AWS, and who else acts there -------------------------------------------------------------

    @rule(ending=st.sampled_from(clouds.ENDINGS), only_first=st.booleans())
    def what_is_in_flight_ends(self, ending: str, *, only_first: bool) -> None:
        if not self.cloud.busy():
            self.get_to_work()
            self.workers.work_until_something_is_in_flight()
        self.cloud.settle(ending, only_first=only_first)

    @rule(what=st.sampled_from(clouds.MEDDLINGS))
    def somebody_meddles(self, what: str) -> None:
        self.cloud.meddle(what)

    @rule(role_goes=st.booleans())
    def the_access_ends(self, *, role_goes: bool) -> None:
        self.wire.end_access(self.owner.all_keys(), role_goes=role_goes)

    # --- what always holds ------------------------------------------------------------------------

    @invariant()
    def all_truths_hold(self) -> None:
        if hasattr(self, "truths"):
            self.truths.all_hold()

    def is_at_work(self) -> bool:
        return self.is_in(ACTIVE_RUN_STATUSES)

    def is_in(self, statuses: frozenset[RunStatus] | set[RunStatus]) -> bool:
        run = self.owner.run()
        return run is not None and run.status in statuses

    # --- the end ----------------------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "until"):
            return
        with self.until:
            self.reached.note(self.owner, self.workers, self.witness, self.cloud)
            if self.witness.violations:
                return
            self.comes_to_rest()
            self.truths.it_waits_for_a_person_or_is_over()
            if self.ending == GOES_ON:
                self.an_owner_who_goes_on_gets_there()
            else:
                self.what_nobody_cares_for_ends()

    def comes_to_rest(self) -> None:
        """From wherever it stands, all goes well from here on, and nobody does anything."""
        for patience in range(MOST_ROUNDS):
            run = self.owner.run()
            if run is None or run.status not in ACTIVE_RUN_STATUSES or undoing.is_asked(run):
                return
            self.workers.look(items=4)
            self.cloud.settle()
            # What will never come, such as a first log, is waited for within a step's limit; a run's own
            # limit, after hours, is not what brings it to rest.
            self.clock.leap(seconds=5 if patience < MOST_ROUNDS // 3 else 60)
            sweeping.sweep(timezone.now())
            self.truths.all_hold()
        raise Violation(f"the run doesn't come to rest: {self.standing()}")

    def an_owner_who_goes_on_gets_there(self) -> None:
        """Whoever does what is next comes to a verified account, or has it cancelled as they wished."""
        self.cloud.mend()
        for _ in range(MOST_ACTS):
            act = self.owner.next_act()
            if not act:
                return
            if not self.owner.does(act):
                raise Violation(f"what is next was refused: {act}, {self.standing()}")
            self.comes_to_rest()
            self.truths.verified_is_true()
            if act == "try again what failed":
                self.truths.what_goes_well_the_second_time_is_not_failed()
        raise Violation(f"an owner who goes on gets nowhere: {self.standing()}")

    def what_nobody_cares_for_ends(self) -> None:
        # First the access is given up, then what waits for another, then that.
        for _ in range(3):
            self.clock.leap(days=15)
            sweeping.sweep(timezone.now())
            self.comes_to_rest()
        self.truths.all_hold()
        self.truths.it_is_over_and_forgotten()

    def standing(self) -> str:
        run = self.owner.run()
        if run is None:
            return "no run"
        items = list(run.work_items.values_list("stage", "region", "due_at", "faults"))
        steps = list(run.steps.values_list("kind", "region", "status", "reason_code"))
        acts = ", ".join(self.owner.done[-MOST_ACTS:])
        return f"{run.status} {run.reason_code}; items {items}; steps {steps}; acts {acts}"
