"""Do the documents name what there is? What is gone, or new and named nowhere, is noticed here."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def test_the_architecture_names_every_module_of_the_product() -> None:
    there = {path.stem for path in (ROOT / "onboarding").iterdir() if path.suffix == ".py" or path.is_dir()}
    named = set(re.findall(r"[a-z_]+", (ROOT / "docs" / "architecture.md").read_text()))
    assert there - named - {"__init__", "__pycache__", "apps", "migrations"} == set()


def test_every_make_target_in_the_documents_is_one() -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text()))
    for document in DOCUMENTS:
        named = set(re.findall(r"(?m)(?:`|^)make ([a-z-]+)(?: +#|`|$)", document.read_text()))
        assert named <= targets, document.name


def test_every_file_that_the_documents_link_to_is_there() -> None:
    for document in DOCUMENTS:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"
