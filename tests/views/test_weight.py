"""How much does each page weigh on the wire? With everything that it loads, as production sends it."""

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from onboarding.models import RegionReading, Run
from onboarding.models.stages import lay_out
from onboarding.planning import Plan
from onboarding.progress.places import PLACES
from onboarding.states import RegionState
from tests.services.conftest import make_plan
from tests.views.conftest import SignIn

MOST_BYTES = 60_000
BROWSER = {"Accept-Encoding": "gzip, deflate, br"}
PAGES_OF_A_RUN = ("run", "plan", "approval", "aws-words", "rights", "hand-over-role-gone", "cancel")
PAGES_OF_AN_ACCOUNT = (
    "hand-over",
    "hand-over-credentials",
    "account-details",
    "logs",
    "people",
    "account-audit",
)


@pytest.fixture
def _as_in_production(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = str(tmp_path)
    settings.WHITENOISE_USE_FINDERS = settings.WHITENOISE_AUTOREFRESH = False
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
    }
    call_command("collectstatic", interactive=False, verbosity=0)
    # The same, said anew: so that Django lets go of templates that name the files as they are in development.
    settings.TEMPLATES = list(settings.TEMPLATES)


@pytest.fixture
def everywhere(planned: Run) -> Run:
    """In every region that there is."""
    lay_out(planned, Plan.from_json(make_plan().as_json()))
    for region in PLACES:
        RegionReading.objects.create(
            account=planned.account, region=region, state=RegionState.LOGGING, read_at=planned.status_since,
            stack_status="CREATE_COMPLETE", trail_arn=f"arn:aws:cloudtrail:{region}:1:trail/CloudTrail",
            is_logging=True, latest_delivery_at=planned.status_since,
        )  # fmt: skip
    return planned


def weight(client: Client, url: str, seen: dict[str, int]) -> int:
    """In bytes. `seen` has what each asset weighed, and gets what is new."""
    page = client.get(url, headers=BROWSER)
    assert page.status_code == 200, url
    assert page.headers["Content-Encoding"] == "gzip", url
    assets = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', client.get(url).text))
    for asset in assets - seen.keys():
        answer = client.get(asset, headers=BROWSER)
        assert answer.status_code == 200, asset
        seen[asset] = len(b"".join(answer))
    return len(page.content) + sum(seen[asset] for asset in assets)


@pytest.mark.usefixtures("_as_in_production")
def test_no_page_weighs_more_than_60_kilobytes(everywhere: Run, owner: User, sign_in: SignIn) -> None:
    signed_in, visitor, seen = sign_in(owner), Client(), dict[str, int]()
    number = everywhere.account.number
    weights = {
        name: weight(visitor, reverse(name), seen) for name in ("front", "account_login", "account_signup")
    }
    weights |= {name: weight(signed_in, reverse(name), seen) for name in ("register", "mfa_index")}
    weights["accounts"] = weight(signed_in, reverse("front"), seen)
    weights |= {name: weight(signed_in, reverse(name, args=[everywhere.pk]), seen) for name in PAGES_OF_A_RUN}
    weights |= {name: weight(signed_in, reverse(name, args=[number]), seen) for name in PAGES_OF_AN_ACCOUNT}
    assert {name: each for name, each in weights.items() if each > MOST_BYTES} == {}
    assert seen


def test_an_answer_in_pieces_is_not_held_back(everywhere: Run, browser: Client) -> None:
    export = browser.get(reverse("account-audit-export", args=[everywhere.account.number]), headers=BROWSER)
    assert export.streaming == ("Content-Encoding" not in export.headers)
