"""Do the settings fail loudly in production, and never carry a development default there?"""

import json
import re

import pytest

from tests.production_check import ROOT, manage, production_environment

SHOWN = (
    "from django.conf import settings as s; import json; print(json.dumps({"
    "'endpoint': s.CLOUD_ENDPOINT_URL, 'debug': s.DEBUG, 'private': s.CUSTODY_PRIVATE_KEYS,"
    "'public': s.CUSTODY_PUBLIC_KEY, 'engine': s.DATABASES['default']['ENGINE']}))"
)


def _shown(environment: dict[str, str]) -> dict[str, object]:
    done = manage(environment, "shell", "--no-imports", "--command", SHOWN)
    assert done.returncode == 0, done.stderr
    shown: dict[str, object] = json.loads(done.stdout)
    return shown


@pytest.mark.parametrize(
    "name",
    [
        "SECRET_KEY",
        "PUBLIC_URL",
        "ALLOWED_HOSTS",
        "DATABASE_URL",
        "REDIS_URL",
        "COMPANY_FILE",
        "CUSTODY_PUBLIC_KEY",
        "EMAIL_URL",
    ],
)
def test_production_without_a_setting_stops_and_names_it(name: str) -> None:
    environment = production_environment()
    del environment[name]
    done = manage(environment, "check")
    assert done.returncode != 0
    assert name in done.stderr


def test_an_unknown_mode_stops_and_names_itself() -> None:
    done = manage(production_environment() | {"PORTAL_MODE": "staging"}, "check")
    assert done.returncode != 0
    assert "'staging'" in done.stderr


def test_an_injected_endpoint_is_not_honoured_in_production() -> None:
    assert not _shown(production_environment() | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})["endpoint"]


def test_an_endpoint_is_honoured_in_development() -> None:
    environment = production_environment() | {
        "PORTAL_MODE": "development",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    }
    assert _shown(environment)["endpoint"] == "http://127.0.0.1:1"


def test_debugging_cannot_be_switched_on_in_production() -> None:
    assert _shown(production_environment() | {"DEBUG": "true"})["debug"] is False


@pytest.mark.parametrize("mode", ["development", "production"])
def test_a_process_given_only_the_public_key_has_no_private_one(mode: str) -> None:
    environment = production_environment() | {"PORTAL_MODE": mode}
    shown = _shown(environment)
    assert shown["public"] == environment["CUSTODY_PUBLIC_KEY"]
    assert shown["private"] == []


def test_every_variable_that_the_settings_read_is_documented() -> None:
    source = "".join((ROOT / "portal" / name).read_text() for name in ("settings.py", "identity.py"))
    read = set(re.findall(r'(?:env\.\w+|_required_in_production)\(\s*"([A-Z_]+)"', source))
    assert "SECRET_KEY" in read
    documented = set(re.findall(r"`([A-Z_]+)`", (ROOT / "docs" / "operations.md").read_text()))
    # These make a developer's machine easier; production doesn't read them.
    assert read - documented <= {"DEBUG", "EMAIL_BACKEND"}
