"""A short chaos: a dozen onboardings, a few faults. `make chaos` runs the long one, with every kind."""

import os
import subprocess
import sys

import pytest

from demo.stack import ROOT
from tests.chaos.machine import find_postgres, find_redis

# It has a time limit of its own, longer than other tests'.
pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(900)]

# Another seed, other faults: each of these is one that everybody meets.
SEED = 20261125


def test_all_onboardings_end_as_they_should_while_faults_strike() -> None:
    if find_postgres() is None or find_redis() is None:
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail("REQUIRE_ALL=1, and PostgreSQL's initdb or a redis-server is not on this machine.")
        pytest.skip("PostgreSQL's initdb or a redis-server is not on this machine")
    few = "--onboardings 12 --faults 6 --pause-seconds 5 --longest-seconds 15 --within-minutes 8"
    command = [sys.executable, "-m", "tests.chaos", *few.split(), "--seed", str(SEED)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
