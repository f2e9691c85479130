"""No two records have the same encoding, and every field is in it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.audit.encoding import CONTENT, encode
from onboarding.models import AuditRecord

# Characters that an encoding is likely to stumble over come often.
texts = st.text(st.sampled_from("0123456789;:,-\\\"'\x00 aé漢") | st.characters(codec="utf-8"), max_size=12)
numbers = st.none() | st.integers(-(2**63), 2**63 - 1)
times = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
records = st.tuples(
    st.integers(0, 2**63 - 1),
    times,
    texts,
    numbers,
    texts,
    numbers,
    texts,
    st.none() | st.uuids(),
    texts,
    texts,
)


def decode(text: str) -> tuple[Any, ...]:
    """Read an encoding back: that this is possible at all proves that no two records share one."""
    values: list[Any] = []
    for name in CONTENT:
        if name in {"kind", "actor", "account_number", "ip", "details"}:
            length, _, text = text.partition(":")
            value, text = text[: int(length)], text[int(length) :]
            values.append(value)
        else:
            number, _, text = text.partition(";")
            values.append(number)
    assert text == ""
    identifier, at, kind, actor_id, actor, account_id, account_number, run_id, ip, details = values
    return (
        int(identifier),
        datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(at)),
        kind,
        int(actor_id) if actor_id else None,
        actor,
        int(account_id) if account_id else None,
        account_number,
        UUID(run_id) if run_id else None,
        ip,
        details,
    )


@given(records)
def test_an_encoding_can_be_read_back(record: tuple[Any, ...]) -> None:
    assert decode(encode(*record)) == record


@given(records, records)
def test_different_records_have_different_encodings(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    assert (encode(*one).encode() == encode(*other).encode()) == (one == other)


def test_every_column_but_the_seal_is_sealed() -> None:
    columns = {field.attname for field in AuditRecord._meta.concrete_fields}
    assert set(CONTENT) == columns - {"sequence", "mac", "key_id"}


@pytest.mark.parametrize("position", [0, 1, 3, 5, 7])
def test_a_text_where_a_number_belongs_is_refused(position: int) -> None:
    values: list[Any] = [1, datetime.now(UTC), "kind", 1, "actor", 1, "1", UUID(int=1), "ip", "{}"]
    values[position] = "5;1:x"
    with pytest.raises((AttributeError, TypeError, ValueError)):
        encode(*values)
