"""Is an account's ticket one of the company's Bugzilla, and which? Pure.

Its owner typed the ticket's address, so nothing is ever sent there: only the number is taken from it, and
only where all else is the address that the company's file says.
"""

import re
from urllib.parse import parse_qs, urlsplit

_NUMBER = re.compile(r"[1-9][0-9]{0,9}")


def bug_number(bugzilla_url: str, ticket_url: str) -> int | None:
    """The bug that `ticket_url` shows in the Bugzilla at `bugzilla_url`; None for any other ticket.

    Both usual forms: `…/show_bug.cgi?id=1002` and `…/1002`.
    """
    if not bugzilla_url:
        return None
    try:
        base, ticket = urlsplit(bugzilla_url), urlsplit(ticket_url)
        same_place = (base.scheme, base.hostname, base.port) == (ticket.scheme, ticket.hostname, ticket.port)
        names_nobody = ticket.username is None and ticket.password is None
    except ValueError:
        return None
    root = base.path.rstrip("/")
    if not same_place or not names_nobody or not ticket.path.startswith(f"{root}/"):
        return None
    page = ticket.path.removeprefix(f"{root}/")
    named = parse_qs(ticket.query).get("id", []) if page == "show_bug.cgi" else [page]
    return int(named[0]) if len(named) == 1 and _NUMBER.fullmatch(named[0]) else None
