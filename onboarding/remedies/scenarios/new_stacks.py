"""What goes wrong with the two new stacks?"""

from onboarding.remedies.scenarios.scenario import (
    NONE,
    OF_THE_EVENTS,
    OF_THE_REFUSAL,
    OF_THE_SURVEY,
    Scenario,
)

_HERE = "tests/failures/test_new_stacks.py::{}"
_ASKED = "tests/failures/test_choices.py::test_asked_and_done_with_consent[{}]"
_LEFT = "tests/failures/test_choices.py::test_left_alone_without_it[{}]"
_STOPPED = "The run fails: nothing that needs the stack is begun. What was written is told."

SCENARIOS = (
    Scenario(
        41,
        "A stack of that name is there, and live",
        "The survey sees it; or `AlreadyExistsException`, which is looked into and not believed.",
        NONE,
        "Ours: compared with the blueprint, updated if it differs. Not ours: left alone, and said so.",
        ("name_taken",),
        (
            _HERE.format("test_41_it_is_there_already"),
            _HERE.format("test_41_somebody_was_faster"),
        ),
    ),
    Scenario(
        42,
        "A failed earlier attempt holds the name",
        "ROLLBACK_COMPLETE, ROLLBACK_FAILED, CREATE_FAILED or DELETE_FAILED, and the stack is ours.",
        NONE,
        "The owner is asked; with consent the remains are deleted, then the stack is made. What the run "
        "itself left behind is removed when it is tried again.",
        ("create_failed", "delete_failed"),
        (_HERE.format("test_42_a_failed_attempt_holds_the_name"),),
    ),
    Scenario(
        43,
        "An unexecuted change set holds the name",
        "REVIEW_IN_PROGRESS.",
        OF_THE_SURVEY,
        "The owner is asked; never deleted unasked.",
        ("change_set_waiting", "blocked_name_left"),
        (
            _ASKED.format("review-in-progress"),
            _LEFT.format("review-in-progress"),
        ),
    ),
    Scenario(
        44,
        "The roles' stack lives in the other home region",
        "The survey sees it there.",
        NONE,
        "Kept where it lives and not made a second time, as roles are global.",
        (),
        ("tests/failures/test_choices.py::test_44_it_lives_in_the_other_home_region",),
    ),
    Scenario(
        45,
        "There is nothing to update",
        "“No updates are to be performed.”",
        NONE,
        "That is success.",
        (),
        (_HERE.format("test_45_nothing_to_update"),),
    ),
    Scenario(
        46,
        "A capability is missing",
        "`InsufficientCapabilitiesException`; not met in general, as every request carries what its template "
        "needs.",
        OF_THE_REFUSAL,
        f"{_STOPPED} Asking again would send the same capabilities.",
        ("template_invalid",),
        (_HERE.format("test_refused_at_once[46]"),),
    ),
    Scenario(
        47,
        "The region's limit for stacks is reached",
        "`LimitExceededException` on creating the stack.",
        OF_THE_REFUSAL,
        _STOPPED,
        ("stack_quota",),
        (_HERE.format("test_refused_at_once[47]"),),
    ),
    Scenario(
        48,
        "The account's limit for roles is reached, or a name is taken",
        "The role's event: `LimitExceeded`, “Cannot exceed quota”, or “already exists in stack”.",
        OF_THE_EVENTS,
        f"AWS rolls back. {_STOPPED}",
        ("role_quota", "role_exists"),
        (
            _HERE.format("test_the_roles_are_rolled_back[48-quota]"),
            _HERE.format("test_the_roles_are_rolled_back[48-name]"),
        ),
    ),
    Scenario(
        49,
        "Lambda no longer takes the installer's version of Python",
        "The function's event: “The runtime parameter of … is no longer supported”.",
        OF_THE_EVENTS,
        "AWS rolls back. The roles stay; the run ends partly done.",
        ("runtime_retired",),
        (_HERE.format("test_the_installer_does_not_start[49]"),),
    ),
    Scenario(
        50,
        "The installer's code can't be read from its bucket",
        "The function's event: “S3 Error Code: …”.",
        OF_THE_EVENTS,
        "–",
        ("code_unreadable",),
        not_met="The installer's code stands in the template itself: there is no code bucket to be read.",
    ),
    Scenario(
        51,
        "The published template can't be read",
        "`ValidationError` “S3 error: …” on creating the stack.",
        OF_THE_REFUSAL,
        f"{_STOPPED} The template's text isn't sent instead: what is published is what was approved and "
        "allowed.",
        ("template_unreadable",),
        (_HERE.format("test_refused_at_once[51]"),),
    ),
    Scenario(
        52,
        "The installer doesn't answer",
        "The event: “did not receive a response from your Custom Resource”.",
        OF_THE_EVENTS,
        "Waited for: CloudFormation gives up after 16 minutes, and its rollback can take as long again.",
        ("installer_silent",),
        (_HERE.format("test_52_the_installer_does_not_answer"),),
    ),
    Scenario(
        53,
        "The installer isn't let start",
        "The event: `lambda:InvokeFunction` denied, or no concurrency left.",
        OF_THE_EVENTS,
        "AWS rolls back. The roles stay; the run ends partly done.",
        ("installer_not_invoked",),
        (_HERE.format("test_the_installer_does_not_start[53]"),),
    ),
    Scenario(
        54,
        "A custom resource behind a topic is refused",
        "The event: `SNS:Publish` denied.",
        OF_THE_EVENTS,
        "–",
        not_met="No template of ours has a custom resource behind a topic.",
    ),
    Scenario(
        55,
        "Creating a stack is rolled back",
        "ROLLBACK_COMPLETE, for a reason that no other row knows, in whatever language.",
        OF_THE_EVENTS,
        "The step fails with AWS's own words. The next plan deletes the remains first.",
        ("create_failed", "update_failed"),
        (_HERE.format("test_the_roles_are_rolled_back[55]"),),
    ),
    Scenario(
        56,
        "The rollback is stuck",
        "ROLLBACK_FAILED.",
        OF_THE_EVENTS,
        "The step fails; what is left is named. The next plan deletes the remains first.",
        ("rollback_stuck", "update_stuck"),
        (_HERE.format("test_56_the_rollback_is_stuck"),),
    ),
)
