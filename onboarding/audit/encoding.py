"""Which bytes of a record are sealed? One text for each record, and never the same for two.

Numbers end with a semicolon, which they can't contain; texts carry their length in front. So no text can be
moved from one field to the next unnoticed, as joining with a separator would allow. It is one formatted
string, because verifying a million records spends most of its time here and in reading them.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

# In the order of the encoding. What the sealer adds to a record isn't among them: the chain puts it around.
CONTENT = (
    "id",
    "at",
    "kind",
    "actor_id",
    "actor",
    "account_id",
    "account_number",
    "run_id",
    "ip",
    "details",
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def encode(  # noqa: PLR0917 - a row's values, as the query gives them
    record_id: int,
    at: datetime,
    kind: str,
    actor_id: int | None,
    actor: str,
    account_id: int | None,
    account_number: str,
    run_id: UUID | None,
    ip: str,
    details: str,
) -> str:
    """The record as one text. The arguments are the values of `CONTENT`; lengths are in characters.

    Raises TypeError, ValueError or AttributeError for what isn't of its type: SQLite keeps a text in a column
    for numbers, and a text there could look like the fields after it.
    """
    actor_number = "" if actor_id is None else f"{actor_id:d}"
    account = "" if account_id is None else f"{account_id:d}"
    return (
        f"{record_id:d};{(at - _EPOCH) // _MICROSECOND};{len(kind)}:{kind}"
        f"{actor_number};{len(actor)}:{actor}"
        f"{account};{len(account_number)}:{account_number}"
        f"{'' if run_id is None else run_id.hex};{len(ip)}:{ip}{len(details)}:{details}"
    )
