"""What goes wrong with a region's trail, with infosec's storage, or with the first log?"""

from onboarding.remedies.scenarios.scenario import (
    NONE,
    OF_THE_REFUSAL,
    OF_THE_REGION,
    OF_THE_SURVEY,
    OF_THE_TRAIL,
    Scenario,
)

_HERE = "tests/failures/test_trails.py::{}"
_OTHERS = "The region fails alone; all others go on."

SCENARIOS = (
    Scenario(
        57,
        "The log bucket's policy doesn't know the account",
        "Checked before the first write; in a region, CloudTrail's own sentence.",
        OF_THE_REGION,
        "The account is admitted before anything is written in it. A region that is refused all the same has "
        "it admitted again, and is tried once more.",
        ("bucket_policy", "not_admitted", "admission_denied"),
        (
            _HERE.format("test_57_the_account_is_admitted_first"),
            _HERE.format("test_57_the_account_is_admitted_again"),
            _HERE.format("test_57_it_may_not_be_admitted"),
        ),
    ),
    Scenario(
        58,
        "The log bucket is missing",
        "`NoSuchBucket` when it is checked; `S3BucketDoesNotExistException` in a region.",
        OF_THE_REFUSAL,
        "The run fails before anything is written in the account. The operators' log has it.",
        ("bucket_missing",),
        (_HERE.format("test_58_the_bucket_is_missing"),),
    ),
    Scenario(
        59,
        "The topic is missing, or its policy doesn't know the account",
        "Checked before the first write; in a region, CloudTrail's own sentence.",
        OF_THE_REGION,
        "As for the bucket: admitted again, and tried once more.",
        ("topic_policy", "topic_missing"),
        (_HERE.format("test_59_the_topic_does_not_know_the_account"),),
    ),
    Scenario(
        60,
        "The region has five trails already",
        "The survey counts them; or `MaximumNumberOfTrailsExceededException`.",
        OF_THE_SURVEY,
        f"The owner is asked which may go, by name, or whether the region is left out. {_OTHERS}",
        ("too_many_trails",),
        ("tests/failures/test_choices.py::test_60_five_trails",),
    ),
    Scenario(
        61,
        "The trail's name is taken",
        "`TrailAlreadyExistsException`; not met in general, as the name is made up by CloudFormation.",
        OF_THE_REGION,
        "The stack is removed and made once more, under another name.",
        ("trail_name_taken",),
        (_HERE.format("test_61_the_name_is_taken"),),
    ),
    Scenario(
        62,
        "An organization's trail logs the account already",
        "The survey sees a trail that belongs to the organization.",
        OF_THE_SURVEY,
        "It is left as it is. The owner is asked whether ours is added beside it, and told what that costs.",
        (),
        ("tests/failures/test_choices.py::test_62_an_organization_logs_the_account_already",),
    ),
    Scenario(
        63,
        "There is a trail of the owner's",
        "The survey sees it.",
        OF_THE_SURVEY,
        "The owner is asked: kept, with ours beside it at a stated cost, or delivering to infosec instead.",
        (),
        ("tests/failures/test_choices.py::test_63_a_trail_of_the_owners",),
    ),
    Scenario(
        64,
        "The trail was stopped",
        "`IsLogging` is false.",
        NONE,
        "The installer starts it in its own region; nothing is made anew.",
        ("not_logging",),
        (_HERE.format("test_64_the_trail_was_stopped"),),
    ),
    Scenario(
        65,
        "A trail is addressed in another region than its own",
        "`InvalidHomeRegionException`; not met in general, as only trails of our own regional stacks are "
        "addressed.",
        OF_THE_REGION,
        _OTHERS,
        ("wrong_home_region",),
        (_HERE.format("test_65_another_region_than_its_own"),),
    ),
    Scenario(
        66,
        "CloudTrail is busy with the trail",
        "`ConflictException`.",
        OF_THE_REGION,
        "The installer waits a minute and asks again, five times.",
        ("trail_busy",),
        (_HERE.format("test_66_the_trail_is_busy"),),
    ),
    Scenario(
        67,
        "The trail is on, and its logs are refused",
        "`LatestDeliveryError` or `LatestNotificationError`.",
        OF_THE_TRAIL,
        "The account is admitted again; the trail is looked at until it delivers, for as long as a first log "
        "may take.",
        ("delivery_failing",),
        (
            _HERE.format("test_67_delivery_is_mended"),
            _HERE.format("test_67_delivery_stays_broken"),
        ),
    ),
    Scenario(
        68,
        "There is no first log yet",
        "No `LatestDeliveryTime`, or one from before the trail was last started.",
        OF_THE_TRAIL,
        "Waited for, up to half an hour, without the owner's access; the page says so.",
        ("no_first_log",),
        (
            _HERE.format("test_68_the_first_log_is_waited_for"),
            _HERE.format("test_68_no_log_comes"),
        ),
    ),
    Scenario(
        69,
        "Some regions failed",
        "Regions of one run differ.",
        OF_THE_REGION,
        "The run ends partly done, each region with its reason. One act tries again what failed, and nothing "
        "else.",
        ("region_stack_failed", "region_stack_missing", "region_not_begun", "trail_missing"),
        (
            _HERE.format("test_69_some_regions_failed"),
            "tests/failures/test_cancel_retry_resume.py::test_retrying_touches_only_the_region_that_failed",
        ),
    ),
)
