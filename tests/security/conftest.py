"""The same people, runs and browsers as for the views."""

from tests.views.conftest import (
    _light_settings,
    account,
    browser,
    owner,
    planned,
    sign_in,
    staff,
    stranger,
    surveying,
)

__all__ = [
    "_light_settings",
    "account",
    "browser",
    "owner",
    "planned",
    "sign_in",
    "staff",
    "stranger",
    "surveying",
]
