"""What fleet do infosec's pages of the tour show? A made-up one, with the traces of a desk at work.

A program of its own, run with the portal's settings on the tour's database: `python -m tests.tour.fleet`
prints as JSON what the tour's addresses may name. No worker runs by then: it would take up the made-up runs.
"""

import json
import os
import sys
from datetime import timedelta
from io import BytesIO
from typing import TYPE_CHECKING

from demo.people import STAFF

if TYPE_CHECKING:
    from django.contrib.auth.models import User

ACCOUNTS, OWNERS, SEED = 380, 40, 7
NOTE = "Called on Tuesday: their organization’s policy denies the region.\n\nThey ask their platform team."
LIST = """number,name,owners,contact,ticket,tags
210987654321,Billing export,ada.kim@example.org,,https://bugs.example.org/1900117,prod
340987654321,Data lake,noor.ito@example.org ben.silva@example.org,lake@example.org,,prod;data
4.84535E+11,Community IT - 1003,ada.kim@example.org,,,
48453528919,Release signing,hugo.rossi@example.org,,,
560987654321,Telemetry archive,rosa-at-example.org,,,
210987654321,Billing export,ada.kim@example.org,,,
780987654321,Build cache,lena.haddad@example.org,,https://bugs.example.org/1900118,ci
"""


def prepare() -> dict[str, str]:
    from django.core.management import call_command

    from onboarding.models import AccountSummary, BatchKind, StaffRole
    from onboarding.services import bulk, importing
    from onboarding.states import AccountState

    call_command("seed_fleet", accounts=ACCOUNTS, owners=OWNERS, seed=SEED, verbosity=0)
    _give_releases()
    staff = _user(STAFF.email, StaffRole.SUPERUSER)
    colleagues = [
        _user("kim.novak@example.org", StaffRole.OPERATOR),
        _user("yuki.jensen@example.org", StaffRole.ANALYST),
        _user("umar.quinn@example.org", StaffRole.AUDITOR),
    ]
    _work_at_the_desk(staff, colleagues[0])
    _ask_owners(staff)
    _give_up_a_mail()
    broken = AccountSummary.objects.filter(state=AccountState.PARTLY).order_by("-since")[0]
    waiting = AccountSummary.objects.filter(blocked_on="owner").values_list("pk", flat=True)
    stuck = AccountSummary.objects.exclude(remedy="").values_list("pk", flat=True)
    taken_in, _shape = importing.judge_list(staff, BytesIO(LIST.encode()), invite=True)
    tag = bulk.judge_accounts(staff, BatchKind.TAG, waiting, {"tag": "wave-2"})
    assign = bulk.judge_accounts(staff, BatchKind.ASSIGN, stuck, {"user_id": colleagues[0].pk})
    remind = bulk.judge_accounts(staff, BatchKind.REMIND, waiting, {})
    retry = bulk.judge_accounts(staff, BatchKind.RETRY, stuck, {})
    return {
        "broken": broken.number,
        "cluster": "not_admitted",
        "import": str(taken_in.pk),
        "tag": str(tag.pk),
        "assign": str(assign.pk),
        "remind": str(remind.pk),
        "retry": str(retry.pk),
    }


def _user(email: str, role: str) -> "User":
    from django.contrib.auth.models import User

    from onboarding.models import StaffRole
    from onboarding.services.people import set_role

    user, _is_new = User.objects.get_or_create(username=email, defaults={"email": email})
    set_role(user, StaffRole(role), by_id=None)
    return user


def _give_releases() -> None:
    """Most have the present blueprint, some an earlier release of it."""
    from django.conf import settings

    from onboarding.blueprint import build_blueprint
    from onboarding.management.made_up import BLUEPRINTS
    from onboarding.models import AccountSummary

    present = build_blueprint(settings.COMPANY)
    for digest, version in zip(BLUEPRINTS, ("2026.3", "2026.7", present.version), strict=True):
        deployed = present.deployed_digest if version == present.version else digest[::-1]
        AccountSummary.objects.filter(blueprint_digest=digest).update(
            blueprint_version=version, blueprint_digest=deployed
        )


def _work_at_the_desk(staff: "User", colleague: "User") -> None:
    from onboarding.models import AccountSummary, AwsAccount
    from onboarding.services import desk
    from onboarding.states import AccountState

    def accounts(**wanted: object) -> list[AwsAccount]:
        return list(
            AwsAccount.objects.filter(**{f"summary__{name}": value for name, value in wanted.items()})
        )

    desk.tag(staff, accounts(name__contains=" prod "), "prod")
    desk.tag(staff, accounts(blocked_on="owner")[:9], "wave-1")
    desk.assign(staff, accounts(state=AccountState.PARTLY)[:5], colleague.pk)
    broken = AccountSummary.objects.filter(state=AccountState.PARTLY).order_by("-since")[0]
    desk.note(staff, AwsAccount.objects.get(pk=broken.pk), NOTE)
    columns = "column=state&column=since&column=remedy&column=owner&column=tags&column=assigned"
    desk.save_view(staff, "Production, uncovered", f"?coverage=uncovered&tag=prod&{columns}", is_shared=False)
    desk.save_view(colleague, "Nobody looks after it", "?blocked=infosec&assigned=nobody", is_shared=True)


def _ask_owners(staff: "User") -> None:
    """Some asked lately, some reminded, some too long ago, one that could not be mailed."""
    from django.utils import timezone

    from onboarding.models import AwsAccount, Invitation
    from onboarding.services import invitations
    from onboarding.states import AccountState

    now = timezone.now()
    accounts = AwsAccount.objects.filter(summary__state=AccountState.NO_OWNER).order_by("pk")
    people = ("ada.kim", "noor.ito", "hugo.rossi", "lena.haddad", "ben.silva", "rosa.gupta", "sven.okafor")
    asked_days_ago = (1, 2, 4, 5, 3, 12, 20)
    for account, name, days in zip(accounts, people, asked_days_ago, strict=False):
        asked_at = now - timedelta(days=days)
        invitation = invitations.for_later(staff, account, f"{name}@example.org", asked_at)
        invitation.mail_due_at, invitation.sent_at = None, asked_at
        if days in {4, 5}:
            invitation.reminded_at = invitation.sent_at = now - timedelta(days=1, hours=3)
            invitation.reminders = days - 3
        if days == 3:
            invitation.sent_at, invitation.mail_failed_at = None, asked_at
        invitation.save()
        Invitation.objects.filter(pk=invitation.pk).update(created_at=asked_at)


def _give_up_a_mail() -> None:
    from django.utils import timezone

    from onboarding.audiences import Channel
    from onboarding.models import AccountSummary, Notice, NoticeOutcome
    from onboarding.states import AccountState, RunStatus

    failed = AccountSummary.objects.filter(state=AccountState.FAILED).order_by("-since")
    for summary, channel in zip(failed[:2], (Channel.MAIL, Channel.TICKET), strict=True):
        assert summary.latest_run is not None
        Notice.objects.create(
            run=summary.latest_run,
            event_number=1,
            status=RunStatus.FAILED,
            channel=channel,
            recipient=summary.owner_email if channel == Channel.MAIL else summary.account.ticket_url,
            attempts=12,
            last_error="ConnectTimeout",
            handled_at=timezone.now(),
            outcome=NoticeOutcome.GIVEN_UP,
        )


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    import django

    django.setup()
    from onboarding.audit.seal import seal_committed

    prepared = prepare()
    seal_committed()
    sys.stdout.write(json.dumps(prepared))
