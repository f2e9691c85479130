"""Who signed in, who tried, who left, and who changed how they prove who they are?

The one place that listens to signals. "No signals" is a rule for what is ours. Signing in isn't: Django and
allauth do it in half a dozen places (password, second factor, passkey, identity provider, confirmed address,
new password), and tell all of them by these signals and by nothing else. Nothing but the record is made here.
"""

from functools import partial
from typing import Any

from allauth.account import signals as account_signals
from allauth.account.authentication import get_authentication_records
from allauth.mfa import signals as second_factor_signals
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest

from onboarding.models.audit import AuditKind, append

_MEANS = {
    "password set": account_signals.password_set,
    "password changed": account_signals.password_changed,
    "password reset": account_signals.password_reset,
    "address added": account_signals.email_added,
    "address changed": account_signals.email_changed,
    "address removed": account_signals.email_removed,
    "second factor added": second_factor_signals.authenticator_added,
    "second factor removed": second_factor_signals.authenticator_removed,
    "second factor reset": second_factor_signals.authenticator_reset,
}


def connect() -> None:
    """Called once, when Django's apps are ready."""
    user_logged_in.connect(_signed_in, dispatch_uid="audit.signed_in")
    user_logged_out.connect(_signed_out, dispatch_uid="audit.signed_out")
    user_login_failed.connect(_failed, dispatch_uid="audit.sign_in_failed")
    second_factor_signals.authentication_failed.connect(
        _second_factor_failed, dispatch_uid="audit.second_factor_failed"
    )
    for name, signal in _MEANS.items():
        signal.connect(
            partial(_means_changed, what=name), weak=False, dispatch_uid=f"audit.means_changed.{name}"
        )


def _signed_in(*, user: User, request: HttpRequest | None = None, **_signal: Any) -> None:
    append(AuditKind.SIGNED_IN, actor_id=user.pk, by=_ways(request, user))


def _signed_out(*, user: User | None, **_signal: Any) -> None:
    if user is not None and user.pk is not None:
        append(AuditKind.SIGNED_OUT, actor_id=user.pk)


def _failed(*, credentials: dict[str, Any], **_signal: Any) -> None:
    """Only an address is kept of what was typed: people type passwords into the wrong field."""
    typed = str(credentials.get("email") or credentials.get("username") or "")
    address = typed if "@" in typed and " " not in typed else ""
    user = User.objects.filter(email__iexact=address).only("pk").first() if address else None
    append(AuditKind.SIGN_IN_FAILED, actor_id=user.pk if user else None, address=address[:254])


def _second_factor_failed(*, user: User, **_signal: Any) -> None:
    append(AuditKind.SIGN_IN_FAILED, actor_id=user.pk, address=user.email, what="second factor")


def _means_changed(*, what: str, user: User, authenticator: Any = None, **_signal: Any) -> None:
    kind_of_factor = {"kind_of_factor": authenticator.type} if authenticator is not None else {}
    append(AuditKind.SIGN_IN_MEANS_CHANGED, actor_id=user.pk, what=what, **kind_of_factor)


def _ways(request: HttpRequest | None, user: User) -> list[str]:
    """How they proved who they are, as allauth noted in the session: password, mfa:totp, socialaccount, …"""
    if request is None or not hasattr(request, "session"):
        return []
    noted = get_authentication_records(request, user)
    return [":".join(filter(None, (way.get("method"), way.get("type")))) for way in noted]
