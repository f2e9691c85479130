"""How does somebody else come to answer for an account? By a mail from its owner, whose link works once."""

import logging
import secrets
from urllib.parse import urljoin

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from onboarding.models import AwsAccount, Invitation, Ownership, OwnershipRole
from onboarding.models.audit import AuditKind, append
from onboarding.models.people import INVITATION_VALID_FOR, token_digest
from onboarding.services.ownership import demand_owner
from onboarding.services.refusals import Refused

logger = logging.getLogger(__name__)


class AlreadyOwns(Refused):
    def __init__(self) -> None:
        super().__init__("already_owns", _("They answer for this account already."))


class NoLongerValid(Refused):
    """Used, revoked, too old, or never sent. Which of them is told to nobody."""

    def __init__(self) -> None:
        super().__init__(
            "invitation_invalid", _("This invitation has been used or taken back, or is too old.")
        )


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

    Raises NotOwner, AlreadyOwns, MailNotSent.
    """
    demand_owner(by, account)
    email = email.lower()
    known = EmailAddress.objects.filter(email__iexact=email, verified=True).values("user_id")
    if account.ownerships.filter(user_id__in=known).exists():
        raise AlreadyOwns
    token = secrets.token_urlsafe(32)
    try:
        return _store(by, account, email, token)
    except OSError as error:
        # smtplib's errors are of this kind. The invitation is stored by then, with a link that nobody has.
        logger.warning("invitation.not_sent account_id=%s error=%s", account.pk, type(error).__name__)
        raise MailNotSent from None


def _store(by: User, account: AwsAccount, email: str, token: str) -> Invitation:
    now = timezone.now()
    with transaction.atomic():
        AwsAccount.objects.lock(account.pk)
        account.invitations.filter(email=email, used_at=None, revoked_at=None).update(revoked_at=now)
        invitation = Invitation.objects.create(
            account=account,
            email=email,
            token_digest=token_digest(token),
            invited_by=by,
            expires_at=now + INVITATION_VALID_FOR,
        )
        append(AuditKind.OWNER_INVITED, actor_id=by.pk, account_id=account.pk, email=email)
        transaction.on_commit(lambda: _send(invitation, by, token))
    return invitation


def revoke(by: User, account: AwsAccount, invitation_id: int) -> None:
    """Take an invitation back; nothing happens when it was used or taken back before."""
    demand_owner(by, account)
    with transaction.atomic():
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
    """Make `user` a co-owner, once. Raises NoLongerValid, ForSomebodyElse."""
    invitation = find(token)
    demand_addressee(user, invitation)
    with transaction.atomic():
        now = timezone.now()
        if not Invitation.objects.open(now).filter(pk=invitation.pk).update(used_at=now):
            raise NoLongerValid
        Ownership.objects.get_or_create(
            account=invitation.account, user=user, defaults={"role": OwnershipRole.CO_OWNER}
        )
        append(AuditKind.OWNER_JOINED, actor_id=user.pk, account_id=invitation.account_id)
    return invitation.account


def ask_to_be_let_in(user: User, number: str) -> None:
    """Mail the account's owner, if there is such an account, that `user` would like to be invited.

    Answers nothing: whoever asks must not learn whether the account is known, or whose it is.
    """
    account = AwsAccount.objects.filter(number=number).first()
    if account is None or account.ownerships.filter(user=user).exists():
        return
    owners = [ownership.user.email for ownership in account.ownerships.select_related("user")]
    page = urljoin(f"{settings.PUBLIC_URL}/", reverse("people", args=[number]))
    try:
        _mail(owners, "people/mail/asked", {"account": account, "asker": user.email, "link": page})
    except OSError as error:
        logger.warning("asking.not_sent account_id=%s error=%s", account.pk, type(error).__name__)


def _send(invitation: Invitation, by: User, token: str) -> None:
    link = urljoin(f"{settings.PUBLIC_URL}/", reverse("invitation-link", args=[token]))
    context = {"account": invitation.account, "inviter": by.email, "link": link, "invitation": invitation}
    _mail([invitation.email], "people/mail/invited", context)


def _mail(addresses: list[str], template: str, context: dict[str, object]) -> None:
    """Each gets a mail of their own. A subject is one line, whatever a name contains."""
    subject = " ".join(render_to_string(f"{template}_subject.txt", context).split())
    body = render_to_string(f"{template}_body.txt", context)
    for address in addresses:
        send_mail(subject, body, None, [address])
