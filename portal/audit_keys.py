"""`python -m portal.audit_keys`: a new key for sealing the audit log, as a line for the worker's environment.

To change keys, put the new one before the old ones, separated by a comma: the first seals, and verifying
needs every key that ever sealed. The web side gets none of them.
"""

import base64
import secrets


def main() -> None:
    print(f"AUDIT_KEYS={base64.b64encode(secrets.token_bytes(32)).decode()}")  # noqa: T201 - to its owner's terminal


if __name__ == "__main__":
    main()
