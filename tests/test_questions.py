"""What only the owner can decide is asked, never decided: over every kind of thing and every answer to it."""

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.blueprint import trails_parameters
from onboarding.observed import AccountSurvey, Role, Stack, StackResource
from onboarding.planning import Plan, Question, grouped, plan, plans_differ, version_of
from onboarding.states import StepKind
from tests.surveys import (
    BLUEPRINT,
    COMPANY,
    OLD_PRINCIPAL,
    REGIONS,
    covered_region,
    make_region,
    make_stack,
    make_survey,
    make_trail,
    old_stack,
    parent_stack,
    regional_stack,
    right_survey,
)

TOPIC = StackResource("OurOwnTopic", "AWS::SNS::Topic", "arn:aws:sns:sa-east-1:1:own", "CREATE_COMPLETE")
OLD = old_stack()
ROLE = Role(
    "arn:aws:iam::484535289196:role/old-role",
    "old-role",
    (OLD_PRINCIPAL,),
    attached_policy_arns=("arn:aws:iam::aws:policy/ReadOnlyAccess",),
    instance_profile_names=("web",),
)
REVIEW = make_stack("us-west-2", BLUEPRINT.roles.stack_name, "REVIEW_IN_PROGRESS")


def with_extras(stack: Stack = OLD) -> Stack:
    return replace(stack, resources=(*(stack.resources or ()), TOPIC))


def organization_trail(region: str) -> Any:
    return make_trail(
        region,
        "organization",
        arn="arn:aws:cloudtrail:us-east-1:1:trail/organization",
        home_region="us-east-1",
        is_multi_region=True,
        is_organization=True,
    )


def two_homes() -> AccountSurvey:
    both = parent_stack(BLUEPRINT.roles, "us-east-1")
    return right_survey(covered_region("us-east-1", both))


def five_trails(region: str = "eu-west-1") -> tuple[Any, ...]:
    return tuple(make_trail(region, f"own-{n}") for n in range(5))


SURVEYS: dict[str, AccountSurvey] = {
    "old_stack_extras": make_survey(make_region("sa-east-1", with_extras())),
    "old_stack_protected": make_survey(make_region("sa-east-1", replace(OLD, is_termination_protected=True))),
    "old_role_attachments": replace(make_survey(make_region("sa-east-1", OLD)), stack_roles=(ROLE,)),
    "name_blocked": make_survey(make_region("us-west-2", REVIEW)),
    "two_homes": two_homes(),
    "own_trail": make_survey(make_region("eu-west-1", trails=(make_trail("eu-west-1"),))),
    "too_many_trails": make_survey(make_region("eu-west-1", trails=five_trails())),
    "organization_trail": make_survey(
        *(make_region(name, trails=(organization_trail(name),)) for name in REGIONS)
    ),
}


def make_plan(survey: AccountSurvey, answers: dict[str, str] | None = None, **choices: Any) -> Plan:
    return plan(BLUEPRINT, survey, {**choices, **({"answers": answers} if answers else {})})


def the_question(code: str) -> Question:
    (asked,) = make_plan(SURVEYS[code]).questions
    assert asked.code == code
    return asked


ANSWERS = [(code, option) for code in SURVEYS for option in the_question(code).options]


@pytest.mark.parametrize("code", SURVEYS)
def test_each_thing_is_asked_about_with_a_safe_answer_and_another(code: str) -> None:
    made = make_plan(SURVEYS[code])
    (asked,) = made.open_questions
    assert len(asked.options) >= 2
    assert asked.safe == asked.options[0]
    assert make_plan(SURVEYS[code], {asked.key: asked.safe}).open_questions == ()


@pytest.mark.parametrize("code", SURVEYS)
def test_until_it_is_answered_the_plan_writes_no_more_than_the_safe_answer(code: str) -> None:
    asked = the_question(code)
    safe = make_plan(SURVEYS[code], {asked.key: asked.safe})
    assert make_plan(SURVEYS[code]).steps == safe.steps


