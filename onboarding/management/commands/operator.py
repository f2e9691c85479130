"""`manage.py operator EMAIL --role ROLE`: who is the first of infosec to get in?

Makes the user, or takes the one with this address, and gives the role. No password is set here: a link is
printed with which they set their own, once.
"""

from typing import Any
from urllib.parse import urljoin

from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import transaction
from django.urls import reverse

from onboarding.models import StaffRole
from onboarding.services.people import set_role
from onboarding.services.refusals import Refused


class Command(BaseCommand):
    help = "Give somebody a role in infosec, and print a link with which they set their password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="their e-mail address")
        parser.add_argument("--role", choices=[*StaffRole.values, "none"], required=True)

    def handle(self, *_args: Any, email: str, role: str, **_options: Any) -> None:
        try:
            validate_email(email)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        try:
            with transaction.atomic():
                user = _user_of(email.lower())
                changed = set_role(user, None if role == "none" else StaffRole(role), by_id=None)
        except Refused as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(
            f"{user.email}: {role}." if changed else f"{user.email} was {role} already; nothing was changed."
        )
        if not user.has_usable_password() and role != "none":
            self.stdout.write(f"They set their password here, once:\n{_password_link(user)}")


def _user_of(email: str) -> User:
    """The user with this confirmed address; a new one without a password when there is none.

    Whoever runs this answers for the address: it counts as confirmed.
    """
    known = EmailAddress.objects.filter(email__iexact=email, verified=True).values("user_id")
    user = User.objects.filter(pk__in=known).first()
    if user is not None:
        return user
    if EmailAddress.objects.filter(email__iexact=email).exists() or User.objects.filter(email__iexact=email):
        # Somebody signed up with it and never showed that the mailbox is theirs: they know the password.
        raise CommandError(f"Somebody signed up with {email} and has not confirmed it: let them do so first.")
    user = User(username=email, email=email)
    user.set_unusable_password()
    user.save()
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def _password_link(user: User) -> str:
    """allauth's own for a forgotten password: it ends with its use, and after PASSWORD_RESET_TIMEOUT."""
    key = f"{user_pk_to_url_str(user)}-{default_token_generator.make_token(user)}"
    path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
    return urljoin(f"{settings.PUBLIC_URL}/", path.replace("UID-KEY", key))
