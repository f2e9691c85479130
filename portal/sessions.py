"""Which session does a cookie name? Every page asks it first, so it is put into SQL once and for all."""

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.db.models import CharField, DateTimeField
from django.utils import timezone

from onboarding.models.prepared import Prepared

_alive: Prepared[Session] = Prepared(
    Session,
    lambda key, now: Session.objects.filter(session_key=key, expire_date__gt=now).values_list(
        "session_key", "session_data", "expire_date"
    ),
    CharField(),
    DateTimeField(),
)


class SessionStore(db.SessionStore):
    """Django's, in the database; only the question after the session is another."""

    def _get_session_from_db(self) -> Session | None:
        found = _alive.ask(self.session_key, timezone.now())
        if found:
            return found[0]
        # As Django's: a key that names none is forgotten, and never given to a new session.
        self._session_key = None
        return None
