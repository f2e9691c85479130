"""The detector finds a secret in each form in which one may hide: else silence would mean nothing."""

import base64
import html
import json
import os
from urllib.parse import quote, urlencode

import pytest

from tests.security.detector import Marks, without_external_ids

SECRET = "wJalr/XUtnFEMI+K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "FwoGZXIvYXdzE" + base64.b64encode(os.urandom(300)).decode()
MARKS = Marks({"the secret key": SECRET, "the token": TOKEN})


@pytest.mark.parametrize(("name", "secret"), MARKS.secrets.items())
@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_a_leak_is_found_in_every_encoding(name: str, secret: str, before: str) -> None:
    leaks = {
        "plain": secret.encode(),
        "among other words": f"{before} {secret} after".encode(),
        "in base64": base64.b64encode(f"{before}{secret}, and more".encode()),
        "in base64 for addresses": base64.urlsafe_b64encode(f"{before}{secret}.".encode()),
        "in an address": quote(secret, safe="").encode(),
        "in a form": urlencode({"pasted": f"{before}{secret}"}).encode(),
        "in JSON": json.dumps({"text": secret}).encode(),
        "in JSON of JavaScript": json.dumps(secret).replace("/", "\\/").encode(),
        "in HTML": html.escape(secret).encode(),
        "in hexadecimal": secret.encode().hex().encode(),
        "in a message's body": base64.b64encode(json.dumps([[before, secret], {}]).encode()),
    }
    assert MARKS.found_in(leaks) == [f"{name} in {place}" for place in leaks]


def test_a_token_that_was_cut_short_is_found() -> None:
    assert MARKS.found_in({"a log": TOKEN[:120].encode()}) == ["the token in a log"]
    assert MARKS.found_in({"a log": TOKEN[-100:].encode()}) == ["the token in a log"]


def test_what_is_no_leak_is_not_found() -> None:
    assert MARKS.found_in({"noise": os.urandom(100_000), "": b"", "its end": TOKEN[-4:].encode()}) == []


def test_an_external_id_is_hidden_from_the_search_in_its_own_column_alone() -> None:
    external_id = "onb-" + "ab" * 20
    rows = [f"""INSERT INTO "onboarding_awsaccount" VALUES(1,'{external_id}','{external_id}');"""]
    rows += [f"""INSERT INTO "onboarding_event" VALUES(1,'{external_id}');"""]
    own, other = without_external_ids(rows)
    assert own.count(external_id) == 1
    assert external_id in other
