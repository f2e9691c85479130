"""Nothing that somebody pastes occupies the web process, breaks it, or comes back in a refusal."""

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onboarding.custody import paste

LENGTH = paste.LONGEST_PASTE
LIMIT_SECONDS = 0.5

HOSTILE = {
    "a run of blanks": "AWS_SECRET_ACCESS_KEY" + " " * (LENGTH - 30) + "x",
    "blanks alone": "\t" * (LENGTH - 1) + "x",
    "lines of blanks": ("\n" + " " * 190) * 100,
    "a run of semicolons": "AWS_SECRET_ACCESS_KEY =" + " ;" * (LENGTH // 2 - 20),
    "a run of quotes": "AWS_SESSION_TOKEN=" + "\"'" * (LENGTH // 2 - 20),
    "words that begin assignments": "export " * (LENGTH // 8),
    "names without values": "AWS_A= " * (LENGTH // 8),
    "underscores": "_" * (LENGTH - 1),
    "equal signs": "aws_session_token" + "=" * (LENGTH - 20),
    "a token broken into lines": "AWS_SESSION_TOKEN=a\n" + ("A" * 100 + "\n") * 190,
    "deep lists": '{"SecretAccessKey": "x", "x": ' + "[" * (LENGTH - 40) + "}",
    "deep members": '{"a":' * (LENGTH // 5 - 100) + "}" * 400,
    "a huge number": '{"AccessKeyId":' + "9" * (LENGTH - 40) + "}",
    "a huge date": "AWS_CREDENTIAL_EXPIRATION=" + "9" * (LENGTH - 40),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_paste_is_refused_at_once(name: str) -> None:
    began = time.process_time()
    with contextlib.suppress(paste.PasteRefused):
        paste.parse(HOSTILE[name])
    assert time.process_time() - began < LIMIT_SECONDS


SECRET = "made+up/secret"
PIECES = st.sampled_from(
    [
        f"AWS_SECRET_ACCESS_KEY={SECRET}",
        "AWS_ACCESS_KEY_ID=ASIAMADEUPMADEUPMADE",
        f'"SecretAccessKey": "{SECRET}"',
        "aws_session_token = ",
        "2026-99-99",
        "Expiration",
        "[default]",
        "export ",
        "$env:",
        "AKIA",
        *'\n{}";\\\0 :é\u2028',
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=40).map("".join))
def test_whatever_is_pasted_is_read_or_refused_and_a_refusal_never_repeats_it(text: str) -> None:
    said = ""
    try:
        paste.parse(text)
    except paste.PasteRefused as refusal:
        said = f"{refusal} {refusal!r} {refusal.args} {refusal.code}"
    assert SECRET not in said
