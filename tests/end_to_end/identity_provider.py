"""A real OpenID Connect provider for the tests: django-oauth-toolkit as a company might run it.

A Django project of its own in a process of its own, with a database of its own. Only what a company would
write stands here: who its people are, which claims it gives out, and who may sign in through it.

    python -m tests.end_to_end.identity_provider DIRECTORY PORT PORTAL_ADDRESS
"""

import os
import sys
from pathlib import Path

CLIENT_ID, CLIENT_SECRET = "portal", "made-up-for-the-tests"
PASSWORD = "made-up-7351"
# Name: groups, and how they prove themselves at this provider.
PEOPLE: dict[str, tuple[list[str], list[str]]] = {
    "grace": (["infosec-operators", "everybody"], ["pwd", "mfa"]),
    "alan": (["infosec-operators"], ["pwd"]),
    "ada": (["everybody"], ["pwd"]),
    "mary": (["infosec-operators"], ["pwd", "mfa"]),
}


def configure(directory: Path, port: int) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from django.conf import settings

    key_file = directory / "signing-key.pem"
    if not key_file.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        form = serialization.PrivateFormat.PKCS8
        key_file.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        )
    settings.configure(
        DEBUG=False,
        SECRET_KEY="x" * 60,
        ALLOWED_HOSTS=["localhost"],
        ROOT_URLCONF="tests.end_to_end.identity_provider_urls",
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": directory / "provider.sqlite3"}
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        # Both sites are called localhost, and cookies don't ask for the port.
        SESSION_COOKIE_NAME="provider_session",
        CSRF_COOKIE_NAME="provider_csrf",
        LOGIN_URL="/login/",
        USE_TZ=True,
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "oauth2_provider",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
            }
        ],
        OAUTH2_PROVIDER={
            "OIDC_ENABLED": True,
            "OIDC_RSA_PRIVATE_KEY": key_file.read_text(),
            "OIDC_ISS_ENDPOINT": f"http://localhost:{port}",
            "PKCE_REQUIRED": True,
            "SCOPES": {"openid": "who you are", "profile": "your name", "email": "your address"},
            "OAUTH2_VALIDATOR_CLASS": "tests.end_to_end.identity_provider_urls.Claims",
        },
    )


def prepare(portal: str) -> None:
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from oauth2_provider.models import Application

    call_command("migrate", verbosity=0)
    for name in PEOPLE:
        if not User.objects.filter(username=name).exists():
            User.objects.create_user(name, f"{name}@example.org", PASSWORD)
    Application.objects.get_or_create(
        client_id=CLIENT_ID,
        defaults={
            "client_secret": CLIENT_SECRET,
            "client_type": Application.CLIENT_CONFIDENTIAL,
            "authorization_grant_type": Application.GRANT_AUTHORIZATION_CODE,
            "redirect_uris": f"{portal}/accounts/oidc/company/login/callback/",
            "skip_authorization": True,
            "algorithm": Application.RS256_ALGORITHM,
        },
    )


def main() -> None:
    import django
    from django.core.management import call_command

    directory, port, portal = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    # The portal and this provider talk http on this machine alone.
    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
    configure(directory, port)
    django.setup()
    prepare(portal)
    call_command("runserver", f"127.0.0.1:{port}", "--noreload", "--skip-checks")


if __name__ == "__main__":
    main()
