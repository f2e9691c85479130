"""Which command gives access that can be used, after a kind that can't?"""

from collections.abc import Callable

# Longer than any run; and what AWS gives a role unless its owner said otherwise.
_SECONDS = 3600


def command_after(reason_code: str, account_number: str) -> str:
    """The command for whoever handed over what `reason_code` refuses; empty where no command helps.

    What only they know stands in capitals.
    """
    make = _COMMANDS.get(reason_code)
    return make(account_number) if make else ""


def _with_mfa(account_number: str) -> str:
    return (
        f"aws sts get-session-token --duration-seconds {_SECONDS} \\\n"
        f"  --serial-number arn:aws:iam::{account_number}:mfa/YOUR-NAME \\\n"
        f"  --token-code SIX-DIGITS"
    )


def _by_a_role(account_number: str) -> str:
    return (
        f"aws sts assume-role --duration-seconds {_SECONDS} \\\n"
        f"  --role-arn arn:aws:iam::{account_number}:role/AN-ADMINISTRATORS-ROLE \\\n"
        f"  --role-session-name onboarding"
    )


def _from_a_regional_endpoint(account_number: str) -> str:
    return (
        f"export AWS_STS_REGIONAL_ENDPOINTS=regional\n{_by_a_role(account_number)} \\\n  --region us-east-1"
    )


def _as_signed_in(_account_number: str) -> str:
    return "aws configure export-credentials --format env"


_COMMANDS: dict[str, Callable[[str], str]] = {
    "long_term_key": _with_mfa,
    "not_temporary_credentials": _with_mfa,
    "session_without_mfa": _with_mfa,
    "federated_user": _by_a_role,
    "root_user": _by_a_role,
    "token_of_global_endpoint": _from_a_regional_endpoint,
    "session_revoked": _as_signed_in,
    "expired_credentials": _as_signed_in,
    "expired_while_working": _as_signed_in,
    "incomplete_credentials": _as_signed_in,
    "incomplete_paste": _as_signed_in,
    "invalid_credentials": _as_signed_in,
    "wrong_account": _as_signed_in,
}
