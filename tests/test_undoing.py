"""What is removed to undo a run is what the run created, and nothing that would take more along."""

from dataclasses import replace

from onboarding.observed import AccountSurvey, Stack
from onboarding.planning import Plan, plan_undoing
from onboarding.states import Goal, RegionOutcome, Stage, StepKind
from tests.surveys import BLUEPRINT, make_region, make_survey, parent_stack, regional_stack, right_survey

HOME = "us-west-2"
ROLES, TRAILS = (parent_stack(part, HOME) for part in (BLUEPRINT.roles, BLUEPRINT.trails))
BOTH = {ROLES.stack_id, TRAILS.stack_id}


def undoing(
    survey: AccountSurvey, created: set[str] = BOTH, kept: frozenset[str] | set[str] = frozenset()
) -> Plan:
    return plan_undoing(BLUEPRINT, survey, created, kept)


def home_with(*stacks: Stack) -> AccountSurvey:
    return make_survey(make_region(HOME, *stacks))


def test_the_parent_of_the_trails_goes_first_and_then_the_roles() -> None:
    steps = undoing(right_survey()).steps
    assert [(step.ordinal, step.stack_id) for step in steps] == [(1, TRAILS.stack_id), (2, ROLES.stack_id)]
    kinds = {(step.stage, step.kind, step.goal, step.region) for step in steps}
    assert kinds == {(Stage.REMOVE, StepKind.REMOVE_STACK, Goal.ABSENT, HOME)}


def test_each_of_them_is_a_deletion_that_is_agreed_to_by_itself() -> None:
    plan = undoing(right_survey())
    assert plan.deletions == plan.steps
    assert plan.digest != undoing(home_with(ROLES)).digest


def test_what_the_run_did_not_create_is_in_no_plan() -> None:
    assert [step.target for step in undoing(right_survey(), {TRAILS.stack_id}).steps] == [TRAILS.name]
    assert undoing(right_survey(), set()).steps == ()


def test_a_stack_of_the_same_name_with_another_id_is_never_deleted() -> None:
    later = replace(ROLES, stack_id=ROLES.stack_id.replace("/1", "/2"))
    assert undoing(home_with(later), {ROLES.stack_id}).steps == ()


def test_a_stack_of_another_name_is_never_deleted_whatever_its_id() -> None:
    other = replace(ROLES, name="theirs", stack_id=ROLES.stack_id.replace(ROLES.name, "theirs"))
    assert undoing(home_with(other), {other.stack_id}).steps == ()


def test_what_is_gone_already_needs_nothing() -> None:
    assert undoing(make_survey()).is_empty
    assert [step.stack_id for step in undoing(home_with(ROLES)).steps] == [ROLES.stack_id]


def test_a_regional_stack_that_was_there_before_keeps_the_parent() -> None:
    there = regional_stack("eu-west-1")
    plan = undoing(right_survey(), kept={there.stack_id})
    assert [step.refused for step in plan.steps] == ["undo_would_take_more", ""]
    assert [step.stack_id for step in plan.deletions] == [ROLES.stack_id]
    assert [note.code for note in plan.notes] == ["undo_would_take_more"]
    # Gone meanwhile, it is nothing that would be taken along.
    assert undoing(home_with(ROLES, TRAILS), kept={there.stack_id}).notes == ()


def test_where_the_home_region_could_not_be_read_nothing_is_deleted() -> None:
    plan = undoing(make_survey(make_region(HOME, outcome=RegionOutcome.UNREACHABLE)))
    assert [step.refused for step in plan.steps] == ["home_region_unreadable"] * 2
    assert plan.is_empty
