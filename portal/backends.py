"""Who is signed in? Every page asks it, so the question is put into SQL once and for all."""

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.models import User
from django.db.models import AutoField

from onboarding.models.prepared import Prepared

_COLUMNS = (
    "id", "password", "last_login", "is_superuser", "username", "first_name", "last_name", "email",
    "is_staff", "is_active", "date_joined",
)  # fmt: skip

_users: Prepared[User] = Prepared(
    lambda *values: User.from_db("default", _COLUMNS, values),
    lambda pk: User.objects.filter(pk=pk).values_list(*_COLUMNS),
    AutoField(),
)


class Backend(AuthenticationBackend):  # type: ignore[misc]  # allauth has no types
    """Allauth's: by e-mail address and password. Only the question after a session's user is another."""

    def get_user(self, user_id: int) -> User | None:
        found = _users.ask(user_id)
        return found[0] if found and self.user_can_authenticate(found[0]) else None
