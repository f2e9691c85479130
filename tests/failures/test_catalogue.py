"""The catalogue is whole: every scenario has a test that exists, and docs/failures.md says the same."""

import subprocess
import sys
from io import StringIO

import pytest
from django.core.management import call_command

from onboarding.remedies import REMEDIES
from onboarding.remedies.scenarios import SCENARIOS, Scenario
from tests.stand_in import ROOT


@pytest.fixture(scope="module")
def collected() -> set[str]:
    """The node ids that pytest finds in the files that the catalogue names; also without their parameters."""
    files = sorted({test.partition("::")[0] for row in SCENARIOS for test in row.tests})
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n0", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    ids = {line.strip() for line in found.stdout.splitlines() if "::" in line}
    return ids | {each.partition("[")[0] for each in ids}


def test_all_seventy_four_are_there_in_their_order() -> None:
    assert [row.number for row in SCENARIOS] == list(range(1, 75))


@pytest.mark.parametrize("row", SCENARIOS, ids=lambda row: str(row.number))
def test_each_leads_to_remedies_and_has_its_tests(row: Scenario, collected: set[str]) -> None:
    assert set(row.remedies) <= set(REMEDIES)
    assert all((row.title, row.recognised, row.cause, row.meanwhile))
    assert bool(row.tests) != bool(row.not_met)
    assert set(row.tests) <= collected


def test_the_page_of_the_docs_is_what_the_catalogue_says() -> None:
    shown = StringIO()
    call_command("failures", "show", stdout=shown)
    page = (ROOT / "docs" / "failures.md").read_text(encoding="utf-8")
    assert page == shown.getvalue(), "Run manage.py failures write"
