"""SECURITY.md promises nothing that no test shows."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows() -> list[str]:
    """The lines of the threat model's tables, without their heads."""
    text = (ROOT / "SECURITY.md").read_text()
    model = text.partition("## The threat model")[2].partition("\n## ")[0]
    lines = [line for line in model.splitlines() if line.startswith("|")]
    return [line for line in lines if not line.startswith(("| tries |", "| --- |"))]


@cache
def names_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.split("|")[1].strip()[:60])
def test_each_line_of_the_threat_model_names_tests_that_exist(row: str) -> None:
    named = NAMED.findall(row)
    assert named, "no test shows it"
    for path, name in named:
        assert (ROOT / path).exists(), path
        assert name.startswith("test_")
        assert name in names_in(ROOT / path), f"{path}::{name}"


def test_the_threat_model_is_read_at_all() -> None:
    assert len(rows()) > 30
    text = (ROOT / "SECURITY.md").read_text()
    assert len(NAMED.findall(text)) == len(re.findall(r"tests/[\w/]+\.py::", text))
