"""Is every component shown in every state, to those who build pages and to nobody else?"""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from onboarding.progress.stages import StageState
from onboarding.states import RegionState, RunStatus, StepStatus


@pytest.mark.django_db
def test_every_status_is_shown(client: Client) -> None:
    page = client.get(reverse("style")).content.decode()
    for vocabulary in (RunStatus, StepStatus, StageState, RegionState):
        for label in vocabulary.labels:
            assert f"<span>{label}</span></span>" in page
    for state in RegionState:
        assert f"is-{state}" in page


@pytest.mark.django_db
def test_in_production_the_page_isnt_there(client: Client, settings: Settings) -> None:
    settings.IS_PRODUCTION = True
    assert client.get(reverse("style")).status_code == 404
