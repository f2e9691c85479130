"""What is a run led into, whatever chance brings?

Each situation is one thing that happens at every stage where it can, while all else goes well and the owner
does what is next. The examples of `machine` mix such things, and by chance come upon most of them seldom.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from django.utils import timezone

from onboarding.engine import claims, survey
from onboarding.engine.claims import Claim
from onboarding.models import WorkItem
from onboarding.states import Stage
from tests.model import cloud as clouds
from tests.model.machine import GOES_ON, NO_STACK, Onboarding
from tests.model.owner import ANSWERS, APPROVALS, ENDS, HAND_OVERS, READING, SAFE
from tests.model.troubles import ANSWER_LOST, CALL, DIES, DIES_AFTER, LOST_AND_UNSEEN, STATEMENT, Trouble

# A walk is over then, however far it came: what follows is the end of every example.
MOST_LOOKS = 60
WRITES = ("PutBucketPolicy", "UpdateTerminationProtection", "DeleteStack", "CreateStack", "UpdateStack")
# Where each of them meets something, at the least: to admit, delete what is old, make the two stacks.
FEWEST_WRITES = 5
_AT_THE_REGIONS = frozenset({Stage.TRAILS, Stage.VERIFY})


Lead = Callable[[Onboarding], None]


@dataclass(frozen=True)
class At:
    """Where a run stands when somebody is about to look."""

    stage: Stage
    is_of_a_region: bool
    # Whether the account was looked at since the approval, so that this look may write.
    is_fresh: bool


@dataclass
class Walk:
    """One run, or as many as it takes, with what a situation puts before and after each look."""

    model: Onboarding
    before: Callable[["Walk", At], None] = lambda _walk, _at: None
    after: Callable[["Walk", At], None] = lambda walk, _at: walk.model.cloud.settle()
    # Whether the regions are looked at when all of them are due.
    is_patient: bool = True
    # What has happened, so that it happens once.
    done: set[object] = field(default_factory=set)

    def go(self) -> None:
        for _ in range(MOST_LOOKS):
            act = self.model.owner.next_act()
            if act:
                self.model.owner.does(act)
            elif not self._look():
                return
            self.model.truths.all_hold()

    def _look(self) -> bool:
        at = self._next()
        if at is None:
            return False
        self.before(self, at)
        self.model.workers.look()
        self.model.troubles.waiting.clear()
        self.after(self, at)
        return True

    def _next(self) -> At | None:
        """What falls due first; and time passes until then, at the regions until all of them are due."""
        if not self.model.workers.wait_until_something_is_due():
            return None
        now = timezone.now()
        due = WorkItem.objects.filter(run=self.model.owner.run(), due_at__lte=now).order_by("due_at", "pk")
        item = due.first()
        if item is None:
            return None
        if self.is_patient and item.region and item.stage in _AT_THE_REGIONS:
            others = WorkItem.objects.filter(run=item.run_id, stage=item.stage, due_at__isnull=False)
            dues = others.exclude(region="").values_list("due_at", flat=True)
            self.model.clock.time = max(self.model.clock.time, *filter(None, dues))
        held = claims.read(Claim(item.pk, item.holder))
        is_fresh = held is not None and survey.is_fresh(held)
        return At(Stage(item.stage), bool(item.region), is_fresh)

    def is_first(self, what: object) -> bool:
        is_new = what not in self.done
        self.done.add(what)
        return is_new


# --- what happens -------------------------------------------------------------------------------------


def each_write_meets(how: str, *, roles: str) -> Lead:
    """Once at each stage each kind of write does."""

    def lead(model: Onboarding) -> None:
        waiting: list[Trouble] = []

        def before(walk: Walk, at: At) -> None:
            names = [name for name in WRITES if (at.stage, name) not in walk.done]
            waiting[:] = [Trouble(CALL, 0, how, of=name) for name in names]
            model.troubles.waiting.extend(waiting)

        def after(walk: Walk, at: At) -> None:
            walk.done |= {(at.stage, each.of) for each in waiting if each.at < 0}
            model.cloud.settle()

        _begin(model, old=clouds.PROTECTED, roles=roles)
        Walk(model, before, after).go()
        assert model.troubles.met.count(how) >= FEWEST_WRITES

    return lead


def each_look_meets(how: str, act: str) -> Lead:
    """The first at each stage does, at its first request, of an owner who handed over so."""

    def before(walk: Walk, at: At) -> None:
        if walk.is_first(at):
            walk.model.troubles.waiting.append(Trouble(CALL, 0, how))

    return _met(before, act=act)


def another_worker_takes_over(moment: tuple[str, int], how: str = "", *, works: bool) -> Lead:
    """In the middle of the first look at each stage; whoever had it hears then of its request."""

    def before(walk: Walk, at: At) -> None:
        if walk.is_first(at):
            act = walk.model.workers.takes_over(works=works)
            walk.model.troubles.waiting.append(Trouble(*moment, how, act=act))

    return _met(before)


def another_worker_looks_beside(at_request: int) -> Lead:
    """At whatever falls due next, while the first is at each of its looks at a region."""

    def before(walk: Walk, at: At) -> None:
        if at.is_of_a_region:
            act = walk.model.workers.meanwhile(walk.model.workers.look_beside)
            walk.model.troubles.waiting.append(Trouble(CALL, at_request, act=act))

    return _met(before, is_patient=False)


def somebody_meddles(what: str, stage: Stage, moment: tuple[str, int], *, is_fresh: bool = True) -> Lead:
    """In the middle of the first look at this stage, since the account was looked at or before that."""

    def before(walk: Walk, at: At) -> None:
        if (at.stage, at.is_fresh) == (stage, is_fresh) and walk.is_first(what):
            act = walk.model.workers.meanwhile(lambda: walk.model.cloud.meddle(what))
            walk.model.troubles.waiting.append(Trouble(*moment, act=act))

    return _met(before)


def all_takes_its_time(*, roles: str) -> Lead:
    """At AWS: whatever is under way is looked at three times before it ends."""

    def lead(model: Onboarding) -> None:
        looks = itertools.count(1)

        def after(_walk: Walk, _at: At) -> None:
            if next(looks) % 3 == 0:
                model.cloud.settle()

        _begin(model, roles=roles)
        Walk(model, after=after).go()
        assert model.owner.next_act() == ""

    return lead


def all_ends(ending: str, *, roles: str = NO_STACK) -> Lead:
    """Whatever is under way at AWS ends so, the first time."""

    def lead(model: Onboarding) -> None:
        def after(walk: Walk, _at: At) -> None:
            for stack in model.cloud.busy():
                is_first = walk.is_first((stack.name, stack.status))
                model.cloud.settle(ending if is_first else clouds.WELL, only_first=True)

        _begin(model, roles=roles)
        walk = Walk(model, after=after)
        walk.go()
        assert walk.done

    return lead


def the_owner_acts_in_a_stale_tab() -> Lead:
    """What it asks has been answered otherwise since, and its plan is another now."""

    def lead(model: Onboarding) -> None:
        _begin(model, old=clouds.WITH_EXTRAS)
        model.comes_to_rest()
        model.owner.does(READING)
        assert model.owner.does(SAFE)
        for act in (ANSWERS[-1], APPROVALS[-1]):
            model.owner.does(act)
            model.workers.work_until_something_is_in_flight()
            model.truths.all_hold()
        Walk(model).go()

    return lead


def the_owner_approves_what_was_there() -> Lead:
    """An old stack is there by now, and the plan is made anew; the other tab still shows the one before."""

    def lead(model: Onboarding) -> None:
        _begin(model)
        model.comes_to_rest()
        model.owner.does(READING)
        model.cloud.meddle("brings an old stack")
        assert model.owner.does("approve")
        model.comes_to_rest()
        model.owner.does(APPROVALS[-1])
        Walk(model).go()

    return lead


def the_owner_cancels(at_the: int, *at_once: str, undoes: bool = False, roles: str = NO_STACK) -> Lead:
    """With the run's first, second or third stack in flight; and says `at_once` what shall become of it."""

    def cancel(model: Onboarding) -> None:
        for act in ("cancel", *at_once):
            model.owner.does(act)

    def lead(model: Onboarding) -> None:
        _begin(model, roles=roles, wants_it_undone=undoes)
        Walk(model, after=_in_flight(at_the, cancel)).go()
        assert "cancel" in model.owner.done
        assert not undoes or "undo it" in model.owner.done

    return lead