@pytest.mark.parametrize(("code", "option"), ANSWERS)
def test_each_answer_changes_the_digest_and_is_part_of_the_plan(code: str, option: str) -> None:
    asked = the_question(code)
    answered = make_plan(SURVEYS[code], {asked.key: option})
    digests = {make_plan(SURVEYS[code], {asked.key: each}).digest for each in asked.options}
    assert len(digests | {make_plan(SURVEYS[code]).digest}) == len(asked.options) + 1
    assert answered.answers == {asked.key: option}
    assert answered.consents == (frozenset({(asked.key, option)}) if option != asked.safe else frozenset())
    assert Plan.from_json(json.loads(json.dumps(answered.as_json()))) == answered


@pytest.mark.parametrize("nonsense", ["yes", "", "use:eu-west-1"])
@pytest.mark.parametrize("code", SURVEYS)
def test_what_is_no_option_is_no_answer(code: str, nonsense: str) -> None:
    asked = the_question(code)
    made = make_plan(SURVEYS[code], {asked.key: nonsense})
    assert made.open_questions == (asked,)
    assert made.answers == {}


REMOVALS = [
    ("old_stack_extras", "remove"),
    ("old_stack_protected", "lift"),
    ("old_role_attachments", "detach"),
]


@pytest.mark.parametrize(("code", "option"), REMOVALS)
def test_an_old_stack_goes_only_with_consent(code: str, option: str) -> None:
    asked = the_question(code)

    def removed(answers: dict[str, str]) -> list[str]:
        made = make_plan(SURVEYS[code], answers)
        return [step.stack_id for step in made.steps if step.kind == StepKind.REMOVE_STACK]

    assert removed({}) == removed({asked.key: "leave"}) == []
    assert removed({asked.key: option}) == [OLD.stack_id]


def test_a_stack_with_several_things_in_the_way_needs_every_answer() -> None:
    stack = with_extras(replace(OLD, is_termination_protected=True))
    survey = replace(make_survey(make_region("sa-east-1", stack)), stack_roles=(ROLE,))
    asked = make_plan(survey).questions
    assert [one.code for one in asked] == [code for code, _option in REMOVALS]
    for chosen in itertools.product((False, True), repeat=3):
        answers = {one.key: one.options[yes] for one, yes in zip(asked, chosen, strict=True)}
        kinds = {step.kind for step in make_plan(survey, answers).steps}
        assert (StepKind.REMOVE_STACK in kinds) == all(chosen)


def test_what_was_consented_to_is_exactly_what_was_named() -> None:
    """Another resource, policy or stack than the owner read is another question."""
    asked = the_question("old_stack_extras")
    more = StackResource("More", "AWS::S3::Bucket", "logs", "CREATE_COMPLETE")
    stack = replace(OLD, resources=(*(with_extras().resources or ()), more))
    later = make_plan(make_survey(make_region("sa-east-1", stack)), {asked.key: "remove"})
    assert [one.code for one in later.open_questions] == ["old_stack_extras"]
    assert StepKind.REMOVE_STACK not in {step.kind for step in later.steps}

    hanging = the_question("old_role_attachments")
    other = replace(ROLE, attached_policy_arns=("arn:aws:iam::aws:policy/AdministratorAccess",))
    survey = replace(SURVEYS["old_role_attachments"], stack_roles=(other,))
    assert make_plan(survey, {hanging.key: "detach"}).open_questions != ()


NEVER = {
    "nested": replace(with_extras(), parent_id="arn:parent", root_id="arn:root"),
    "made by a stack set": with_extras(
        old_stack(name="StackSet-opsec-6f2b2c1e-7c39-4f6b-9a54-0d6c3a1e8b77", is_termination_protected=True)
    ),
    "the name and other content": make_stack(
        "sa-east-1", COMPANY.old.stack_names[0], resources=(TOPIC,), template_body="{}"
    ),
    "extras, and another trust": replace(with_extras(), template_body='{"AWS": "arn:aws:iam::1:root"}'),
    "a service role": replace(with_extras(), service_role_arn="arn:aws:iam::484535289196:role/Deployer"),
    "in review": replace(with_extras(), status="REVIEW_IN_PROGRESS"),
}


