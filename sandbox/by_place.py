"""How are one region's stacks found among those of a thousand accounts? By account and region.

ministack keeps the stacks of all accounts in one dictionary and walks through all of it to list one region's.
"""

from typing import Any

from ministack.core import responses
from ministack.services import cloudformation

_Key = tuple[str, str, Any]


class _Kept(dict[_Key, Any]):
    """ministack's own dictionary, which also notes what lies where."""

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[tuple[str, str], dict[Any, Any]] = {}

    def __setitem__(self, key: _Key, value: Any) -> None:
        super().__setitem__(key, value)
        self.places.setdefault(key[:2], {})[key[2]] = value

    def __delitem__(self, key: _Key) -> None:
        super().__delitem__(key)
        self.places[key[:2]].pop(key[2], None)

    def setdefault(self, key: _Key, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: _Key, *default: Any) -> Any:
        self.places.get(key[:2], {}).pop(key[2], None)
        return super().pop(key, *default)

    def update(self, *others: Any, **more: Any) -> None:
        for key, value in dict(*others, **more).items():
            self[key] = value

    def clear(self) -> None:
        super().clear()
        self.places.clear()


_Store: Any = responses.AccountRegionScopedDict


class ByPlace(_Store):  # type: ignore[misc]
    """ministack's store, walked through one account's region at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._data = _Kept()

    def _here(self) -> dict[Any, Any]:
        kept: _Kept = self._data
        return kept.places.get(self._prefix(), {})

    def __len__(self) -> int:
        return len(self._here())

    def __bool__(self) -> bool:
        return bool(self._here())

    def __iter__(self) -> Any:
        return iter(list(self._here()))

    def keys(self) -> list[Any]:
        return list(self._here())

    def values(self) -> list[Any]:
        return list(self._here().values())

    def items(self) -> list[tuple[Any, Any]]:
        return list(self._here().items())


def install() -> None:
    """Before anybody holds ministack's own store: each service module looks it up at each call."""
    cloudformation._stacks = ByPlace()
