"""In which shapes does the portal ever hold an owner's access in the clear?

Only these two. Neither shows its content when printed, logged, formatted or compared in a traceback, and
neither can be pickled or copied into a task argument, a session or a cache.
"""

from dataclasses import dataclass, field
from typing import NoReturn

MASK = "…masked…"


class _Unprintable:
    """Refuses every way by which a value slips into a log or a queue unnoticed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, specification: str) -> str:
        return MASK

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds an owner's access and is never serialised.")


@dataclass(frozen=True, slots=True, repr=False)
class RoleHandOver(_Unprintable):
    """A role that the owner lets the portal's worker assume."""

    role_arn: str
    external_id: str = field(repr=False)


@dataclass(frozen=True, slots=True, repr=False)
class TemporaryCredentials(_Unprintable):
    """An access key that AWS lets expire, with the session token it needs."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)


HandedOver = RoleHandOver | TemporaryCredentials
