"""What goes wrong with the old stack?"""

from onboarding.remedies.scenarios.scenario import (
    NONE,
    OF_THE_CHECK,
    OF_THE_EVENTS,
    OF_THE_REFUSAL,
    OF_THE_SURVEY,
    Scenario,
)

_HERE = "tests/failures/test_old_stack.py::{}"
_ASKED = "tests/failures/test_choices.py::test_asked_and_done_with_consent[{}]"
_LEFT = "tests/failures/test_choices.py::test_left_alone_without_it[{}]"

SCENARIOS = (
    Scenario(
        27,
        "There is no old stack",
        "Nothing matches, and every region was searched.",
        NONE,
        "Nothing is to be removed; the plan says in how many regions it was looked for.",
        (),
        (_HERE.format("test_27_none_anywhere"),),
    ),
    Scenario(
        28,
        "There is no old stack, but some regions could not be searched",
        "Nothing matches, and some regions refused or did not answer.",
        OF_THE_SURVEY,
        "Goes on; the plan names the regions that were not searched.",
        (),
        (_HERE.format("test_28_none_found_but_a_region_could_not_be_searched"),),
    ),
    Scenario(
        29,
        "There are several old stacks",
        "More than one stack matches by its content, under whatever name.",
        NONE,
        "Each is deleted in its own region, by its own step.",
        (),
        (_HERE.format("test_29_several_each_in_its_own_region"),),
    ),
    Scenario(
        30,
        "The name matches and the content doesn't, or there are other resources in it",
        "The stack's resources, or whom its template trusts, differ from the old stack's.",
        OF_THE_SURVEY,
        "The owner is asked, each resource by its name; never deleted unasked.",
        ("not_deleted_other_content", "old_role_in_stack", "stack_has_other_content"),
        (
            _ASKED.format("old-stack-with-extra-resources"),
            _LEFT.format("old-stack-with-extra-resources"),
        ),
    ),
    Scenario(
        31,
        "The old stack is nested, or a stack set's",
        "It has a parent, or the name that stack sets give.",
        OF_THE_SURVEY,
        "Never deleted: whoever manages it would make it again. Everything else goes on.",
        ("nested_or_stackset", "old_role_in_stack"),
        (
            _HERE.format("test_31_managed_by_another_stack_or_a_stack_set[nested-old-stack]"),
            _HERE.format("test_31_managed_by_another_stack_or_a_stack_set[stackset-old-stack]"),
        ),
    ),
    Scenario(
        32,
        "The old stack is protected from deletion",
        "The survey sees its termination protection, or the deletion is refused for it.",
        OF_THE_SURVEY,
        "The owner is asked; never lifted unasked.",
        ("termination_protected",),
        (
            _ASKED.format("termination-protected"),
            _LEFT.format("termination-protected"),
        ),
    ),
    Scenario(
        33,
        "The old stack is busy with another change",
        "Its status is in progress, or the deletion is refused for it.",
        OF_THE_REFUSAL,
        "Waited for, up to an hour.",
        ("stack_busy",),
        (
            _HERE.format("test_33_busy_with_another_change"),
            _HERE.format("test_33_busy_for_an_hour"),
        ),
    ),
    Scenario(
        34,
        "Another stack imports what it exports",
        "The deletion is accepted, and the stack's status reason says that it was cancelled.",
        "The stack's own status reason, which names the other stack.",
        "The step fails; the stack stands as before; everything else goes on.",
        ("export_in_use",),
        (_HERE.format("test_34_its_export_is_in_use"),),
    ),
    Scenario(
        35,
        "It has a service role, or had one that is gone",
        "The survey sees its service role; or the deletion is refused as the role can't be assumed.",
        OF_THE_SURVEY,
        "A stack with a service role is left to its owner, with the command, as AWS would act with that "
        "role's rights. Everything else goes on.",
        ("stack_role_gone", "old_role_in_stack"),
        (
            _HERE.format("test_35_it_works_with_a_service_role"),
            _HERE.format("test_35_its_service_role_is_gone"),
        ),
    ),
    Scenario(
        36,
        "Something was attached to the old role by hand",
        "The survey sees it; or DELETE_FAILED, whose event says that something must be detached first.",
        OF_THE_EVENTS,
        "The owner is asked, each policy by its name; never detached unasked.",
        ("old_role_has_attachments",),
        (
            _ASKED.format("foreign-policy-on-old-role"),
            _LEFT.format("foreign-policy-on-old-role"),
        ),
    ),
    Scenario(
        37,
        "The access may not delete a part of it",
        "DELETE_FAILED; the event says which action is denied. Found before consent where the simulator "
        "answers.",
        OF_THE_EVENTS,
        "The step fails; everything else goes on.",
        ("delete_denied",),
        (_HERE.format("test_37_a_permission_to_delete_is_missing"),),
    ),
    Scenario(
        38,
        "Its role was already deleted by hand",
        "CloudFormation counts what isn't found as deleted: DELETE_COMPLETE.",
        NONE,
        "Done.",
        (),
        (_HERE.format("test_38_its_role_was_deleted_by_hand"),),
    ),
    Scenario(
        39,
        "Its role survives the deletion",
        "DELETE_COMPLETE, and `iam:GetRole` still finds the role after a minute.",
        OF_THE_CHECK,
        "The step fails in red; everything else goes on.",
        ("old_role_left",),
        (_HERE.format("test_39_its_role_survives_it"),),
    ),
    Scenario(
        40,
        "The answer to a deletion or creation is lost",
        "A time-out or a broken connection after the request was sent.",
        NONE,
        "Looked at first; only if nothing is there, asked again with the same token.",
        ("region_unreachable",),
        (
            _HERE.format("test_40_the_answer_is_lost[DeleteStack]"),
            _HERE.format("test_40_the_answer_is_lost[CreateStack]"),
        ),
    ),
)