@pytest.mark.parametrize("stack", NEVER.values(), ids=NEVER)
def test_what_is_never_deleted_is_not_even_asked_about(stack: Stack) -> None:
    made = make_plan(make_survey(make_region("sa-east-1", stack)))
    assert made.questions == ()
    assert StepKind.REMOVE_STACK not in {step.kind for step in made.steps}


def test_what_the_template_itself_attaches_hangs_on_the_role_by_right() -> None:
    body = (
        OLD.template_body or ""
    ) + '"ManagedPolicyArns": "arn:${AWS::Partition}:iam::aws:policy/ReadOnlyAccess"'
    stack = replace(OLD, template_body=body)
    role = replace(ROLE, instance_profile_names=())
    survey = replace(make_survey(make_region("sa-east-1", stack)), stack_roles=(role,))
    assert make_plan(survey).questions == ()


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"])
def test_a_dead_stack_of_ours_goes_only_with_consent(status: str) -> None:
    dead = [
        make_region("us-west-2", parent_stack(BLUEPRINT.roles, "us-west-2", status)),
        make_region("eu-west-1", regional_stack("eu-west-1", status)),
    ]
    survey = make_survey(*dead)
    asked = make_plan(survey).questions
    (group,) = grouped(asked)
    assert [one.region for one in group.questions] == ["us-west-2", "eu-west-1"]
    for answer in ("leave", "delete"):
        made = make_plan(survey, {one.key: answer for one in asked})
        steps = [step for step in made.steps if step.kind in {StepKind.DEPLOY_ROLES, StepKind.REGION_TRAIL}]
        blocked = [step for step in steps if step.stack_id]
        if answer == "leave":
            assert {step.refused for step in blocked} == {"blocked_name_left"}
        else:
            assert {step.why for step in blocked} == {"failed_before"}


def test_a_change_set_under_a_regional_name_is_cleared_only_with_consent() -> None:
    waiting = make_region(
        "eu-west-1", make_stack("eu-west-1", COMPANY.trails.regional_stack_name, "REVIEW_IN_PROGRESS")
    )
    (asked,) = make_plan(make_survey(waiting)).questions
    left = make_plan(make_survey(waiting), {asked.key: "leave"})
    cleared = make_plan(make_survey(waiting), {asked.key: "delete"})
    assert left.choices["regions"] == {"eu-west-1": "skip"}
    assert cleared.choices["regions"] == {"eu-west-1": "clear"}


@pytest.mark.parametrize("foreign", ["ROLLBACK_COMPLETE", "CREATE_COMPLETE"])
def test_somebody_elses_dead_stack_is_not_asked_about(foreign: str) -> None:
    stack = make_stack("us-west-2", BLUEPRINT.roles.stack_name, foreign, description="Of the web team")
    assert make_plan(make_survey(make_region("us-west-2", stack))).questions == ()


def test_one_parent_in_the_other_home_is_used_without_a_question() -> None:
    made = make_plan(make_survey(make_region("us-east-1", parent_stack(BLUEPRINT.roles, "us-east-1"))))
    assert made.questions == ()
    assert StepKind.DEPLOY_ROLES not in {step.kind for step in made.steps}


@pytest.mark.parametrize("region", ["us-east-1", "us-west-2"])
def test_of_two_parents_the_chosen_one_is_kept_and_nothing_is_made_twice(region: str) -> None:
    outdated: dict[str, Any] = {"tags": {**BLUEPRINT.roles.tags, "infosec:blueprint-digest": "0" * 64}}
    survey = right_survey(
        covered_region("us-east-1", parent_stack(BLUEPRINT.roles, "us-east-1", **outdated)),
        covered_region(
            "us-west-2",
            parent_stack(BLUEPRINT.roles, "us-west-2", **outdated),
            parent_stack(BLUEPRINT.trails, "us-west-2"),
        ),
    )
    (asked,) = make_plan(survey).questions
    made = make_plan(survey, {asked.key: f"use:{region}"})
    deployed = [step.region for step in made.steps if step.kind == StepKind.DEPLOY_ROLES]
    assert deployed == [region]