def the_owner_cancels_just_before(operation: str, stage: Stage) -> Lead:
    """Its intent is stored; before it is sent another worker has looked at what is cancelled."""

    def before(walk: Walk, at: At) -> None:
        def cancel() -> None:
            walk.model.owner.does("cancel")
            walk.model.workers.look_beside()

        if at.stage == stage and not walk.model.troubles.met:
            act = walk.model.workers.meanwhile(cancel)
            walk.model.troubles.waiting.append(Trouble(CALL, 0, act=act, of=operation))

    return _met(before)


def the_owner_cancels_without_access(at_the: int) -> Lead:
    """What is in flight then, nobody can watch; but it isn't told as over while it may be seen."""

    def cancel(model: Onboarding) -> None:
        model.the_access_ends(role_goes=False)
        model.workers.look()
        model.owner.does("cancel")

    def lead(model: Onboarding) -> None:
        _begin(model)
        Walk(model, after=_in_flight(at_the, cancel)).go()
        assert "cancel" in model.owner.done

    return lead


def _met(before: Callable[[Walk, At], None], *, is_patient: bool = True, act: str = HAND_OVERS[0]) -> Lead:
    """A walk on which what `before` brings about has to happen."""

    def lead(model: Onboarding) -> None:
        _begin(model, act=act)
        Walk(model, before, is_patient=is_patient).go()
        assert model.troubles.met

    return lead


