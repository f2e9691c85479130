"""Does the check of the lock files see what it is for?"""

import pytest
from packaging.requirements import Requirement

from tests.locks import ROOT, asked_for, faults_of

ASKER = "account-onboarding (pyproject.toml)"
LOCK = f"""\
boto3==1.44.5 \\
    --hash=sha256:aa
    # via {ASKER}
botocore==1.44.5 \\
    --hash=sha256:bb
    # via
    #   boto3
    #   s3transfer
"""


@pytest.mark.parametrize("name", sorted(asked_for()))
def test_the_lock_files_agree_with_what_is_asked_for(name: str) -> None:
    asker, requirements = asked_for()[name]
    assert faults_of((ROOT / "requirements" / name).read_text(), asker, requirements) == []


def test_an_agreeing_lock_has_no_faults() -> None:
    assert faults_of(LOCK, ASKER, [Requirement("boto3~=1.44")]) == []


@pytest.mark.parametrize(
    ("requirements", "fault"),
    [
        (["boto3~=1.45"], "boto3 is 1.44.5, but boto3~=1.45 is asked for"),
        (["boto3", "django"], "django is asked for and not there"),
        (["boto3", "botocore"], "botocore is asked for and not there"),
        ([], "boto3 is noted as asked for and is not"),
    ],
)
def test_a_lock_that_lags_behind_is_told_apart(requirements: list[str], fault: str) -> None:
    assert faults_of(LOCK, ASKER, [Requirement(text) for text in requirements]) == [fault]


@pytest.mark.parametrize("named", ["--index-url somewhere", "boto3 @ scheme" + "://host"])
def test_a_lock_must_have_hashes_and_name_no_index(named: str) -> None:
    without = f"{named}\n" + LOCK.replace("    --hash=sha256:aa\n", "")
    assert faults_of(without, ASKER, [Requirement("boto3")]) == [
        f"names an index: {named}",
        "boto3 has no hash",
    ]