def test_an_organizations_trail_may_stand_alone_and_then_nothing_of_ours_is_made_there() -> None:
    asked = the_question("organization_trail")
    assert asked.fields["extra_copy_usd_per_100_000_events"] == "2.00"
    beside = make_plan(SURVEYS["organization_trail"], {asked.key: "add"})
    alone = make_plan(SURVEYS["organization_trail"], {asked.key: "skip"})
    assert {step.region for step in beside.steps if step.kind == StepKind.REGION_TRAIL} == set(REGIONS)
    kinds = {step.kind for step in alone.steps}
    assert not kinds & {StepKind.DEPLOY_TRAILS, StepKind.REGION_TRAIL, StepKind.VERIFY_REGION}
    assert StepKind.DEPLOY_ROLES in kinds


def test_where_ours_stands_beside_the_organizations_already_nothing_is_asked_again() -> None:
    regions = [
        replace(covered, trails=(*covered.trails, organization_trail(covered.region)))
        for covered in right_survey().regions
    ]
    assert make_plan(right_survey(*regions)).questions == ()


def everywhere(name: str = "all", **fields: Any) -> AccountSurvey:
    """A trail for all regions, from us-east-1."""
    arn = f"arn:aws:cloudtrail:us-east-1:484535289196:trail/{name}"
    made = [
        make_trail(each, name, arn=arn, home_region="us-east-1", is_multi_region=True, **fields)
        for each in REGIONS
    ]
    return make_survey(*(make_region(one.region, trails=(one,)) for one in made))


def regional(made: Plan) -> dict[str, tuple[str, str, str]]:
    return {
        step.region: (step.target, step.why, step.refused)
        for step in made.steps
        if step.kind == StepKind.REGION_TRAIL
    }


def test_a_re_pointed_trail_takes_ours_place_in_its_region_alone() -> None:
    asked = the_question("own_trail")
    made = make_plan(SURVEYS["own_trail"], {asked.key: "repoint"})
    assert regional(made)["eu-west-1"] == ("own-trail", "repointed", "")
    assert made.choices["repointed"] == [asked.fields["arn"]]
    assert made.choices["regions"] == {"eu-west-1": "skip"}
    kept = make_plan(SURVEYS["own_trail"], {asked.key: "keep"})
    assert regional(kept)["eu-west-1"] == (COMPANY.trails.regional_stack_name, "absent", "")
    assert "repointed" not in kept.choices


def test_a_trail_of_all_regions_is_asked_about_and_changed_once() -> None:
    survey = everywhere()
    (asked,) = make_plan(survey).questions
    assert (asked.region, asked.fields["regions"]) == ("us-east-1", list(REGIONS))
    made = make_plan(survey, {asked.key: "repoint"})
    assert regional(made) == {"us-east-1": ("all", "repointed", "")}
    assert {step.region for step in made.steps if step.kind == StepKind.VERIFY_REGION} == set(REGIONS)
    assert StepKind.DEPLOY_TRAILS in {step.kind for step in made.steps}


def test_a_trail_that_records_less_can_not_take_ours_place() -> None:
    survey = everywhere(has_custom_selectors=True)
    (asked,) = make_plan(survey).questions
    assert asked.options == ("keep", "skip")
    assert regional(make_plan(survey, {asked.key: "skip"})) == {}


def test_what_was_re_pointed_by_an_earlier_consent_stays_so_without_a_question() -> None:
    arn = make_trail("eu-west-1").arn
    storage = COMPANY.storage
    pointed = make_trail("eu-west-1", bucket=storage.bucket, topic_arn=storage.topic_arn)
    parameters = trails_parameters(
        BLUEPRINT,
        regions=REGIONS,
        choices={"eu-west-1": "skip"},
        attempt=1,
        repointed=[arn],
        freed=["arn:gone"],
    )
    home = covered_region(
        "us-west-2",
        parent_stack(BLUEPRINT.roles, "us-west-2"),
        parent_stack(BLUEPRINT.trails, "us-west-2", parameters=parameters),
    )
    survey = right_survey(home, make_region("eu-west-1", trails=(pointed,)))
    made = make_plan(survey)
    assert made.questions == ()
    assert made.is_empty
    assert made.choices["repointed"] == [arn]
    back = right_survey(home, make_region("eu-west-1", trails=(make_trail("eu-west-1"),)))
    assert [one.code for one in make_plan(back).questions] == ["own_trail"]


