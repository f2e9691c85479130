"""A sealed hand-over opens on the worker, for the grant it was sealed for, and nowhere else."""

import copy
import hashlib
import json
import pickle
import subprocess
import sys
import traceback

import pytest
from nacl.encoding import Base64Encoder
from nacl.public import PrivateKey

from onboarding.credentials import HandedOver, RoleHandOver, TemporaryCredentials
from onboarding.custody.seal import PublicKeyUnusable, key_id, seal
from onboarding.custody.unseal import SealUnreadable, unseal

ROLE = RoleHandOver(role_arn="arn:aws:iam::484535289196:role/Handover", external_id="onb-made-up")
CREDENTIALS = TemporaryCredentials(
    access_key_id="ASIA" + "A" * 16, secret_access_key="made-up-secret", session_token="made-up-token"
)
NUMBER = "484535289196"


def key_pair() -> tuple[str, str]:
    private = PrivateKey.generate()
    return private.encode(Base64Encoder).decode(), private.public_key.encode(Base64Encoder).decode()


@pytest.mark.parametrize("handed_over", [ROLE, CREDENTIALS], ids=["role", "credentials"])
def test_the_worker_gets_back_what_was_sealed(handed_over: HandedOver) -> None:
    private, public = key_pair()
    sealed = seal(handed_over, account_number=NUMBER, grant_id=7, public_key=public)
    assert unseal(sealed, account_number=NUMBER, grant_id=7, private_keys=[private]) == handed_over


def test_nothing_of_it_can_be_read_in_the_box() -> None:
    _private, public = key_pair()
    sealed = seal(CREDENTIALS, account_number=NUMBER, grant_id=7, public_key=public)
    for part in (b"made-up", b"ASIA", NUMBER.encode()):
        assert part not in sealed


@pytest.mark.parametrize(("number", "grant_id"), [("1" * 12, 7), (NUMBER, 8)])
def test_a_box_moved_to_another_grant_or_account_is_not_used(number: str, grant_id: int) -> None:
    private, public = key_pair()
    sealed = seal(CREDENTIALS, account_number=NUMBER, grant_id=7, public_key=public)
    with pytest.raises(SealUnreadable):
        unseal(sealed, account_number=number, grant_id=grant_id, private_keys=[private])


def test_after_a_rotation_the_older_key_still_opens_older_boxes() -> None:
    old_private, old_public = key_pair()
    new_private, _new_public = key_pair()
    sealed = seal(ROLE, account_number=NUMBER, grant_id=7, public_key=old_public)
    opened = unseal(sealed, account_number=NUMBER, grant_id=7, private_keys=[new_private, old_private])
    assert opened == ROLE


@pytest.mark.parametrize("keys", [[], ["nonsense"], None])
def test_without_its_key_a_box_stays_shut_and_the_refusal_holds_no_secret(keys: list[str] | None) -> None:
    _private, public = key_pair()
    sealed = seal(CREDENTIALS, account_number=NUMBER, grant_id=7, public_key=public)
    private_keys = [key_pair()[0]] if keys is None else keys
    with pytest.raises(SealUnreadable) as refusal:
        unseal(sealed, account_number=NUMBER, grant_id=7, private_keys=private_keys)
    assert "made-up" not in "".join(traceback.format_exception(refusal.value))


def test_a_damaged_box_is_refused() -> None:
    private, public = key_pair()
    sealed = bytearray(seal(ROLE, account_number=NUMBER, grant_id=7, public_key=public))
    sealed[-1] ^= 1
    with pytest.raises(SealUnreadable):
        unseal(bytes(sealed), account_number=NUMBER, grant_id=7, private_keys=[private])


def test_a_public_key_that_is_none_is_named_and_not_shown() -> None:
    with pytest.raises(PublicKeyUnusable) as refusal:
        seal(ROLE, account_number=NUMBER, grant_id=7, public_key="bm8ga2V5")
    assert "bm8ga2V5" not in str(refusal.value)


def test_a_key_is_named_by_its_digest() -> None:
    private = PrivateKey.generate()
    public = private.public_key.encode(Base64Encoder).decode()
    assert key_id(public) == hashlib.sha256(bytes(private.public_key)).hexdigest()[:16]


@pytest.mark.parametrize("handed_over", [ROLE, CREDENTIALS], ids=["role", "credentials"])
def test_what_was_handed_over_shows_nothing_however_it_is_printed(handed_over: HandedOver) -> None:
    told = f"{handed_over} {handed_over!r} {handed_over!s} {[handed_over]} %s" % handed_over
    for secret in ("made-up", "ASIA", "arn:"):
        assert secret not in told


@pytest.mark.parametrize("handed_over", [ROLE, CREDENTIALS], ids=["role", "credentials"])
def test_what_was_handed_over_is_never_serialised(handed_over: HandedOver) -> None:
    for serialise in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError) as refusal:
            serialise(handed_over)
        assert "made-up" not in str(refusal.value)


def test_sealing_and_the_acts_of_people_never_load_what_opens() -> None:
    program = (
        "import os, sys, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'portal.settings'; django.setup();"
        "import onboarding.services.hand_over, onboarding.services.approval, onboarding.custody.paste;"
        "sys.exit('onboarding.custody.unseal' in sys.modules or 'botocore' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
