"""Is every word of the product there in every language? And is what is committed what is read?"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polib
import pytest
from django.conf import settings

ROOT = Path(__file__).resolve().parent.parent
TRANSLATED = [code for code, _name in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
CATALOGUES = {code: ROOT / "locale" / code / "LC_MESSAGES" / "django.po" for code in TRANSLATED}
# %(name)s, %s and {name}: what is filled in must be the same on both sides.
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}|</?\w+[^>]*>")


def _placeholders(text: str) -> list[str]:
    return sorted(_PLACEHOLDER.findall(text))


@pytest.mark.parametrize("code", TRANSLATED)
def test_nothing_is_left_untranslated_or_guessed(code: str) -> None:
    catalogue = polib.pofile(str(CATALOGUES[code]))
    assert [entry.msgid for entry in catalogue.untranslated_entries()] == []
    assert [entry.msgid for entry in catalogue.fuzzy_entries()] == []
    assert catalogue.obsolete_entries() == []


@pytest.mark.parametrize("code", TRANSLATED)
def test_what_is_filled_in_is_the_same_in_both_languages(code: str) -> None:
    for entry in polib.pofile(str(CATALOGUES[code])):
        if entry.msgid_plural:
            # "one region" need not say its number.
            allowed = _placeholders(entry.msgid_plural)
            for text in entry.msgstr_plural.values():
                assert set(_placeholders(text)) <= set(allowed), entry.msgid
        else:
            assert _placeholders(entry.msgstr) == _placeholders(entry.msgid), entry.msgid


@pytest.mark.parametrize("code", TRANSLATED)
def test_the_compiled_catalogue_says_what_the_written_one_does(code: str) -> None:
    written = polib.pofile(str(CATALOGUES[code]))
    compiled = polib.mofile(str(CATALOGUES[code].with_suffix(".mo")))

    def texts(catalogue: polib.POFile | polib.MOFile) -> dict[tuple[str, str | None], object]:
        return {(entry.msgid, entry.msgctxt): entry.msgstr_plural or entry.msgstr for entry in catalogue}

    assert texts(written) == texts(compiled)


@pytest.mark.parametrize("code", TRANSLATED)
def test_the_catalogue_has_the_words_of_the_code_and_no_others(code: str, tmp_path: Path) -> None:
    if shutil.which("xgettext") is None:
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail("REQUIRE_ALL=1, and there is no xgettext on this machine.")
        pytest.skip("no xgettext on this machine")
    for folder in ("onboarding", "portal", "templates", "locale"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "manage.py", tmp_path)
    shutil.copy(ROOT / "company.example.toml", tmp_path)
    (tmp_path / "static").mkdir()
    subprocess.run(
        [sys.executable, "manage.py", "makemessages", "--locale", code, "--no-obsolete", "--no-location"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")},
    )
    made = polib.pofile(str(tmp_path / "locale" / code / "LC_MESSAGES" / "django.po"))
    kept = polib.pofile(str(CATALOGUES[code]))
    assert {entry.msgid for entry in made} == {entry.msgid for entry in kept}, "run `make messages`"
