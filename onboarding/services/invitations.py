"""How does somebody come to answer for an account? By a mail, whose link works once.

The account's owner invites co-owners. While an account has no owner, infosec's operators invite one.
"""

import base64
import logging
import secrets
from datetime import datetime, timedelta
from urllib.parse import urljoin

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import F
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from onboarding.models import AwsAccount, Invitation, Ownership, OwnershipRole, standing
from onboarding.models.audit import AuditKind, append
from onboarding.models.people import (
    INVITATION_VALID_FOR,
    REMINDED_AT_MOST_EVERY,
    STARTS_WORK_AGAIN,
    role_of,
    token_digest,
)
from onboarding.services.ownership import demand_owner, has_owner
from onboarding.services.refusals import Refused

logger = logging.getLogger(__name__)

_TRY_AGAIN_AFTER = timedelta(minutes=5)


class AlreadyOwns(Refused):
    def __init__(self) -> None:
        super().__init__("already_owns", _("They answer for this account already."))


class HasOwner(Refused):
    """Who else answers for an account is its owner's decision, from the moment that there is one."""

    def __init__(self) -> None:
        super().__init__("has_owner", _("This account has an owner, who alone invites others to it."))


class NoLongerValid(Refused):
    """Used, revoked, too old, or never sent. Which of them is told to nobody."""

    def __init__(self) -> None:
        super().__init__(
            "invitation_invalid", _("This invitation has been used or taken back, or is too old.")
        )


class NothingToRemind(Refused):
    """Told to who may send invitations, and so may know what became of them."""

    def __init__(self) -> None:
        super().__init__("nothing_to_remind", _("This invitation was accepted or taken back."))


class RemindedLately(Refused):
    def __init__(self) -> None:
        super().__init__("reminded_lately", _("They got a mail within the last day. Remind them tomorrow."))


class ForSomebodyElse(Refused):
    def __init__(self) -> None:
        super().__init__(
            "invitation_other_address",
            _("This invitation was sent to another address than those that you have confirmed here."),
        )


class MailNotSent(Refused):
    def __init__(self) -> None:
        super().__init__("mail_not_sent", _("The mail could not be sent just now. Invite them again later."))


def invite(by: User, account: AwsAccount, email: str) -> Invitation:
    """Send a link to `email`; an earlier one to it stops working.

    Raises NotOwner, HasOwner, AlreadyOwns, MailNotSent.
    """
    demand_may_invite(by, account)
    email = email.lower()
    known = EmailAddress.objects.filter(email__iexact=email, verified=True).values("user_id")
    if account.ownerships.filter(user_id__in=known).exists():
        raise AlreadyOwns
    invitation = _store(by, account, email)
    _demand_sent(invitation)
    return invitation


def remind(by: User, invitation: Invitation) -> None:
    """Send the same link once more, good for as long again. An invitation that was too old is good anew.

    Raises NotOwner, HasOwner, NothingToRemind, RemindedLately, MailNotSent.
    """
    account = invitation.account
    now = timezone.now()
    with transaction.atomic():
        AwsAccount.objects.lock(account.pk)
        demand_may_invite(by, account)
        locked = Invitation.objects.select_for_update().get(pk=invitation.pk)
        if locked.used_at or locked.revoked_at:
            raise NothingToRemind
        if locked.sent_at and locked.sent_at > now - REMINDED_AT_MOST_EVERY:
            raise RemindedLately
        nonce = locked.nonce or secrets.token_urlsafe(32)
        Invitation.objects.filter(pk=locked.pk).update(
            nonce=nonce,
            # The same digest, unless SECRET_KEY has changed since: then the earlier link stops working.
            token_digest=token_digest(_token(nonce)),
            expires_at=now + INVITATION_VALID_FOR,
            reminded_at=now,
            reminders=F("reminders") + 1,
            # From now on, as another click may come before the mail is out.
            sent_at=now,
        )
        append(AuditKind.OWNER_REMINDED, actor_id=by.pk, account_id=account.pk, email=locked.email)
        transaction.on_commit(lambda: send(locked.pk))
    _demand_sent(invitation)