def _in_flight(at_the: int, act: Callable[[Onboarding], None]) -> Callable[[Walk, At], None]:
    """After the look with which the run's first, second or third stack is in flight, `act`."""

    def after(walk: Walk, _at: At) -> None:
        busy = {stack.stack_id for stack in walk.model.cloud.busy()}
        if busy - walk.done:
            walk.done |= busy
            if len(walk.done) == at_the:
                act(walk.model)
        walk.model.cloud.settle()

    return after


def _begin(
    model: Onboarding, *, old: str = clouds.PLAIN, roles: str = NO_STACK, act: str = HAND_OVERS[0],
    wants_it_undone: bool = False,
) -> None:  # fmt: skip
    model.begin(old=old, roles=roles, act=act, ending=GOES_ON, wants_it_undone=wants_it_undone)


SITUATIONS: dict[str, Lead] = {
    **{
        f"each write meets: {how}; {roles} in the roles' place": each_write_meets(how, roles=roles)
        for how, roles in (
            ("unreachable", clouds.DEAD),
            (DIES, NO_STACK),
            (DIES_AFTER, clouds.OUTDATED),
            (ANSWER_LOST, clouds.DEAD),
            (LOST_AND_UNSEEN, NO_STACK),
        )
    },
    **{
        f"another worker takes over {where} {number}{', and ' * bool(how)}{how}": another_worker_takes_over(
            (where, number), how, works=works
        )
        for where, number, how, works in (
            (CALL, 0, "throttled", False),
            (CALL, 0, "", True),
            (CALL, 1, "", False),
            (CALL, 1, "unreachable", True),
            (CALL, 2, "", False),
            (STATEMENT, 2, "", True),
            (STATEMENT, 6, "", False),
        )
    },
    **{
        f"each look meets: {how}, {act}": each_look_meets(how, act)
        for how, act in (
            ("expired", "hand over a role"),
            ("expired", "hand over credentials"),
            ("denied", "hand over credentials"),
            ("skewed", "hand over a role"),
        )
    },
    "another worker looks at another region": another_worker_looks_beside(1),
    **{
        f"somebody {what} at a look at {stage}": somebody_meddles(what, stage, moment, is_fresh=is_fresh)
        for what, stage, moment, is_fresh in (
            ("brings an old stack", Stage.ADMIT, (STATEMENT, 0), False),
            ("fills the old stack with something else", Stage.REMOVE, (CALL, 0), True),
            ("adds something to the old stack", Stage.REMOVE, (CALL, 1), True),
            ("protects the old stack", Stage.REMOVE, (CALL, 0), True),
            ("leaves a dead stack", Stage.ROLES, (CALL, 0), True),
            ("leaves a dead stack", Stage.TRAILS, (CALL, 0), True),
            ("takes a name of ours", Stage.ROLES, (CALL, 0), True),
        )
    },
    "the owner acts in a stale tab": the_owner_acts_in_a_stale_tab(),
    "the owner approves what was there": the_owner_approves_what_was_there(),
    "all takes its time; dead in the roles' place": all_takes_its_time(roles=clouds.DEAD),
    "all takes its time; outdated in the roles' place": all_takes_its_time(roles=clouds.OUTDATED),
    "all fails": all_ends(clouds.FAILS, roles=clouds.OUTDATED),
    "all breaks": all_ends(clouds.BREAKS),
    "a region fails": all_ends(clouds.A_REGION_FAILS),
    "the owner cancels just before a deletion": the_owner_cancels_just_before("DeleteStack", Stage.REMOVE),
    "the owner cancels just before the roles": the_owner_cancels_just_before("CreateStack", Stage.ROLES),
    "the owner cancels just before the trails": the_owner_cancels_just_before("CreateStack", Stage.TRAILS),
    "the owner cancels a removal without access": the_owner_cancels_without_access(1),
    "the owner cancels at the roles without access": the_owner_cancels_without_access(2),
    "the owner cancels a removal": the_owner_cancels(1),
    "the owner cancels at the roles, and at once undoes them": the_owner_cancels(2, ENDS[2]),
    "the owner cancels at the trails, and at once leaves it": the_owner_cancels(3, ENDS[1]),
    "the owner cancels at the roles, and undoes them": the_owner_cancels(2, undoes=True),
    "the owner cancels at the trails, and leaves it": the_owner_cancels(3),
    "the owner cancels at the trails, and undoes what was made": the_owner_cancels(
        3, undoes=True, roles=clouds.OUTDATED
    ),
}
