"""Every mistake that an owner can make in handing over: told in its own words, nothing written, gone on from.

The rows are those of the list of failure scenarios that the product was designed by.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from onboarding import policies
from onboarding.engine.drive import drive
from onboarding.models import Grant, Run
from onboarding.states import RunStatus
from sandbox.client import Credentials
from tests.engine.conftest import Owner
from tests.engine.test_preflight import browser_of, lacking, put_policy

OwnerOf = Callable[..., Owner]
ROLE = settings.COMPANY.portal.handover_role_name
MADE_UP = Credentials("ASIAMADEUPMADEUP1234", "made-up-secret", "made-up-token", "", "")


@pytest.fixture(autouse=True)
def _no_collected_files(settings: Settings) -> None:
    settings.WHITENOISE_AUTOREFRESH = True


@dataclass(frozen=True, slots=True)
class Hands:
    """An owner at the browser: what they hand over, and the page that they then see."""

    owner: Owner
    browser: Client

    def paste(self, keys: Credentials, *, leave_out: str = "") -> str:
        lines = [
            f"export {name}={value}" for name, value in keys.for_environment().items() if name != leave_out
        ]
        return self._sent("hand-over-credentials", {"pasted": "\n".join(lines)})

    def name_role(self, arn: str = "") -> str:
        arn = arn or f"arn:aws:iam::{self.owner.account.number}:role/{ROLE}"
        return self._sent("hand-over", {"role_arn": arn})

    def _sent(self, page: str, fields: dict[str, str]) -> str:
        answer = self.browser.post(reverse(page, args=[self.owner.account.number]), fields)
        if answer.status_code == 200:
            return unescape(answer.text)
        run = drive(self.run().pk)
        return unescape(self.browser.get(reverse("run", args=[run.pk])).text)

    def run(self) -> Run:
        return Run.objects.filter(account=self.owner.account).latest("created_at")

    def make_role(self, *, external_id: str | None = "", lacks: tuple[str, ...] = ()) -> None:
        """The role by its two policies; with another ExternalId, or, for None, without the condition."""
        wanted = self.owner.account.external_id if external_id == "" else external_id or ""
        trust = policies.trust_policy_of(
            settings.COMPANY, external_id=wanted, expires_at="2099-01-01T00:00:00Z"
        )
        if external_id is None:
            del trust["Statement"][0]["Condition"]
        self.owner.client("iam").create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(trust))
        put_policy(self.owner, lacking(self.owner, lacks))

    def forbid(self, name: str) -> None:
        everything = {"Effect": "Deny", "Action": "*", "Resource": "*"}
        put_policy(self.owner, {"Version": "2012-10-17", "Statement": [everything]}, name)

    def bound(self) -> None:
        boundary = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "*", "Resource": "*"},
                {"Effect": "Deny", "Action": "iam:CreateRole", "Resource": "*"},
            ],
        }
        iam = self.owner.client("iam")
        arn = iam.create_policy(PolicyName="Bound", PolicyDocument=json.dumps(boundary))["Policy"]["Arn"]
        iam.put_role_permissions_boundary(RoleName=ROLE, PermissionsBoundary=arn)

    def missing(self) -> str:
        return unescape(self.browser.get(reverse("rights", args=[self.run().pk])).text)


Mistake = Callable[[Hands], str]


def _other_owners(hands: Hands) -> str:
    hands.owner.cloud.account("222233334444", name="Another's", alias="another")
    return hands.paste(hands.owner.cloud.credentials(account="222233334444"))


def _expired_at_work(hands: Hands) -> str:
    hands.paste(hands.owner.keys())
    run = hands.run()
    hands.owner._choose(run)
    hands.owner.cloud.fault(kind="expired", account=hands.owner.account.number)
    hands.owner.approve(run)
    drive(run.pk)
    return unescape(hands.browser.get(reverse("run", args=[run.pk])).text)


def _wrong_secret(hands: Hands) -> str:
    keys = hands.owner.keys()
    return hands.paste(
        Credentials(keys.access_key_id, keys.secret_access_key[:-4], keys.session_token, "", "")
    )


def _skewed(hands: Hands) -> str:
    hands.owner.cloud.fault(kind="clock-skew", skew_seconds=1200, account=hands.owner.account.number)
    return hands.paste(hands.owner.keys())


def _revoked(hands: Hands) -> str:
    hands.make_role()
    hands.forbid("AWSRevokeOlderSessions")
    return hands.name_role()


def _role(**made: object) -> Mistake:
    def mistake(hands: Hands) -> str:
        hands.make_role(**made)  # type: ignore[arg-type]
        return hands.name_role()

    return mistake


def _refused_role(code: str, message: str) -> Mistake:
    def mistake(hands: Hands) -> str:
        hands.make_role()
        hands.owner.cloud.fault(
            kind="refuse", service="sts", action="AssumeRole", code=code, message=message, status=403
        )
        return hands.name_role()

    return mistake


def _too_small(hands: Hands) -> str:
    hands.make_role(lacks=("iam:CreateRole", "lambda:InvokeFunction"))
    return hands.name_role() + hands.missing()


def _bounded(hands: Hands) -> str:
    hands.make_role()
    hands.bound()
    return hands.name_role() + hands.missing()


def _old_token(hands: Hands) -> str:
    hands.owner.cloud.account(hands.owner.account.number, enabled_opt_in_regions=2)
    return hands.paste(hands.owner.keys("session-mfa", version_1=True))


MISTAKES: dict[str, tuple[Mistake, tuple[str, ...]]] = {
    "1 a part is missing": (
        lambda hands: hands.paste(hands.owner.keys(), leave_out="AWS_SESSION_TOKEN"),
        ("Key id, secret key and session token are all required", "aws configure export-credentials"),
    ),
    "2 a permanent key": (
        lambda hands: hands.paste(hands.owner.keys("long-lived")),
        ("This is a permanent key", "rotate this key now", "aws sts get-session-token", "--token-code"),
    ),
    "3 another account": (_other_owners, ("That is another account", "222233334444")),
    "4 the portal's own identity": (
        lambda hands: hands.paste(hands.owner.cloud.credentials(kind="worker")),
        ("Internal error", "Nothing was changed"),
    ),
    "5 expired at the start": (
        lambda hands: hands.paste(hands.owner.keys(duration_seconds=0.001)),
        ("The credentials have expired", "we continue where we stopped"),
    ),
    "6 expired while working": (_expired_at_work, ("expired", "we continue where we stopped")),
    "7 an unknown key": (
        lambda hands: hands.paste(MADE_UP),
        ("AWS doesn't recognise these credentials",),
    ),
    "8 a wrong secret": (_wrong_secret, ("The secret key or the token isn't complete",)),
    "9 our clock": (_skewed, ("A temporary problem on our side", "clock is wrong")),
    "10 a revoked session": (_revoked, ("The session was revoked",)),
    "11 a session without MFA": (
        lambda hands: hands.paste(hands.owner.keys("session")),
        ("This session was made without MFA", "--token-code"),
    ),
    "12 a federation token": (
        lambda hands: hands.paste(hands.owner.keys("federation")),
        ("A federated user's session can't do this", "aws sts assume-role"),
    ),
    "13 the root user": (
        lambda hands: hands.paste(hands.owner.keys("root")),
        ("Those are the root user's credentials", "aws sts assume-role"),
    ),
    "14 another ExternalId": (_role(external_id="onb-another"), ("We can't assume the role",)),
    "14 no such role": (
        lambda hands: hands.name_role(),
        ("We can't assume the role", "demands another ExternalId"),
    ),
    "15 a role without ExternalId": (
        _role(external_id=None),
        ("The role lets anybody in who has our name", "Add the condition with the ExternalId"),
    ),
    "16 sessions too long": (
        _refused_role(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ),
        ("The role allows shorter sessions only",),
    ),
    "17 STS switched off": (
        _refused_role("RegionDisabledException", "STS is not activated in this region"),
        ("AWS's sign-in service is switched off in a region",),
    ),
    "18 another partition": (
        lambda hands: hands.name_role(f"arn:aws-us-gov:iam::{hands.owner.account.number}:role/{ROLE}"),
        ("GovCloud and China accounts are not supported",),
    ),
    "19 a role too small": (
        _too_small,
        ("Permissions are missing", "iam:CreateRole", "lambda:InvokeFunction", "Check again"),
    ),
    "20 a permissions boundary": (
        _bounded,
        ("Permissions are missing", "iam:CreateRole", "a permissions boundary forbids it"),
    ),
    "a token of the global endpoint": (
        _old_token,
        ("This token doesn’t work in every region", "AWS_STS_REGIONAL_ENDPOINTS=regional"),
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_has_its_own_words_writes_nothing_and_is_gone_on_from(owner_of: OwnerOf, name: str) -> None:
    mistake, words = MISTAKES[name]
    owner = owner_of()
    hands = Hands(owner, browser_of(owner))
    page = mistake(hands)
    visible = re.sub(r"\s+", " ", page)
    for expected in words:
        assert expected in visible, visible[visible.find("<main") :]
    assert owner.writes() == []
    assert owner.cloud.writes(account="222233334444") == []
    assert not Grant.objects.filter(account=owner.account, destroyed_at=None).exists()

    owner.cloud.clear_faults()
    runs_before = list(Run.objects.filter(account=owner.account))
    hands.paste(owner.keys())
    run = hands.run()
    assert run.status in {RunStatus.PLANNED, RunStatus.VERIFIED}, (run.reason_code, run.failure)
    assert runs_before in ([], [run])
