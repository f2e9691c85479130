"""Is Django silent about our settings when they are production's? `python -m tests.production_check`."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

from nacl.encoding import Base64Encoder
from nacl.public import PrivateKey

ROOT = Path(__file__).resolve().parent.parent


def production_environment() -> dict[str, str]:
    """Everything that production must be given, made up; nothing of the caller's own settings."""
    return {
        "PATH": os.environ["PATH"],
        "PORTAL_MODE": "production",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "PUBLIC_URL": "https://onboarding.example.org",
        "ALLOWED_HOSTS": "onboarding.example.org",
        "DATABASE_URL": "postgres://portal:made-up@127.0.0.1:5432/portal",
        "REDIS_URL": "redis://127.0.0.1:6379/0",
        "COMPANY_FILE": str(ROOT / "company.example.toml"),
        "CUSTODY_PUBLIC_KEY": PrivateKey.generate().public_key.encode(Base64Encoder).decode(),
        "EMAIL_URL": "smtp://mail.example.org:25",
    }


def manage(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py with exactly that environment."""
    return subprocess.run(
        [sys.executable, "-W", "error", ROOT / "manage.py", *words],
        cwd=ROOT, env=environment, text=True, capture_output=True, check=False,
    )  # fmt: skip


def main() -> int:
    done = manage(production_environment(), "check", "--deploy", "--fail-level", "WARNING")
    if done.returncode != 0 or done.stderr or "no issues (0 silenced)" not in done.stdout:
        sys.stderr.write(done.stdout + done.stderr)
        return 1
    print("check --deploy: silent with production's settings.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