def remind_later(by: User, invitation: Invitation) -> None:
    """The same for acts on many: the worker mails it. In a transaction that holds the account."""
    now = timezone.now()
    nonce = invitation.nonce or secrets.token_urlsafe(32)
    Invitation.objects.filter(pk=invitation.pk, used_at=None, revoked_at=None).update(
        nonce=nonce,
        token_digest=token_digest(_token(nonce)),
        expires_at=now + INVITATION_VALID_FOR,
        reminded_at=now,
        reminders=F("reminders") + 1,
        sent_at=now,
        mail_due_at=now,
    )
    append(AuditKind.OWNER_REMINDED, actor_id=by.pk, account_id=invitation.account_id, email=invitation.email)


def demand_may_invite(by: User, account: AwsAccount) -> None:
    """Raises NotOwner, or HasOwner for an operator where there is an owner."""
    if role_of(by) in STARTS_WORK_AGAIN and not account.ownerships.filter(user=by).exists():
        if has_owner(account):
            raise HasOwner
        return
    demand_owner(by, account)


def _store(by: User, account: AwsAccount, email: str) -> Invitation:
    now = timezone.now()
    nonce = secrets.token_urlsafe(32)
    with transaction.atomic():
        AwsAccount.objects.lock(account.pk)
        # Again, under the lock: somebody may have become the owner this very moment.
        demand_may_invite(by, account)
        account.invitations.filter(email=email, used_at=None, revoked_at=None).update(revoked_at=now)
        invitation = Invitation.objects.create(
            account=account,
            email=email,
            nonce=nonce,
            token_digest=token_digest(_token(nonce)),
            invited_by=by,
            by_infosec=not has_owner(account),
            expires_at=now + INVITATION_VALID_FOR,
        )
        append(AuditKind.OWNER_INVITED, actor_id=by.pk, account_id=account.pk, email=email)
        transaction.on_commit(lambda: send(invitation.pk))
    return invitation


def _demand_sent(invitation: Invitation) -> None:
    # The invitation is stored by then, with a link that nobody has: it can be sent again.
    if Invitation.objects.filter(pk=invitation.pk, mail_failed_at__isnull=False).exists():
        raise MailNotSent


def revoke(by: User, account: AwsAccount, invitation_id: int) -> None:
    """Take an invitation back; nothing happens when it was used or taken back before."""
    with transaction.atomic():
        AwsAccount.objects.lock(account.pk)
        demand_may_invite(by, account)
        taken_back = Invitation.objects.filter(
            pk=invitation_id, account=account, used_at=None, revoked_at=None
        ).update(revoked_at=timezone.now())
        if taken_back:
            email = Invitation.objects.values_list("email", flat=True).get(pk=invitation_id)
            append(AuditKind.INVITATION_REVOKED, actor_id=by.pk, account_id=account.pk, email=email)


def find(token: str) -> Invitation:
    """The invitation of a link. Raises NoLongerValid."""
    invitation = Invitation.objects.open().with_token(token).select_related("account", "invited_by").first()
    if invitation is None:
        raise NoLongerValid
    return invitation


def demand_addressee(user: User, invitation: Invitation) -> None:
    """Raises ForSomebodyElse unless `user` has confirmed the address that the invitation went to."""
    if not EmailAddress.objects.filter(user=user, verified=True, email__iexact=invitation.email).exists():
        raise ForSomebodyElse


def accept(user: User, token: str) -> AwsAccount:
    """Make `user` the owner of an account that has none, or else a co-owner; once.

    Raises NoLongerValid, ForSomebodyElse.
    """
    invitation = find(token)
    demand_addressee(user, invitation)
    with transaction.atomic():
        now = timezone.now()
        # The account first: of two who accept at once, one becomes the owner.
        AwsAccount.objects.lock(invitation.account_id)
        if not Invitation.objects.open(now).filter(pk=invitation.pk).update(used_at=now):
            raise NoLongerValid
        role = OwnershipRole.CO_OWNER if has_owner(invitation.account) else OwnershipRole.OWNER
        Ownership.objects.get_or_create(account=invitation.account, user=user, defaults={"role": role})
        standing.bring_up_to_date(invitation.account_id)
        append(AuditKind.OWNER_JOINED, actor_id=user.pk, account_id=invitation.account_id, role=role)
    return invitation.account


