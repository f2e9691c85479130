"""`python -m bench.fleet_pages [--large 100000]`: how long do infosec's pages take, beside Django's admin?

In a database of its own on DATABASE_URL's server, made and dropped as for tests, with a made-up fleet in it.
The admin lists the same table with eight columns and a hundred rows. Both are asked by Django's test client
in this one process, in turn, so that whatever else the machine does slows both; figures are medians.
"""

# ruff: noqa: E402 - Django is set up first

import argparse
import os
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
os.environ["DEBUG"] = "0"
os.environ["LOG_LEVEL"] = "ERROR"
django.setup()

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bench.figures import Report
from onboarding.admin import ReadOnly
from onboarding.fleet.export import FIELDS, csv_parts
from onboarding.models import AccountSummary, StaffRole
from onboarding.services.people import set_role

ADMIN = "/admin/onboarding/accountsummary/"
MOST_QUERIES = 12
LARGER_AT_MOST = 1.5


@admin.register(AccountSummary)
class SummaryAdmin(ReadOnly):
    """The baseline: eight columns, a hundred rows, and the admin's own pagination."""

    list_display = (
        "number", "name", "owner_email", "state", "blocked_on", "since", "remedy", "regions_covered",
    )  # fmt: skip
    list_per_page = 100
    show_full_result_count = True


@dataclass(frozen=True, slots=True)
class Page:
    name: str
    url: str
    # At most so much of what the admin takes.
    share: float


def pages() -> list[Page]:
    """The deep page is the last but one hundred accounts'."""
    numbers = AccountSummary.objects.order_by("number").values_list("number", flat=True)
    deep = numbers[max(0, numbers.count() - 150)]
    broken = AccountSummary.objects.filter(state="partly").order_by("number")[0].number
    return [
        Page("overview", "/fleet/", 0.3),
        Page("accounts, first page", "/fleet/accounts/", 0.3),
        Page("accounts, deep page", f"/fleet/accounts/?after={deep}", 0.3),
        Page("accounts, failed", "/fleet/accounts/?state=failed", 0.3),
        Page("accounts, longest waiting", "/fleet/accounts/?blocked=owner&sort=longest", 0.3),
        Page("accounts, searched", "/fleet/accounts/?search=payments+prod", 0.3),
        Page("accounts, by region", "/fleet/accounts/?region=eu-west-1&region_state=failed", 0.3),
        Page("accounts, most uncovered", "/fleet/accounts/?coverage=uncovered&sort=uncovered", 0.3),
        Page("map, 100 × 34", "/fleet/map/", 0.5),
        Page("one account", f"/fleet/accounts/{broken}/", 0.2),
    ]


def signed_in() -> Client:
    """A superuser with a second factor: the only one whom both the admin and the fleet let in."""
    user = User.objects.create_user("bench", "bench@example.org")
    set_role(user, StaffRole.SUPERUSER, by_id=None)
    client = Client()
    client.force_login(user, backend="portal.backends.Backend")
    factor = Authenticator.objects.filter(user=user).first() or TOTP.activate(user, "A" * 32).instance
    session = client.session
    session["account_authentication_methods"] = [
        {"method": "mfa", "id": factor.pk, "type": factor.type, "at": timezone.now().timestamp()}
    ]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
    return client


def timed(act: Callable[[], object]) -> float:
    begun = perf_counter()
    act()
    return (perf_counter() - begun) * 1000


def ask(client: Client, url: str) -> None:
    answer = client.get(url, HTTP_ACCEPT_ENCODING="gzip")
    if answer.status_code != 200:
        raise SystemExit(f"{url} answered {answer.status_code}")


def in_turn(client: Client, urls: list[str], times: int) -> dict[str, float]:
    """The median of each, in milliseconds, none of them measured in a row of its own."""
    taken: dict[str, list[float]] = {url: [] for url in urls}
    for url in urls:
        ask(client, url)
    for _again in range(times):
        for url in urls:
            taken[url].append(timed(lambda url=url: ask(client, url)))  # type: ignore[misc]  # bound now
    return {url: median(values) for url, values in taken.items()}


def fetch() -> None:
    """What the export's columns cost, read and thrown away."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(FIELDS)} FROM onboarding_accountsummary ORDER BY number")
        cursor.fetchall()


def export() -> None:
    for _part in csv_parts(AccountSummary.objects.all()):
        pass


def peak_of(act: Callable[[], object]) -> float:
    """In MB."""
    tracemalloc.start()
    act()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def analyse() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def measure(client: Client, report: Report, times: int, before: dict[str, float]) -> dict[str, float]:
    """One size of the fleet. `before` are a smaller fleet's figures, which these are held beside."""
    analyse()
    size = AccountSummary.objects.count()
    found = pages()
    taken = in_turn(client, [ADMIN, *(page.url for page in found)], times)
    baseline = taken[ADMIN]
    report.add(f"{size:,}: Django's admin", f"{baseline:.1f} ms")
    result = {}
    for page in found:
        result[page.name] = taken[page.url]
        with CaptureQueriesContext(connection) as asked:
            ask(client, page.url)
        share = taken[page.url] / baseline
        beside = f"{share:.2f} × the admin, {len(asked)} queries"
        wanted = f"≤ {page.share} ×, ≤ {MOST_QUERIES}"
        is_met = share <= page.share and len(asked) <= MOST_QUERIES
        if page.name in before:
            growth = taken[page.url] / before[page.name]
            beside += f", {growth:.2f} × the smaller fleet's"
            wanted = f"≤ {LARGER_AT_MOST} × the smaller fleet's, ≤ {MOST_QUERIES}"
            is_met = growth <= LARGER_AT_MOST and len(asked) <= MOST_QUERIES
        report.add(
            f"{size:,}: {page.name}", f"{taken[page.url]:.1f} ms", beside=beside, wanted=wanted, is_met=is_met
        )
    deep = result["accounts, deep page"] / result["accounts, first page"]
    report.add(
        f"{size:,}: deep page beside the first", f"{deep:.2f} ×", wanted="≤ 1.15 ×", is_met=deep <= 1.15
    )
    pairs = [(timed(fetch), timed(export)) for _again in range(max(3, times // 5))]
    raw, whole = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
    report.add(
        f"{size:,}: CSV of all",
        f"{whole:.0f} ms",
        beside=f"{whole / raw:.2f} × the raw fetch ({raw:.0f} ms), at most {peak_of(export):.1f} MB",
        wanted="≤ 2 ×",
        is_met=whole <= 2 * raw,
    )
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument(
        "--large", type=int, default=0, help="then so many (100000 takes some minutes to fill)"
    )
    parser.add_argument("--times", type=int, default=25)
    options = parser.parse_args()
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        report = Report(
            "Infosec's pages", {"database": connection.vendor, "times": options.times, "processes": 1}
        )
        begun = perf_counter()
        call_command("seed_fleet", accounts=options.accounts, verbosity=0)
        took = perf_counter() - begun
        report.add("the fleet is made", f"{took:.0f} s", wanted="< 120 s", is_met=took < 120)
        client = signed_in()
        small = measure(client, report, options.times, {})
        if options.large > options.accounts:
            call_command(
                "seed_fleet", accounts=options.large - options.accounts, seed=2, events=6, verbosity=0
            )
            measure(client, report, options.times, small)
        return report.tell("fleet_pages")
    finally:
        connection.creation.destroy_test_db("", verbosity=0)


if __name__ == "__main__":
    sys.exit(main())
