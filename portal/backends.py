"""Who is signed in? Every page asks it, so the question is put into SQL once and for all.

Whether they are of infosec, which infosec's pages ask next, is asked with it.
"""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.models import User
from django.db.models import AutoField

from onboarding.models.people import note_role_and_factor
from onboarding.models.prepared import Prepared

_COLUMNS = (
    "id", "password", "last_login", "is_superuser", "username", "first_name", "last_name", "email",
    "is_staff", "is_active", "date_joined",
)  # fmt: skip


def _user(*values: Any) -> User:
    *of_user, role, factor = values
    user = User.from_db("default", _COLUMNS, of_user)
    return note_role_and_factor(user, role=role, has_factor=factor is not None)


_users: Prepared[User] = Prepared(
    _user,
    lambda pk: User.objects.filter(pk=pk).values_list(*_COLUMNS, "member__role", "authenticator")[:1],
    AutoField(),
)


class Backend(AuthenticationBackend):  # type: ignore[misc]  # allauth has no types
    """Allauth's: by e-mail address and password. Only the question after a session's user is another."""

    def get_user(self, user_id: int) -> User | None:
        found = _users.ask(user_id)
        return found[0] if found and self.user_can_authenticate(found[0]) else None
