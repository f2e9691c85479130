"""A defect in a view that reads a paste shows nothing of it: no page, report or log does."""

import logging
import sys

import pytest
from django.core import mail
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils.log import AdminEmailHandler
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter
from pytest_django import Settings

from onboarding.models import AwsAccount
from tests.security.detector import Marks

KEY_ID, SECRET, TOKEN = "ASIA" + "C" * 16, "made/up+secret" * 3, "madeUpToken" * 20
PASTE = f"AWS_ACCESS_KEY_ID={KEY_ID}\nAWS_SECRET_ACCESS_KEY={SECRET}\nAWS_SESSION_TOKEN={TOKEN}"
MARKS = Marks({"key id": KEY_ID, "secret key": SECRET, "token": TOKEN})


def break_down(*words: object, **named: object) -> None:
    held = (words, named)
    raise RuntimeError(f"a defect with {len(held)} things in its hands")


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize(
    "where",
    [
        "onboarding.custody.paste.parse",
        "onboarding.services.hand_over.seal",
        "onboarding.services.hand_over.hand_over_credentials",
    ],
)
def test_a_defect_while_a_paste_is_read_shows_nothing_of_it(  # noqa: PLR0917 - two tables and their fixtures
    where: str,
    debug: bool,
    account: AwsAccount,
    browser: Client,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.DEBUG = debug
    settings.ADMINS = [("Operator", "operator@example.org")]
    monkeypatch.setattr(where, break_down)
    reports = AdminEmailHandler(include_html=True)
    logging.getLogger("django.request").addHandler(reports)
    browser.raise_request_exception = False
    try:
        with caplog.at_level(logging.DEBUG):
            answer = browser.post(
                reverse("hand-over-credentials", args=[account.number]),
                {"pasted": PASTE, "session_token": TOKEN},
            )
    finally:
        logging.getLogger("django.request").removeHandler(reports)
    assert answer.status_code == 500
    pages = [str(content) for report in mail.outbox for content, _ in getattr(report, "alternatives", [])]
    assert any("a defect" in page for page in pages)
    words = [str(report.body) for report in mail.outbox]
    places = {
        "the page": answer.content,
        "the reports": "\n".join(words).encode(),
        "the reports' pages": "\n".join(pages).encode(),
        "the log": caplog.text.encode(),
    }
    assert MARKS.found_in(places) == []


def test_without_the_filter_djangos_own_report_would_have_shown_it(settings: Settings) -> None:
    """Else the test above would prove nothing."""
    request = RequestFactory().post("/", {"pasted": PASTE})
    pasted = PASTE

    def report() -> bytes:
        try:
            break_down(pasted)
        except RuntimeError:
            return ExceptionReporter(request, *sys.exc_info()).get_traceback_html().encode()
        raise AssertionError

    assert MARKS.found_in({"ours": report()}) == []
    # Django asks each request's own filter first.
    request.exception_reporter_filter = SafeExceptionReporterFilter()
    settings.DEBUG = True
    assert MARKS.found_in({"Django's": report()})


def test_a_report_shows_no_cookie_and_no_address_with_a_password(settings: Settings) -> None:
    # In two parts, as a report shows the lines of our own source.
    session, password = "made-up-" + "session", "made-up-" + "password"
    settings.REDIS_URL = f"redis://portal:{password}@redis:6379/0"
    request = RequestFactory().get("/", headers={"Cookie": f"sessionid={session}"})
    request.COOKIES["sessionid"] = session
    try:
        break_down()
    except RuntimeError:
        report = ExceptionReporter(request, *sys.exc_info()).get_traceback_html()
    else:
        raise AssertionError
    assert session not in report
    assert password not in report
