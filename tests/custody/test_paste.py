"""People paste what AWS's tools print, in whatever shape, and a refusal never repeats it."""

import json
from datetime import UTC, datetime

import pytest

from onboarding.custody.paste import PasteRefused, parse

KEY, SECRET, TOKEN = "ASIA" + "A" * 16, "made/up+Secret" * 3, "made/up+Token" * 8 + "=="

SHAPES = {
    "export lines": f'export AWS_ACCESS_KEY_ID="{KEY}"\nexport AWS_SECRET_ACCESS_KEY="{SECRET}"\n'
    f'export AWS_SESSION_TOKEN="{TOKEN}"\n',
    "export without quotes": f"export AWS_ACCESS_KEY_ID={KEY}\nexport AWS_SECRET_ACCESS_KEY={SECRET}\n"
    f"export AWS_SESSION_TOKEN={TOKEN}",
    "one export line": f"export AWS_ACCESS_KEY_ID={KEY} AWS_SECRET_ACCESS_KEY={SECRET} "
    f"AWS_SESSION_TOKEN={TOKEN}",
    "export lines on one line": f"export AWS_ACCESS_KEY_ID={KEY}; export AWS_SECRET_ACCESS_KEY={SECRET}; "
    f"export AWS_SESSION_TOKEN={TOKEN}",
    "windows prompt": f"SET AWS_ACCESS_KEY_ID={KEY}\r\nSET AWS_SECRET_ACCESS_KEY={SECRET}\r\n"
    f"SET AWS_SESSION_TOKEN={TOKEN}\r\n",
    "windows prompt, quoted": f'set "AWS_ACCESS_KEY_ID={KEY}"\nset "AWS_SECRET_ACCESS_KEY={SECRET}"\n'
    f'set "AWS_SESSION_TOKEN={TOKEN}"',
    "powershell": f'$Env:AWS_ACCESS_KEY_ID="{KEY}"\n$Env:AWS_SECRET_ACCESS_KEY="{SECRET}"\n'
    f'$Env:AWS_SESSION_TOKEN="{TOKEN}"',
    "profile": f"[484535289196_Admin]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
    f"aws_session_token = {TOKEN}\n",
    "sts json": json.dumps(
        {"Credentials": {"AccessKeyId": KEY, "SecretAccessKey": SECRET, "SessionToken": TOKEN}}, indent=2
    ),
    "export-credentials json": json.dumps(
        {"Version": 1, "AccessKeyId": KEY, "SecretAccessKey": SECRET, "SessionToken": TOKEN}
    ),
    "a token broken by the terminal": f"export AWS_ACCESS_KEY_ID={KEY}\n"
    f"export AWS_SECRET_ACCESS_KEY={SECRET}\nexport AWS_SESSION_TOKEN={TOKEN[:40]}\n{TOKEN[40:]}\n",
}


@pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES)
def test_whatever_awss_tools_print_is_understood(text: str) -> None:
    credentials = parse(text).credentials
    assert credentials.access_key_id == KEY
    assert credentials.secret_access_key == SECRET
    assert credentials.session_token == TOKEN


@pytest.mark.parametrize(
    ("expiry", "expected"),
    [
        ("2026-11-23T15:00:00+00:00", datetime(2026, 11, 23, 15, tzinfo=UTC)),
        ("2026-11-23T15:00:00Z", datetime(2026, 11, 23, 15, tzinfo=UTC)),
        ("2026-11-23T15:00:00", None),
        ("soon", None),
    ],
)
def test_the_expiry_is_taken_as_a_claim_when_it_is_said_clearly(
    expiry: str, expected: datetime | None
) -> None:
    document = {"AccessKeyId": KEY, "SecretAccessKey": SECRET, "SessionToken": TOKEN, "Expiration": expiry}
    assert parse(json.dumps(document)).expires_at == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "incomplete_credentials"),
        ("hello", "incomplete_credentials"),
        (SHAPES["profile"].replace(KEY, "AKIA" + "A" * 16), "long_term_key"),
        (f"aws_access_key_id = AKIA{'A' * 16}\naws_secret_access_key = {SECRET}", "long_term_key"),
        (f"aws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}", "incomplete_credentials"),
        (SHAPES["profile"].replace(KEY, "AIDA" + "A" * 16), "not_temporary_credentials"),
        ("x" * 30_000, "too_long"),
        ('{"AccessKeyId": [1], "SecretAccessKey": {}}', "incomplete_credentials"),
    ],
)
def test_what_cannot_be_used_is_refused_without_repeating_it(text: str, code: str) -> None:
    with pytest.raises(PasteRefused) as refusal:
        parse(text)
    assert refusal.value.code == code
    told = f"{refusal.value} {refusal.value!r}"
    assert SECRET not in told
    assert "AAAAAAAA" not in told
