"""The plan is exactly the difference: nothing too much, nothing not ours, a reason for all it leaves."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.decisions import CONDITIONS, condition
from onboarding.matching import described
from onboarding.observed import AccountSurvey, Failure, Role, Stack, StackResource
from onboarding.planning import (
    Note,
    Plan,
    PlannedStep,
    is_old_stack,
    next_attempt,
    plan,
    plans_differ,
    survey_as_json,
    survey_from_json,
)
from onboarding.remedies import REMEDIES
from onboarding.states import Condition, FailureKind, RegionOutcome, StepKind
from tests.surveys import (
    BLUEPRINT,
    COMPANY,
    NUMBER,
    OLD_PRINCIPAL,
    OLD_ROLE,
    REGIONS,
    covered_region,
    make_region,
    make_stack,
    make_survey,
    make_trail,
    old_stack,
    old_template,
    our_trail,
    parent_stack,
    regional_stack,
    right_survey,
    stack_arn,
)

ROLES, TRAILS = BLUEPRINT.roles, BLUEPRINT.trails
REGIONAL = COMPANY.trails.regional_stack_name


def make_plan(survey: AccountSurvey, **choices: Any) -> Plan:
    return plan(BLUEPRINT, survey, choices)


def writes(made: Plan) -> list[tuple[str, str]]:
    """What the plan writes, as (kind, region)."""
    return [(step.kind.value, step.region) for step in made.steps if step.is_write]


def step_of(made: Plan, kind: StepKind, region: str = "") -> PlannedStep:
    return next(step for step in made.steps if step.kind == kind and region in {"", step.region})


def codes(made: Plan) -> set[str]:
    return {note.code for note in made.notes}


def note_of(made: Plan, code: str) -> Note:
    return next(note for note in made.notes if note.code == code)


# --- An account as most are --------------------------------------------------------------------------------


def test_an_untouched_account_gets_everything_in_order() -> None:
    made = make_plan(make_survey(make_region("sa-east-1", old_stack())))
    assert writes(made) == [
        ("admit_account", ""),
        ("remove_stack", "sa-east-1"),
        ("deploy_roles", "us-west-2"),
        ("deploy_trails", "us-west-2"),
        *[("region_trail", region) for region in REGIONS],
    ]
    assert [(step.kind.value, step.region) for step in made.steps if not step.is_write] == [
        ("verify_roles", ""),
        *[("verify_region", region) for region in REGIONS],
    ]
    assert [step.ordinal for step in made.steps] == list(range(1, len(made.steps) + 1))
    assert (made.home_region, made.regions) == ("us-west-2", REGIONS)


def test_an_account_that_is_right_needs_nothing_but_verifying() -> None:
    made = make_plan(right_survey())
    assert made.is_empty
    assert {step.kind for step in made.steps} == {StepKind.VERIFY_ROLES, StepKind.VERIFY_REGION}
    assert codes(made) == {"no_old_stack", "already_present"}


def test_no_old_stack_is_said_with_how_many_regions_were_searched() -> None:
    assert note_of(make_plan(make_survey()), "no_old_stack").fields["regions_searched"] == len(REGIONS)


# --- The old stack ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status", [s for s in CONDITIONS if condition(s) not in {Condition.ABSENT, Condition.IN_REVIEW}]
)
def test_an_old_stack_is_removed_in_whatever_state_it_is(status: str) -> None:
    made = make_plan(right_survey(covered_region("eu-west-1", old_stack("eu-west-1", status=status))))
    assert writes(made) == [("admit_account", ""), ("remove_stack", "eu-west-1")]
    step = step_of(made, StepKind.REMOVE_STACK)
    assert step.stack_id == stack_arn("eu-west-1", "opsec-audit-2015")
    assert step.why == ("busy" if status.endswith("_IN_PROGRESS") else "replaced")


def test_several_old_stacks_each_get_a_step() -> None:
    made = make_plan(
        make_survey(
            make_region("sa-east-1", old_stack("sa-east-1")),
            make_region("eu-west-1", old_stack("eu-west-1", "opsec-security-audit-role")),
        )
    )
    removed = [step.region for step in made.steps if step.kind == StepKind.REMOVE_STACK]
    assert removed == ["eu-west-1", "sa-east-1"]


LEFT_ALONE = {
    "nested": (old_stack(parent_id="arn:parent", root_id="arn:root"), "nested_or_stackset"),
    "stackset": (
        old_stack(name="StackSet-opsec-6f2b2c1e-7c39-4f6b-9a54-0d6c3a1e8b77"),
        "nested_or_stackset",
    ),
    "service catalog": (old_stack(name="SC-484535289196-pp-abcdefghijklm"), "nested_or_stackset"),
    "extra resource": (
        old_stack(resources=(OLD_ROLE, StackResource("Own", "AWS::SNS::Topic", "t", "CREATE_COMPLETE"))),
        "old_stack_left",
    ),
    "other resources under the old name": (
        make_stack(
            "sa-east-1",
            "opsec-security-audit-role",
            resources=(StackResource("Alarms", "AWS::SNS::Topic", "t", "CREATE_COMPLETE"),),
            template_body="{}",
        ),
        "not_deleted_other_content",
    ),
    "other trust": (
        old_stack(template_body=old_template(principal="arn:aws:iam::111122223333:role/Other")),
        "not_deleted_other_content",
    ),
    "one more trusted": (
        old_stack(template_body=old_template() + "arn:aws:iam::111122223333:root"),
        "not_deleted_other_content",
    ),
    "a bare account trusted": (
        old_stack(template_body=old_template() + '"AWS": "111122223333"'),
        "not_deleted_other_content",
    ),
    "another role of the trusted account": (
        old_stack(template_body=old_template() + "arn:aws:iam::656532927350:role/Else"),
        "not_deleted_other_content",
    ),
    "resources unread": (old_stack(resources=None), "not_deleted_unreadable"),
    "template unread": (old_stack(template_body=None), "not_deleted_unreadable"),
    "protected": (old_stack(is_termination_protected=True), "old_stack_left"),
    "service role": (
        old_stack(service_role_arn="arn:aws:iam::484535289196:role/Deployer"),
        "old_stack_has_service_role",
    ),
    "in review": (old_stack(status="REVIEW_IN_PROGRESS"), "change_set_waiting"),
}


@pytest.mark.parametrize(("stack", "code"), LEFT_ALONE.values(), ids=LEFT_ALONE)
def test_what_only_resembles_the_old_stack_is_left_alone_and_said_so(stack: Stack, code: str) -> None:
    made = make_plan(make_survey(make_region("sa-east-1", stack)))
    assert StepKind.REMOVE_STACK not in {step.kind for step in made.steps}
    note = note_of(made, code)
    assert (note.region, note.fields["stack"]) == ("sa-east-1", stack.name)
    assert "no_old_stack" not in codes(made)


def test_any_other_stack_is_not_even_mentioned() -> None:
    topic = (StackResource("Web", "AWS::SNS::Topic", "w", "CREATE_COMPLETE"),)
    other = make_stack("sa-east-1", "web-team", resources=topic)
    assert codes(make_plan(make_survey(make_region("sa-east-1", other)))) == {"no_old_stack"}


def test_a_drifted_name_and_description_are_known_by_the_role() -> None:
    assert is_old_stack(COMPANY, old_stack(name="whatever", description=""))


def test_where_the_template_cannot_be_read_the_role_itself_tells_whom_it_trusts() -> None:
    role = Role(f"arn:aws:iam::{NUMBER}:role/old-role", "old-role", (OLD_PRINCIPAL,))
    stack = old_stack(template_body=None)
    assert is_old_stack(COMPANY, stack, (role,))
    widened = replace(role, trusted_principals=(OLD_PRINCIPAL, "arn:aws:iam::111122223333:root"))
    assert not is_old_stack(COMPANY, stack, (widened,))


def test_what_was_deleted_of_an_old_stack_already_does_not_count_as_extra() -> None:
    gone = StackResource("Own", "AWS::SNS::Topic", "t", "DELETE_COMPLETE")
    assert is_old_stack(COMPANY, old_stack(status="DELETE_FAILED", resources=(OLD_ROLE, gone)))


def test_an_old_role_without_a_stack_is_noted() -> None:
    role = Role(f"arn:aws:iam::{NUMBER}:role/by-hand", "by-hand", (OLD_PRINCIPAL,))
    explained = Role(f"arn:aws:iam::{NUMBER}:role/old-role", "old-role", (OLD_PRINCIPAL,))
    survey = make_survey(make_region("sa-east-1", old_stack()), old_roles=(role, explained))
    left = [note.fields["role"] for note in make_plan(survey).notes if note.code == "old_role_left"]
    assert left == ["by-hand"]
    assert "old_role_in_stack" not in codes(make_plan(survey))
    assert "old_roles_not_listed" in codes(make_plan(make_survey(old_roles=None)))


def test_an_old_role_in_a_stack_that_stays_is_not_to_be_deleted_by_hand() -> None:
    role = Role(f"arn:aws:iam::{NUMBER}:role/old-role", "old-role", (OLD_PRINCIPAL,))
    protected = replace(old_stack(), is_termination_protected=True)
    made = make_plan(make_survey(make_region("sa-east-1", protected), old_roles=(role,)))
    assert "old_role_left" not in codes(made)
    note = note_of(made, "old_role_in_stack")
    assert (note.region, note.fields["role"], note.fields["stack"]) == (
        "sa-east-1",
        "old-role",
        protected.name,
    )


# --- The two parents ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [ROLES, TRAILS], ids=["roles", "trails"])
def test_the_other_parent_joins_the_one_that_already_lives(part: Any) -> None:
    made = make_plan(make_survey(make_region("us-east-1", parent_stack(part, "us-east-1"))))
    assert made.home_region == "us-east-1"
    deployed = {step.region for step in made.steps if step.kind.startswith("deploy")}
    assert deployed == {"us-east-1"}


def test_the_owner_chooses_the_home_of_new_stacks_only() -> None:
    assert make_plan(make_survey(), home_region="us-east-1").home_region == "us-east-1"
    living = make_survey(make_region("us-west-2", parent_stack(ROLES, "us-west-2")))
    assert make_plan(living, home_region="us-east-1").home_region == "us-west-2"
    assert make_plan(make_survey(), home_region="eu-west-1").home_region == "us-west-2"


def test_a_stack_in_both_home_regions_is_noted_and_never_deleted() -> None:
    made = make_plan(right_survey(covered_region("us-east-1", parent_stack(ROLES, "us-east-1"))))
    assert made.is_empty
    assert note_of(made, "exists_in_other_home").region == "us-east-1"


def test_parents_that_live_apart_stay_where_they_are() -> None:
    survey = make_survey(
        covered_region("us-east-1", parent_stack(TRAILS, "us-east-1")),
        covered_region("us-west-2", parent_stack(ROLES, "us-west-2")),
        covered_region("eu-west-1"),
        covered_region("sa-east-1"),
    )
    assert make_plan(survey).is_empty


PARENT_STATES = {
    "ROLLBACK_COMPLETE": ("", "blocked_name_left"),
    "ROLLBACK_FAILED": ("", "blocked_name_left"),
    "CREATE_FAILED": ("", "blocked_name_left"),
    "DELETE_FAILED": ("", "blocked_name_left"),
    "CREATE_IN_PROGRESS": ("busy", ""),
    "UPDATE_ROLLBACK_FAILED": ("", "update_stuck"),
    "REVIEW_IN_PROGRESS": ("", "blocked_name_left"),
    "SOMETHING_NEW": ("busy", ""),
}


@pytest.mark.parametrize(("status", "expected"), PARENT_STATES.items(), ids=PARENT_STATES)
def test_a_parent_that_is_not_simply_there_says_why(status: str, expected: tuple[str, str]) -> None:
    made = make_plan(make_survey(make_region("us-west-2", parent_stack(ROLES, "us-west-2", status))))
    step = step_of(made, StepKind.DEPLOY_ROLES)
    assert (step.why, step.refused) == expected
    assert step.stack_id == stack_arn("us-west-2", ROLES.stack_name)
    if step.refused:
        assert step.refused in codes(made)


OUTDATED = {
    "another template": {"tags": {**ROLES.tags, "infosec:blueprint-digest": "0" * 64}},
    "made by hand from the template": {"tags": {}, "description": "THE TEMPLATE'S"},
    "another principal": {"parameters": {"SecurityAuditPrincipalArn": "arn:aws:iam::1:role/x"}},
}


@pytest.mark.parametrize("fields", OUTDATED.values(), ids=OUTDATED)
def test_a_live_parent_that_differs_is_updated(fields: dict[str, Any]) -> None:
    if "description" in fields:
        fields = {**fields, "description": " ".join(described(ROLES.template).split())}
    parents = (parent_stack(ROLES, "us-west-2", **fields), parent_stack(TRAILS, "us-west-2"))
    made = make_plan(right_survey(covered_region("us-west-2", *parents)))
    assert writes(made) == [("admit_account", ""), ("deploy_roles", "us-west-2")]
    assert step_of(made, StepKind.DEPLOY_ROLES).why == "outdated"


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "ROLLBACK_COMPLETE"])
def test_somebody_elses_stack_of_our_name_is_never_touched(status: str) -> None:
    foreign = make_stack("us-west-2", TRAILS.stack_name, status, description="Ours, says the web team")
    made = make_plan(make_survey(make_region("us-west-2", foreign)))
    assert step_of(made, StepKind.DEPLOY_TRAILS).refused == "name_taken"
    regions = [step for step in made.steps if step.kind == StepKind.REGION_TRAIL]
    assert {step.refused for step in regions} == {"parent_refused"}
    assert writes(made) == [("admit_account", ""), ("deploy_roles", "us-west-2")]


def test_a_home_region_that_cannot_be_read_gives_way_to_the_other() -> None:
    denied = make_region("us-west-2", outcome=RegionOutcome.DENIED)
    assert make_plan(make_survey(denied)).home_region == "us-east-1"
    both = make_survey(denied, make_region("us-east-1", outcome=RegionOutcome.UNREACHABLE))
    made = make_plan(both)
    assert step_of(made, StepKind.DEPLOY_ROLES).refused == "home_region_unreadable"
    assert made.is_empty


# --- Regions -----------------------------------------------------------------------------------------------


REGION_STATES: dict[str, tuple[Any, str]] = {
    "nothing": (make_region("eu-west-1"), "absent"),
    "creating": (make_region("eu-west-1", regional_stack("eu-west-1", "CREATE_IN_PROGRESS")), "busy"),
    "stuck": (
        make_region("eu-west-1", regional_stack("eu-west-1", "UPDATE_ROLLBACK_FAILED")),
        "failed_before",
    ),
    "other bucket": (
        make_region("eu-west-1", regional_stack("eu-west-1", parameters={"BucketName": "former"})),
        "outdated",
    ),
    "trail deleted by hand": (make_region("eu-west-1", regional_stack("eu-west-1")), "trail_missing"),
    "stopped": (
        make_region(
            "eu-west-1", regional_stack("eu-west-1"), trails=(our_trail("eu-west-1", is_logging=False),)
        ),
        "stopped",
    ),
    "status unread": (
        make_region(
            "eu-west-1", regional_stack("eu-west-1"), trails=(our_trail("eu-west-1", is_logging=None),)
        ),
        "stopped",
    ),
    "redirected by hand": (
        make_region(
            "eu-west-1", regional_stack("eu-west-1"), trails=(our_trail("eu-west-1", bucket="elsewhere"),)
        ),
        "misdirected",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("region", "why"), REGION_STATES.values(), ids=REGION_STATES)
def test_a_region_that_is_not_right_is_the_only_one_worked_on(region: Any, why: str) -> None:
    made = make_plan(right_survey(region))
    assert writes(made) == [
        ("admit_account", ""),
        ("deploy_trails", "us-west-2"),
        ("region_trail", "eu-west-1"),
    ]
    assert step_of(made, StepKind.REGION_TRAIL).why == why
    assert step_of(made, StepKind.DEPLOY_TRAILS).why == "regions_missing"


def test_five_trails_refuse_that_region_alone_and_name_them() -> None:
    # None of them lives here alone, so that there is none to choose from.
    shadows = {"home_region": "us-west-1", "is_multi_region": True}
    trails = tuple(make_trail("eu-west-1", f"own-{n}", **shadows) for n in range(5))
    made = make_plan(make_survey(make_region("eu-west-1", trails=trails)))
    assert {question.code for question in made.questions} == {"own_trail"}
    assert step_of(made, StepKind.REGION_TRAIL, "eu-west-1").refused == "too_many_trails"
    assert step_of(made, StepKind.VERIFY_REGION, "eu-west-1").refused == "too_many_trails"
    assert note_of(made, "too_many_trails").fields["trails"] == [f"own-{n}" for n in range(5)]
    assert "keeps_own_trail" not in codes(made)
    going = [region for kind, region in writes(made) if kind == "region_trail"]
    assert going == ["sa-east-1", "us-east-1", "us-west-2"]
    assert made.choices == {"regions": {"eu-west-1": "skip"}}
    assert "eu-west-1" in made.regions


def test_five_trails_with_ours_among_them_are_no_hindrance() -> None:
    trails = (our_trail("eu-west-1"), *(make_trail("eu-west-1", f"own-{n}") for n in range(4)))
    assert make_plan(
        right_survey(make_region("eu-west-1", regional_stack("eu-west-1"), trails=trails))
    ).is_empty


def test_somebody_elses_regional_stack_is_left_unless_its_owner_lets_it_be_adopted() -> None:
    foreign = make_region("eu-west-1", make_stack("eu-west-1", REGIONAL, description="Not ours"))
    refused = make_plan(right_survey(foreign))
    assert step_of(refused, StepKind.REGION_TRAIL).refused == "name_taken"
    adopted = make_plan(right_survey(foreign), regions={"eu-west-1": "adopt"})
    assert step_of(adopted, StepKind.REGION_TRAIL).refused == ""
    assert adopted.choices == {"regions": {"eu-west-1": "adopt"}}
    assert plans_differ(refused, adopted)


def test_a_region_that_its_owner_skips_has_no_steps() -> None:
    made = make_plan(make_survey(), regions={"eu-west-1": "skip"})
    assert "eu-west-1" not in {step.region for step in made.steps}
    assert note_of(made, "skipped_by_choice").region == "eu-west-1"
    assert "eu-west-1" in made.regions


def test_an_owners_own_trails_are_kept_and_their_cost_is_said_once_each() -> None:
    shadow = make_trail("us-west-2", "wide", home_region="us-west-2", is_multi_region=True)
    organization = make_trail("us-east-1", "org", is_multi_region=True, is_organization=True)
    regions = [
        make_region(
            region,
            trails=(
                replace(shadow, region=region),
                replace(organization, region=region),
                *((make_trail(region),) if region == "eu-west-1" else ()),
            ),
        )
        for region in REGIONS
    ]
    made = make_plan(make_survey(*regions))
    kept = [note for note in made.notes if note.code == "keeps_own_trail"]
    assert [(note.fields["trail"], note.region) for note in kept] == [
        ("own-trail", "eu-west-1"),
        ("wide", "us-west-2"),
    ]
    assert kept[1].fields["regions"] == list(REGIONS)
    assert kept[0].fields["extra_copy_usd_per_100_000_events"] == "2.00"
    assert note_of(made, "organization_trail").fields["trail"] == "org"
    assert len([kind for kind, _region in writes(made) if kind == "region_trail"]) == len(REGIONS)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (RegionOutcome.NOT_ENABLED, "skipped_not_enabled"),
        (RegionOutcome.DENIED, "skipped_denied"),
        (RegionOutcome.UNREACHABLE, "unreachable_not_searched"),
    ],
)
def test_a_region_that_was_not_read_is_skipped_with_a_note(outcome: RegionOutcome, code: str) -> None:
    made = make_plan(make_survey(make_region("eu-west-1", outcome=outcome)))
    assert note_of(made, code).region == "eu-west-1"
    assert "eu-west-1" not in {step.region for step in made.steps}
    assert "eu-west-1" not in made.regions


@pytest.mark.parametrize("outcome", [RegionOutcome.DENIED, RegionOutcome.UNREACHABLE])
def test_a_region_that_has_its_trail_is_not_dropped_because_it_cannot_be_read_now(
    outcome: RegionOutcome,
) -> None:
    made = make_plan(right_survey(make_region("eu-west-1", outcome=outcome)))
    assert made.regions == REGIONS
    assert made.is_empty


def test_a_region_that_is_no_longer_enabled_leaves_the_list() -> None:
    made = make_plan(right_survey(make_region("eu-west-1", outcome=RegionOutcome.NOT_ENABLED)))
    assert made.regions == ("sa-east-1", "us-east-1", "us-west-2")
    assert writes(made) == [("admit_account", ""), ("deploy_trails", "us-west-2")]


def test_a_delivery_that_fails_asks_for_admission_alone() -> None:
    trail = our_trail("eu-west-1", latest_delivery_error="AccessDenied")
    made = make_plan(right_survey(make_region("eu-west-1", regional_stack("eu-west-1"), trails=(trail,))))
    assert writes(made) == [("admit_account", "")]
    assert step_of(made, StepKind.ADMIT_ACCOUNT).why == "delivery_failing"


def test_a_shortened_list_of_regions_is_said() -> None:
    made = make_plan(replace(make_survey(), knows_all_regions=False))
    assert "only_default_regions_checked" in codes(made)


# --- Digest, storage, comparing ----------------------------------------------------------------------------


def test_the_digest_is_of_what_is_approved_and_of_nothing_else() -> None:
    made = make_plan(make_survey())
    later = make_plan(
        replace(make_survey(), alias="other", taken_at=make_survey().taken_at.replace(year=2027))
    )
    assert made.digest == later.digest
    assert replace(made, notes=()).digest == made.digest
    for changed in (
        replace(made, steps=made.steps[1:]),
        replace(made, regions=made.regions[1:]),
        replace(made, choices={"home_region": "us-east-1"}),
        replace(made, blueprint_digest="0" * 64),
        replace(made, account="1" * 12),
    ):
        assert changed.digest != made.digest


def test_a_plan_survives_being_stored() -> None:
    made = make_plan(make_survey(make_region("sa-east-1", old_stack())), home_region="us-east-1")
    stored = json.loads(json.dumps(made.as_json()))
    assert Plan.from_json(stored) == made
    assert Plan.from_json(stored).digest == made.digest


def test_a_survey_survives_being_stored() -> None:
    failure = Failure(
        FailureKind.DENIED, "AccessDenied", "no", "cloudformation", "ListStacks", "eu-west-1", "r"
    )
    denied = replace(make_region("eu-west-1", outcome=RegionOutcome.DENIED), failure=failure)
    at = make_survey().taken_at
    right = make_region(
        "us-east-1", regional_stack("us-east-1"), trails=(our_trail("us-east-1", latest_delivery_at=at),)
    )
    role = Role("arn:r", "r", (OLD_PRINCIPAL,), ("arn:p",), ("inline",))
    survey = make_survey(denied, right, make_region("sa-east-1", old_stack()), old_roles=(role,))
    assert survey_from_json(json.loads(json.dumps(survey_as_json(survey)))) == survey


def test_progress_is_no_change_of_plan() -> None:
    before = make_plan(make_survey(make_region("sa-east-1", old_stack())))
    done = {step.ordinal for step in before.steps if step.kind in {"admit_account", "remove_stack"}}
    assert not plans_differ(before, make_plan(make_survey()), done)
    assert not plans_differ(before, make_plan(right_survey()), done)
    half = make_survey(make_region("us-west-2", parent_stack(ROLES, "us-west-2", "ROLLBACK_COMPLETE")))
    assert not plans_differ(before, make_plan(half), done)


def test_a_new_old_stack_or_region_is_asked_again() -> None:
    before = make_plan(make_survey())
    assert plans_differ(before, make_plan(make_survey(make_region("sa-east-1", old_stack()))))
    assert plans_differ(before, make_plan(make_survey(make_region("ap-south-1"))))
    replaced = make_plan(make_survey(make_region("sa-east-1", old_stack())))
    other = old_stack(stack_id=stack_arn("sa-east-1", "opsec-audit-2015") + "2")
    assert plans_differ(replaced, make_plan(make_survey(make_region("sa-east-1", other))))


def test_what_was_finished_and_is_needed_again_is_asked_again() -> None:
    before = make_plan(make_survey(make_region("sa-east-1", old_stack())))
    done = {step.ordinal for step in before.steps if step.kind == StepKind.REMOVE_STACK}
    assert plans_differ(before, before, done)
    assert not plans_differ(before, before)


def test_the_next_attempt_is_one_more_than_the_stacks() -> None:
    assert next_attempt(None) == 1
    assert next_attempt(parent_stack(TRAILS, "us-west-2", parameters={"Attempt": "3"})) == 4
    assert next_attempt(parent_stack(TRAILS, "us-west-2", parameters={})) == 1


def test_every_refusal_has_its_remedy() -> None:
    refusals = {"home_region_unreadable", "change_set_waiting", "name_taken", "update_stuck",
                "too_many_trails", "parent_refused", "blocked_name_left"}  # fmt: skip
    assert refusals <= set(REMEDIES)


STATUSES = st.sampled_from([*CONDITIONS, "SOMETHING_NEW"])


@given(
    roles=st.none() | STATUSES,
    trails=st.none() | STATUSES,
    regional=st.lists(st.none() | STATUSES, min_size=4, max_size=4),
    old=st.none() | STATUSES,
    order=st.permutations(range(4)),
)
def test_any_account_gives_a_sound_plan_whatever_order_it_was_read_in(
    roles: str | None, trails: str | None, regional: list[str | None], old: str | None, order: list[int]
) -> None:
    def stacks_of(region: str, status: str | None) -> tuple[Stack, ...]:
        found = [regional_stack(region, status)] if status else []
        if region == "us-east-1":
            found += [parent_stack(ROLES, region, roles)] if roles else []
            found += [parent_stack(TRAILS, region, trails)] if trails else []
        if region == "sa-east-1":
            found += [old_stack(region, status=old)] if old else []
        return tuple(found)

    pairs = list(zip(REGIONS, regional, strict=True))
    survey = make_survey(*(make_region(name, *stacks_of(name, status)) for name, status in pairs))
    made = make_plan(survey)
    shuffled = replace(survey, regions=tuple(survey.regions[index] for index in order))
    assert make_plan(shuffled).digest == made.digest
    assert [step.ordinal for step in made.steps] == list(range(1, len(made.steps) + 1))
    assert len({step.identity for step in made.steps}) == len(made.steps)
    written = [step for step in made.steps if step.is_write]
    assert not written or written[0].kind == StepKind.ADMIT_ACCOUNT
    for step in made.steps:
        assert step.why or step.refused or step.kind.startswith("verify")
        assert not (step.why and step.refused)
    if any(step.kind == StepKind.REGION_TRAIL for step in written):
        assert any(step.kind == StepKind.DEPLOY_TRAILS for step in written)
    assert Plan.from_json(json.loads(json.dumps(made.as_json()))) == made


def test_a_trail_that_its_stack_is_just_making_is_not_taken_for_the_owners() -> None:
    """The stack's resources were read a moment before the trail came to be."""
    region = make_region(
        "eu-west-1",
        regional_stack("eu-west-1", "CREATE_IN_PROGRESS", resources=()),
        trails=(our_trail("eu-west-1", name=f"{COMPANY.trails.regional_stack_name}-Trail-1A2B3C4D5E6F"),),
    )
    assert plan(BLUEPRINT, make_survey(region), {}).questions == ()
    # One that its owner made, and named so, goes on being asked about.
    [own] = region.trails
    elsewhere = replace(region, trails=(replace(own, bucket="own-bucket"),))
    assert len(plan(BLUEPRINT, make_survey(elsewhere), {}).questions) == 1
