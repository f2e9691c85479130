"""What is said of one way in which an onboarding goes wrong?"""

from dataclasses import dataclass

# By which rule the one cause is found among all that AWS says.
OF_THE_FORM = "What the form finds; AWS is asked nothing."
OF_THE_REFUSAL = "The refusal itself, with its request id."
OF_THE_CHECK = "Our own check; AWS's refusal beside it where there is one."
OF_THE_SURVEY = "What the survey saw."
OF_THE_EVENTS = (
    "The oldest `*_FAILED` event of the operation that isn't only cancelled for another's sake; without one, "
    "why the stack turned to rolling back."
)
OF_THE_REGION = (
    "The regional stack's oldest failure; without a stack, what the installer says of the region; without "
    "that, why the parent failed."
)
OF_THE_TRAIL = "What the trail's own status says, read from outside."
NONE = "None is needed: nothing has failed."


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the catalogue: how it is known, where it leads, what goes on meanwhile, and who has seen it.

    `remedies` are codes of REMEDIES: they say what happened, what it means, what to do and who does it, and
    carry the signs by which AWS's answers are known. `recognised` says what no sign does. `tests` are the
    tests that provoke it on the stand-in: page, state, next act and writes. A scenario that this product
    can't meet says why in `not_met` and has no test.
    """

    number: int
    title: str
    recognised: str
    cause: str
    meanwhile: str
    remedies: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    not_met: str = ""
