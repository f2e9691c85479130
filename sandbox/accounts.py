"""Which AWS accounts does the stand-in know by name, and what was said about them?

Any twelve digits are an account; only what differs from an ordinary one is kept here.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Account:
    """`opted_in` is None when nothing was said. `role` is what it is in the story told: owner, central.

    `scripted`: its regions are played from a script (`sandbox.scripted`).
    """

    number: str
    name: str = ""
    alias: str = ""
    role: str = "owner"
    opted_in: tuple[str, ...] | None = None
    management_account: str = ""
    scripted: bool = False


_accounts: dict[str, Account] = {}
_lock = threading.Lock()


def get(number: str) -> Account:
    """The account, told about or not."""
    return _accounts.get(number) or Account(number)


def tell(account: Account) -> None:
    """Say what is special about an account; replaces what was said before."""
    if not (len(account.number) == 12 and account.number.isdigit()):
        raise ValueError(f"An account number has twelve digits: {account.number!r}")
    with _lock:
        _accounts[account.number] = account


def join_organization(number: str, management_account: str) -> None:
    """Make the account a member of the other one's organization; the trails of that reach into it."""
    tell(replace(get(number), management_account=management_account))


def known() -> Sequence[Account]:
    """The accounts told about, in the order of telling."""
    return list(_accounts.values())


def members(management_account: str) -> Sequence[Account]:
    """The other accounts of its organization."""
    return [a for a in known() if a.management_account == management_account]


def clear() -> None:
    """Forget everything said."""
    with _lock:
        _accounts.clear()
