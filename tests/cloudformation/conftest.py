"""The example company's blueprint, and its installer function as rendered."""

from pathlib import Path
from types import ModuleType

import pytest

from onboarding.blueprint import Blueprint, build_blueprint
from onboarding.company import load_company
from tests.cloudformation.installer_world import rendered_installer


@pytest.fixture(scope="session")
def blueprint() -> Blueprint:
    return build_blueprint(load_company(Path(__file__).parents[2] / "company.example.toml"))


@pytest.fixture(scope="session")
def installer(blueprint: Blueprint) -> ModuleType:
    return rendered_installer(blueprint)
