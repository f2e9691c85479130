"""What can go wrong anywhere, at any time?"""

from onboarding.remedies.scenarios.scenario import NONE, OF_THE_REFUSAL, OF_THE_SURVEY, Scenario

_HERE = "tests/failures/test_anywhere.py::{}"

SCENARIOS = (
    Scenario(
        70,
        "The new roles can't be assumed yet",
        "`AccessDenied` when the audit role is first assumed.",
        OF_THE_REFUSAL,
        "Tried again, for five minutes, before it is called a failure.",
        ("audit_role_not_assumable",),
        (
            _HERE.format("test_70_the_new_role_takes_its_time"),
            _HERE.format("test_70_the_new_role_is_never_assumable"),
        ),
    ),
    Scenario(
        71,
        "The account is suspended, or not signed up",
        "`OptInRequired`, `SubscriptionRequiredException` and their like.",
        OF_THE_SURVEY,
        "The run waits as “needs access”; nothing is written.",
        ("account_inactive",),
        (_HERE.format("test_71_the_account_is_not_active"),),
    ),
    Scenario(
        72,
        "The page is closed, or a form is sent twice",
        "The same act of the same owner, again.",
        NONE,
        "One open run for each account, one hand-over, one approval of one digest: the second has no effect.",
        (),
        (_HERE.format("test_72_the_same_twice"),),
    ),
    Scenario(
        73,
        "A worker dies",
        "Its lease ends.",
        NONE,
        "What it held falls due again; the stack that it asked for is found by its id or token and not asked "
        "for twice.",
        (),
        (_HERE.format("test_73_a_worker_dies"),),
    ),
    Scenario(
        74,
        "AWS says what nobody has heard before",
        "No other row fits.",
        OF_THE_REFUSAL,
        "This step fails, the others go on; AWS's own code, words and request id are shown.",
        ("unknown",),
        ("tests/failures/test_new_stacks.py::test_refused_at_once[74]",),
    ),
)
