"""How does an owner give the portal access, and take a parked run up again by it?

What is handed over is checked by its shape alone (the web side never calls AWS), sealed, and made due for the
worker. An older hand-over of the account is destroyed in the same transaction.
"""

import re
from dataclasses import replace
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from onboarding import wake
from onboarding.credentials import HandedOver, RoleHandOver, TemporaryCredentials
from onboarding.custody.seal import key_id, seal
from onboarding.models import AwsAccount, Grant, Run
from onboarding.models.history import destroy_grants, move_run, record
from onboarding.models.stages import next_stage, open_for_a_person
from onboarding.services.ownership import demand_ownership
from onboarding.services.refusals import Refused
from onboarding.states import GrantKind, RunStatus, Stage

ROLE_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>\d{12}):role/(?P<name>[\w+=,.@/-]{1,576})"
)

# From these a hand-over starts a survey, or takes up again what was parked.
_WAITING_FOR_ACCESS = (RunStatus.DRAFT, RunStatus.PLANNED, RunStatus.NEEDS_ACCESS, RunStatus.NEEDS_OWNER)
_PARKED = (RunStatus.NEEDS_ACCESS, RunStatus.NEEDS_OWNER)


class HandOverRefused(Refused):
    """What was handed over can't be right, or can't be used. Nothing was stored."""


class RunInProgress(Refused):
    """The account's run is at work with the access it has."""

    def __init__(self, text: str | Promise) -> None:
        super().__init__("run_in_progress", text)


def hand_over_role(user: User, account: AwsAccount, role_arn: str) -> Run:
    """Let the worker assume `role_arn` by the account's ExternalId. Raises HandOverRefused, RunInProgress."""
    demand_ownership(user, account)
    role_arn = role_arn.strip()
    check_role_arn(role_arn, account.number)
    return _take(
        user,
        account,
        RoleHandOver(role_arn=role_arn, external_id=account.external_id),
        kind=GrantKind.ROLE,
        label=role_arn,
        claimed_expiry=None,
    )


def hand_over_credentials(
    user: User, account: AwsAccount, credentials: TemporaryCredentials, claimed_expiry: datetime | None = None
) -> Run:
    """Let the worker use temporary credentials. `claimed_expiry` is what their JSON said, as an aware time.

    Raises HandOverRefused, RunInProgress.
    """
    demand_ownership(user, account)
    _check_credentials(credentials, claimed_expiry)
    return _take(
        user,
        account,
        credentials,
        kind=GrantKind.TEMPORARY_CREDENTIALS,
        label=f"…{credentials.access_key_id[-4:]}",
        claimed_expiry=claimed_expiry,
    )


def check_again(user: User, run: Run) -> Run:
    """Hand the same role over once more, after its owner has mended it. Raises as `hand_over_role` does."""
    return hand_over_role(user, run.account, run.account.last_role_arn)


def check_role_arn(role_arn: str, account_number: str) -> None:
    match = ROLE_ARN.fullmatch(role_arn)
    if match is None:
        raise HandOverRefused(
            "not_a_role_arn",
            _("This is not the ARN of a role. It looks like arn:aws:iam::123456789012:role/Name."),
        )
    if match["partition"] != "aws":
        raise HandOverRefused("other_partition", _("GovCloud and China accounts are not supported."))
    if match["account"] != account_number:
        raise HandOverRefused(
            "other_account",
            _("This role belongs to account %(found)s; the account you registered is %(wanted)s.")
            % {"found": match["account"], "wanted": account_number},
        )


def _check_credentials(credentials: TemporaryCredentials, claimed_expiry: datetime | None) -> None:
    key = credentials.access_key_id
    if key.startswith("AKIA"):
        raise HandOverRefused(
            "long_term_key",
            _(
                "This is a permanent key. It was not stored. Use temporary credentials or a role, and rotate "
                "this key now, as it has been pasted into a page."
            ),
        )
    if not (key and credentials.secret_access_key and credentials.session_token):
        raise HandOverRefused(
            "incomplete_credentials", _("Key id, secret key and session token are all required.")
        )
    if not re.fullmatch(r"ASIA[A-Z0-9]{12,124}", key):
        raise HandOverRefused(
            "not_temporary_credentials", _("The key id of temporary credentials begins with ASIA.")
        )
    if claimed_expiry is not None and claimed_expiry <= timezone.now():
        raise HandOverRefused(
            "expired_credentials", _("These credentials have already expired. Fetch new ones and paste them.")
        )