def ask_to_be_let_in(user: User, number: str) -> None:
    """Mail who may invite `user` to the account, if there is such an account, that they would like to be.

    Its owners, or infosec where it has none. Answers nothing: whoever asks must not learn whether the
    account is known, or whose it is.
    """
    account = AwsAccount.objects.filter(number=number).first()
    if account is None or account.ownerships.filter(user=user).exists():
        return
    owners = [ownership.user.email for ownership in account.ownerships.select_related("user")]
    page = reverse("people", args=[number]) if owners else f"{reverse('invite-owner')}?number={number}"
    context = {
        "account": account,
        "asker": user.email,
        "link": urljoin(f"{settings.PUBLIC_URL}/", page),
        "has_owner": bool(owners),
    }
    try:
        _mail(owners or [settings.COMPANY.infosec_contact], "people/mail/asked", context)
    except OSError as error:
        logger.warning("asking.not_sent account_id=%s error=%s", account.pk, type(error).__name__)


def send(invitation_id: int) -> bool:
    """Mail the link, and note whether that could be done. Holds no lock meanwhile."""
    invitation = Invitation.objects.select_related("account", "invited_by").get(pk=invitation_id)
    context = {
        "account": invitation.account,
        "inviter": invitation.invited_by.email if invitation.invited_by else settings.COMPANY.infosec_contact,
        "link": urljoin(
            f"{settings.PUBLIC_URL}/", reverse("invitation-link", args=[_token(invitation.nonce)])
        ),
        "invitation": invitation,
        "company": settings.COMPANY,
    }
    template = "people/mail/asked_to_own" if invitation.by_infosec else "people/mail/invited"
    try:
        _mail([invitation.email], template, context)
    except OSError as error:
        # smtplib's errors are of this kind.
        logger.warning("invitation.not_sent id=%s error=%s", invitation.pk, type(error).__name__)
        Invitation.objects.filter(pk=invitation.pk).update(
            mail_failed_at=timezone.now(), sent_at=None, mail_due_at=None
        )
        return False
    Invitation.objects.filter(pk=invitation.pk).update(
        mail_failed_at=None, sent_at=timezone.now(), mail_due_at=None
    )
    return True


def send_due(now: datetime, most: int = 50) -> int:
    """The worker's part: mail what an import left to it. Returns how many were tried."""
    due = Invitation.objects.open(now).filter(mail_due_at__lte=now).order_by("mail_due_at")
    tried = 0
    for pk in list(due.values_list("pk", flat=True)[:most]):
        # Another worker may be at the same: who moves the time on sends it. Who dies then leaves it due.
        if Invitation.objects.filter(pk=pk, mail_due_at__lte=now).update(mail_due_at=now + _TRY_AGAIN_AFTER):
            tried += 1
            send(pk)
    return tried


def for_later(by: User, account: AwsAccount, email: str, now: datetime) -> Invitation:
    """An invitation by infosec, not stored yet, which the worker will mail."""
    nonce = secrets.token_urlsafe(32)
    return Invitation(
        account=account,
        email=email,
        nonce=nonce,
        token_digest=token_digest(_token(nonce)),
        invited_by=by,
        by_infosec=True,
        expires_at=now + INVITATION_VALID_FOR,
        mail_due_at=now,
    )


def _token(nonce: str) -> str:
    """256 bits that nobody can derive who has the database alone."""
    digest = salted_hmac("onboarding.invitation", nonce, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _mail(addresses: list[str], template: str, context: dict[str, object]) -> None:
    """Each gets a mail of their own. A subject is one line, whatever a name contains."""
    subject = " ".join(render_to_string(f"{template}_subject.txt", context).split())
    body = render_to_string(f"{template}_body.txt", context)
    for address in addresses:
        send_mail(subject, body, None, [address])
