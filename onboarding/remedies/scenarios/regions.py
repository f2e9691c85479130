"""What goes wrong with a single region, or with the list of them?"""

from onboarding.remedies.scenarios.scenario import (
    NONE,
    OF_THE_REFUSAL,
    OF_THE_REGION,
    OF_THE_SURVEY,
    Scenario,
)

_HERE = "tests/failures/test_regions.py::{}"

SCENARIOS = (
    Scenario(
        21,
        "An organization's policy closes a region",
        "Every read there is denied by a service control policy.",
        OF_THE_SURVEY,
        "The region is left out, and the plan and the page say so; all others go on. It is no gap: nothing "
        "can happen there.",
        ("region_denied_by_organization",),
        (_HERE.format("test_21_an_organization_blocks_a_region"),),
    ),
    Scenario(
        22,
        "An organization's policy forbids it where the stacks live",
        "The same refusal of a write in the home region.",
        OF_THE_REFUSAL,
        "The run fails before anything else is begun.",
        ("denied_by_organization",),
        (_HERE.format("test_22_an_organization_forbids_it_where_the_stacks_live"),),
    ),
    Scenario(
        23,
        "A region isn't enabled, or still being enabled",
        "Credentials that work in us-east-1 are unknown in a region that has to be enabled.",
        OF_THE_SURVEY,
        "The region is left out. Each later look asks anew; once it is enabled it is shown as a gap.",
        ("region_not_enabled",),
        (_HERE.format("test_23_a_region_is_not_enabled"),),
    ),
    Scenario(
        24,
        "The regions can't be listed",
        "Both services that list regions refuse.",
        OF_THE_SURVEY,
        "The regions that every account has are worked in; the run ends partly done and says why.",
        ("regions_not_listed",),
        (_HERE.format("test_24_the_regions_cannot_be_listed"),),
    ),
    Scenario(
        25,
        "A region can't be reached",
        "Time-outs, broken connections, answers of 500 and more.",
        OF_THE_REGION,
        "Three attempts for each call, then ever longer pauses for a quarter of an hour; all other regions "
        "are finished meanwhile. A retry works in this region alone.",
        ("region_unreachable", "answer_unreadable"),
        (
            _HERE.format("test_25_a_region_cannot_be_reached"),
            "tests/failures/test_cancel_retry_resume.py::test_retrying_touches_only_the_region_that_failed",
        ),
    ),
    Scenario(
        26,
        "AWS asks to go slower",
        "Any of the spellings of throttling, after botocore's own attempts.",
        NONE,
        "Tried again after a pause that grows from seconds to two minutes, never in step with others. No "
        "status changes.",
        ("throttled",),
        (
            _HERE.format("test_26_throttled"),
            _HERE.format("test_26_throttled_for_ever"),
        ),
    ),
)
