"""How long may something take, and when is it looked at again?

Nothing stands still for ever: each step, and each status of a run, has a limit after which it fails with a
reason.
"""

import random
from datetime import datetime, timedelta

from django.conf import settings

from onboarding.states import RunStatus, Stage

# A step may be worked on for this long, from its first look. A region's trail waits for the whole parent
# stack, whose function may use 960 s and be asked a second time.
STEP_LIMITS: dict[Stage, timedelta] = {
    Stage.ADMIT: timedelta(minutes=15),
    Stage.REMOVE: timedelta(minutes=60),
    Stage.ROLES: timedelta(minutes=60),
    Stage.TRAILS: timedelta(minutes=90),
    # CloudTrail delivers a first log within about 15 minutes; new roles become usable within one.
    Stage.VERIFY: timedelta(minutes=30),
}

# A run may stay in a status for this long. Where a person is waited for, it is also the longest that a
# grant lives.
RUN_LIMITS: dict[RunStatus, timedelta] = {
    RunStatus.SURVEYING: timedelta(minutes=30),
    RunStatus.PLANNED: timedelta(days=3),
    RunStatus.RUNNING: timedelta(hours=4),
    RunStatus.VERIFYING: timedelta(hours=1),
    RunStatus.NEEDS_ACCESS: timedelta(days=14),
    RunStatus.NEEDS_OWNER: timedelta(days=3),
    RunStatus.CANCELLING: timedelta(minutes=90),
}

# Who has cancelled a run may choose for this long whether what it created is undone.
UNDO_CHOICE_LIMIT = timedelta(minutes=30)

LONGEST_BACK_OFF_SECONDS = 120.0

# So many faults in a row, and nothing else, and a step has failed: with the back-off after about an hour; of
# one region after a quarter of an hour, as the whole run waits for it.
MOST_FAULTS = 30
MOST_FAULTS_OF_A_REGION = 12

# So often our own code may break on the same thing: a deploy that mends it takes less than the quarter of an
# hour that this is with the back-off.
MOST_BREAKS = 10


# How late this process's claims were of late, in seconds: an average that forgets within a few dozen.
_lateness = [0.0]
_FORGETTING = 0.05
MOST_PATIENCE_SECONDS = 45.0


def note_lateness(seconds: float) -> None:
    """Remember how long after it fell due something was claimed."""
    _lateness[0] += _FORGETTING * (max(0.0, seconds) - _lateness[0])


def patience() -> float:
    """By how many seconds looks are put off as the workers can't keep up: they would come late anyway."""
    return min(_lateness[0], MOST_PATIENCE_SECONDS)


def next_look(looks: int) -> timedelta:
    """When to look again after `looks` looks: often at first, six times more slowly later, never in step."""
    slower = min(1.0 + max(0, looks - 6) / 6, 6.0)
    return timedelta(seconds=(float(settings.CLOUD_POLL_SECONDS) * slower + patience()) * _jitter())


def first_region_look() -> timedelta:
    """When a region is looked at after the parent has begun: its role and function come first."""
    return timedelta(seconds=5 * float(settings.CLOUD_POLL_SECONDS) * _jitter())


def first_log_look() -> timedelta:
    """When a region whose trail was just made is asked for its first log, unless another has one before."""
    return timedelta(seconds=12 * float(settings.CLOUD_POLL_SECONDS) * _jitter())


def back_off(faults: int) -> timedelta:
    """When to try again after `faults` faults in a row, of AWS or of the network."""
    seconds = float(settings.CLOUD_POLL_SECONDS) * 2.0 ** min(faults, 10)
    return timedelta(seconds=min(seconds, LONGEST_BACK_OFF_SECONDS) * _jitter())


def fresh_role_limit() -> timedelta:
    """How long IAM may take until a new role can be assumed everywhere: with the default poll, a minute."""
    return 12 * timedelta(seconds=float(settings.CLOUD_POLL_SECONDS))


def deleted_role_limit() -> timedelta:
    """How long IAM's readers may still show a role that is gone."""
    return 12 * timedelta(seconds=float(settings.CLOUD_POLL_SECONDS))


def unheeded_limit() -> timedelta:
    """How long a stack may show nothing of what AWS accepted for it: with the default poll, two minutes."""
    return 24 * timedelta(seconds=float(settings.CLOUD_POLL_SECONDS))


def new_roles_limit() -> timedelta:
    """How long after its stack is complete a role may refuse to be assumed before that is a failure."""
    return 60 * timedelta(seconds=float(settings.CLOUD_POLL_SECONDS))


def run_limit_ends(status: RunStatus, since: datetime) -> datetime | None:
    """When a run that entered `status` at `since` has stood there too long; None where there is no limit."""
    limit = RUN_LIMITS.get(status)
    return since + limit if limit else None


def _jitter() -> float:
    return random.uniform(0.8, 1.2)  # noqa: S311 - spreads requests, hides nothing