@pytest.mark.parametrize("option", the_question("too_many_trails").options)
def test_of_five_trails_the_named_one_goes_or_is_re_pointed_or_the_region_is_left_out(option: str) -> None:
    asked = the_question("too_many_trails")
    assert len(asked.options) == 11
    assert asked.fields["trails"] == {f"own-{n}": "own-bucket" for n in range(5)}
    made = make_plan(SURVEYS["too_many_trails"], {asked.key: option})
    verb, _colon, name = option.partition(":")
    arn = make_trail("eu-west-1", name).arn
    assert made.choices.get("freed", []) == ([arn] if verb == "free" else [])
    assert made.choices.get("repointed", []) == ([arn] if verb == "repoint" else [])
    if verb == "skip":
        assert "eu-west-1" not in regional(made)
    elif verb == "free":
        assert regional(made)["eu-west-1"] == (COMPANY.trails.regional_stack_name, "absent", "")
    else:
        assert regional(made)["eu-west-1"] == (name, "repointed", "")


def test_where_ours_stands_beside_the_owners_already_nothing_is_asked_again() -> None:
    region = covered_region("eu-west-1")
    survey = right_survey(replace(region, trails=(*region.trails, make_trail("eu-west-1"))))
    assert make_plan(survey).questions == ()


def test_the_same_question_about_many_regions_is_asked_once() -> None:
    stacks = [make_region(name, old_stack(name, is_termination_protected=True)) for name in REGIONS]
    asked = make_plan(make_survey(*stacks)).questions
    (group,) = grouped(asked)
    assert [one.region for one in group.questions] == list(REGIONS)
    assert len({one.key for one in asked}) == len(REGIONS)


def test_a_consent_that_was_not_approved_is_another_plan() -> None:
    asked = the_question("two_homes")
    before, after = (make_plan(SURVEYS["two_homes"], {asked.key: option}) for option in asked.options)
    assert plans_differ(before, after)
    assert not plans_differ(before, before)


def test_a_form_notices_another_question_and_another_answer() -> None:
    first, second = the_question("old_stack_extras"), the_question("two_homes")
    versions = {
        version_of([], {}),
        version_of([first], {}),
        version_of([first], {first.key: "leave"}),
        version_of([first], {first.key: "remove"}),
        version_of([first, second], {}),
    }
    assert len(versions) == 5
    assert version_of([first, second], {}) == version_of([second, first], {"unrelated": "x"})


@given(
    codes=st.sets(st.sampled_from(["extras", "protected", "attached", "blocked", "organization"])),
    answers=st.lists(st.sampled_from([None, 0, 1]), min_size=12, max_size=12),
)
def test_whatever_is_found_and_answered_the_plan_holds_no_write_without_consent(
    codes: set[str], answers: list[int | None]
) -> None:
    old = with_extras() if "extras" in codes else OLD
    old = replace(old, is_termination_protected="protected" in codes)
    trails = {name: (organization_trail(name),) if "organization" in codes else () for name in REGIONS}
    home = [REVIEW] if "blocked" in codes else []
    survey = make_survey(
        *(
            make_region(
                name,
                *([old] if name == "sa-east-1" else home if name == "us-west-2" else []),
                trails=trails[name],
            )
            for name in REGIONS
        )
    )
    if "attached" in codes:
        survey = replace(survey, stack_roles=(ROLE,))
    asked = make_plan(survey).questions
    given_answers = {
        one.key: one.options[answer]
        for one, answer in zip(asked, answers, strict=False)
        if answer is not None
    }
    made = make_plan(survey, given_answers)
    assert made.questions == asked
    assert set(made.answers) == set(given_answers)
    about_old = [one for one in asked if one.code.startswith("old_")]
    is_allowed = all(made.answers.get(one.key) not in {None, "leave"} for one in about_old)
    assert (StepKind.REMOVE_STACK in {step.kind for step in made.steps}) == is_allowed
    for one in asked:
        if one.code == "name_blocked":
            (roles,) = [step for step in made.steps if step.kind == StepKind.DEPLOY_ROLES]
            assert bool(roles.refused) == (made.answers.get(one.key) != "delete")