def _take(
    user: User,
    account: AwsAccount,
    handed_over: HandedOver,
    *,
    kind: GrantKind,
    label: str,
    claimed_expiry: datetime | None,
) -> Run:
    with transaction.atomic():
        # The account's row serialises two tabs: the second finds what the first has done.
        locked = AwsAccount.objects.lock(account.pk)
        if isinstance(handed_over, RoleHandOver):
            # It may have been replaced since this tab read it: the old one opens nothing any more.
            handed_over = replace(handed_over, external_id=locked.external_id)
        # The run before anything of it: the order in which the engine locks them, too.
        opened = account.runs.open().select_related("grant").select_for_update(of=("self",))
        run = opened.first() or _open_draft(user, account)
        if run.status not in _WAITING_FOR_ACCESS:
            return _answer_to_a_busy_run(run, label)
        destroy_grants(account.pk, reason="replaced")
        grant = _store(user, account, handed_over, kind=kind, label=label, claimed_expiry=claimed_expiry)
        if kind == GrantKind.ROLE:
            AwsAccount.objects.filter(pk=account.pk).update(last_role_arn=label)
        record(run.pk, "grant.received", grant_id=grant.pk, kind_of_grant=kind, label=label, by_id=user.pk)
        _set_going(run, grant, by_id=user.pk)
        wake.wake(run.pk)
    return run


def _open_draft(user: User, account: AwsAccount) -> Run:
    run = Run.objects.create(account=account, started_by=user)
    record(run.pk, "run.status", status=RunStatus.DRAFT, by_id=user.pk)
    return run


def _answer_to_a_busy_run(run: Run, label: str) -> Run:
    """The same thing handed over again while it is being used: a double click, and one effect."""
    if run.status == RunStatus.SURVEYING and run.grant is not None and run.grant.label == label:
        return run
    if run.status == RunStatus.VERIFYING:
        raise RunInProgress(_("The work is done and is being verified from outside: no access is needed."))
    raise RunInProgress(_("A job for this account is already running with the access it was given."))


def _store(
    user: User,
    account: AwsAccount,
    handed_over: HandedOver,
    *,
    kind: GrantKind,
    label: str,
    claimed_expiry: datetime | None,
) -> Grant:
    # The grant's id is sealed in, so the row comes first; the empty box never outlives this transaction.
    grant = Grant.objects.create(
        account=account,
        kind=kind,
        sealed=b"",
        sealing_key_id=key_id(settings.CUSTODY_PUBLIC_KEY),
        label=label,
        claimed_expiry=claimed_expiry,
        handed_over_by=user,
    )
    grant.sealed = seal(
        handed_over,
        account_number=account.number,
        grant_id=grant.pk,
        public_key=settings.CUSTODY_PUBLIC_KEY,
    )
    grant.save(update_fields=["sealed"])
    return grant


def _set_going(run: Run, grant: Grant, *, by_id: int) -> None:
    """On where it was parked, if its plan was approved and isn't finished; to the survey otherwise."""
    stage = next_stage(run) if run.status in _PARKED and run.approved_digest else None
    if stage is not None and run.approved_digest == run.plan_digest:
        move_run(run, RunStatus.RUNNING, expect=_PARKED, by_id=by_id, grant=grant)
        open_for_a_person(run, stage)
    else:
        move_run(
            run, RunStatus.SURVEYING, expect=_WAITING_FOR_ACCESS, by_id=by_id, grant=grant, is_by_hand=False
        )
        open_for_a_person(run, Stage.SURVEY)
