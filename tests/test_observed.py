"""What do the observed values say of themselves?"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from onboarding.observed import Trail

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = AT + timedelta(minutes=5)
TRAIL = Trail(
    arn="arn:aws:cloudtrail:eu-west-1:111122223333:trail/t",
    name="t",
    region="eu-west-1",
    home_region="eu-west-1",
    bucket="logs",
    is_logging=True,
)


@pytest.mark.parametrize(
    ("since", "delivered", "first"),
    [
        (AT, LATER, LATER),
        (AT, AT, AT),
        (None, LATER, LATER),
        (LATER, AT, None),
        (AT, None, None),
    ],
)
def test_a_log_from_before_logging_was_switched_on_again_is_no_first_log(
    since: datetime | None, delivered: datetime | None, first: datetime | None
) -> None:
    assert replace(TRAIL, logging_since=since, latest_delivery_at=delivered).first_log_at == first


@pytest.mark.parametrize("is_logging", [False, None])
def test_a_trail_that_does_not_log_has_no_first_log(*, is_logging: bool | None) -> None:
    assert replace(TRAIL, is_logging=is_logging, latest_delivery_at=AT).first_log_at is None
