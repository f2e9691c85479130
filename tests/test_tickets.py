"""Only a ticket of the company's own Bugzilla has a number; whatever else somebody typed has none."""

import pytest

from onboarding.tickets import bug_number

BUGZILLA = "https://bugzilla.example.org"


@pytest.mark.parametrize(
    ("base", "ticket"),
    [
        (BUGZILLA, "https://bugzilla.example.org/show_bug.cgi?id=1002"),
        (BUGZILLA, "https://bugzilla.example.org/1002"),
        (f"{BUGZILLA}/", "https://BUGZILLA.example.org/show_bug.cgi?id=1002#c3"),
        (f"{BUGZILLA}/tracker", f"{BUGZILLA}/tracker/show_bug.cgi?x=y&id=1002"),
        (f"{BUGZILLA}:8443", f"{BUGZILLA}:8443/1002"),
    ],
)
def test_both_usual_forms_name_the_bug(base: str, ticket: str) -> None:
    assert bug_number(base, ticket) == 1002


@pytest.mark.parametrize(
    "ticket",
    [
        "",
        "nonsense",
        "http://bugzilla.example.org/1002",
        "https://bugzilla.example.org:444/1002",
        "https://bugzilla.example.org:port/1002",
        "https://bugzilla.example.org.evil.net/1002",
        "https://evil.net/bugzilla.example.org/1002",
        "https://evil.net@bugzilla.example.org/1002",
        "https://bugzilla.example.org@evil.net/1002",
        "https://bugzilla.example.org\\@evil.net/1002",
        "https://[::1/1002",
        "https://169.254.169.254/1002",
        "https://bugzilla.example.org/",
        "https://bugzilla.example.org/0",
        "https://bugzilla.example.org/1002/../../admin",
        "https://bugzilla.example.org/rest/bug/1002",
        "https://bugzilla.example.org/show_bug.cgi",
        "https://bugzilla.example.org/show_bug.cgi?id=1002&id=1003",
        "https://bugzilla.example.org/show_bug.cgi?id=1002%2Fcomment",
        "https://bugzilla.example.org/show_bug.cgi?id=١٠٠٢",
        "https://bugzilla.example.org/show_bug.cgi?id=alias",
        "https://bugzilla.example.org/12345678901",
    ],
)
def test_every_other_address_names_none(ticket: str) -> None:
    assert bug_number(BUGZILLA, ticket) is None


def test_without_a_bugzilla_no_ticket_is_ours() -> None:
    assert bug_number("", "https://bugzilla.example.org/1002") is None
