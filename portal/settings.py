"""Settings, from the environment. `PORTAL_MODE` is development (the default) or production.

In production nothing has a default that could be wrong: a missing value stops the process at start and names
itself. docs/operations.md lists every variable.
"""

import os
from pathlib import Path
from tempfile import gettempdir

import environ
from django.core.exceptions import ImproperlyConfigured

from onboarding.company import load_company
from portal import development
from portal.identity import identity_provider_from, providers_of

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

PORTAL_MODE = env.str("PORTAL_MODE", default="development")
if PORTAL_MODE not in {"development", "production"}:
    raise ImproperlyConfigured(f"PORTAL_MODE is {PORTAL_MODE!r}; it must be 'development' or 'production'.")
IS_PRODUCTION = PORTAL_MODE == "production"


def _required_in_production(name: str, development_value: str) -> str:
    """The variable's value; in production it must be set and not empty."""
    value = str(env.str(name, default="" if IS_PRODUCTION else development_value))
    if IS_PRODUCTION and not value:
        raise ImproperlyConfigured(f"{name} must be set in production. See docs/operations.md.")
    return value


DEBUG = not IS_PRODUCTION and env.bool("DEBUG", default=True)
SECRET_KEY = _required_in_production("SECRET_KEY", "development-only-" + "x" * 50)
# Keys that SECRET_KEY replaced: sessions, links and the seeds of second factors made with them stay good.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
PUBLIC_URL = _required_in_production("PUBLIC_URL", "http://localhost:8000").rstrip("/")
ALLOWED_HOSTS = (
    env.list("ALLOWED_HOSTS", default=[])
    if IS_PRODUCTION
    else ["localhost", "127.0.0.1", "[::1]", "testserver"]
)
if IS_PRODUCTION and not ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS must be set in production. See docs/operations.md.")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

# --- What the company sets ------------------------------------------------------------------------
COMPANY = load_company(Path(_required_in_production("COMPANY_FILE", str(BASE_DIR / "company.example.toml"))))

# --- The cloud ------------------------------------------------------------------------------------
# Honoured in development only: in production an injected endpoint would receive the owners' session tokens.
CLOUD_ENDPOINT_URL = "" if IS_PRODUCTION else env.str("AWS_ENDPOINT_URL", default="")
# How long after a look at AWS the next one comes; it grows while nothing changes.
CLOUD_POLL_SECONDS = env.float("CLOUD_POLL_SECONDS", default=5.0)

# --- Custody --------------------------------------------------------------------------------------
# The web side has the public key alone; only the worker's environment holds the private ones.
CUSTODY_PUBLIC_KEY = _required_in_production("CUSTODY_PUBLIC_KEY", "")
CUSTODY_PRIVATE_KEYS = env.list("CUSTODY_PRIVATE_KEYS", default=[])
# In development a key pair lies in a file, whose private half is read by who opens a box and by nobody else.
CUSTODY_DEVELOPMENT_FILE: Path | None = None
if not CUSTODY_PUBLIC_KEY and not CUSTODY_PRIVATE_KEYS:
    CUSTODY_PUBLIC_KEY = development.custody_public_key(BASE_DIR)
    CUSTODY_DEVELOPMENT_FILE = development.custody_key_file(BASE_DIR)
# No access is kept for longer, whatever its run waits for; then its owner is asked to hand over again.
GRANT_KEEP_HOURS = env.float("GRANT_KEEP_HOURS", default=24)

# --- The audit log --------------------------------------------------------------------------------
# The worker seals it, with the first of these; the web side has none.
AUDIT_KEYS = env.list("AUDIT_KEYS", default=[])
# In development a key lies in a file, which is read by who seals or verifies and by nobody else.
AUDIT_DEVELOPMENT_FILE = (
    development.audit_key_file(BASE_DIR) if CUSTODY_DEVELOPMENT_FILE and not AUDIT_KEYS else None
)
# Where the end of the log is written down outside of the database. The worker's log has it in any case.
AUDIT_HEAD_FILE = env.str("AUDIT_HEAD_FILE", default="")

# --- Tickets --------------------------------------------------------------------------------------
# The worker's own. Sent to the Bugzilla of the company's file, and nowhere else.
BUGZILLA_API_KEY = env.str("BUGZILLA_API_KEY", default="")

# --- Database -------------------------------------------------------------------------------------
DATABASES = {
    "default": env.db_url_config(
        _required_in_production("DATABASE_URL", f"sqlite:///{BASE_DIR}/portal.sqlite3")
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Several processes share the file. A transaction that reads first and then writes fails as "locked".
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON;",
    }
    # For tests a file too, not memory: they run threads and processes beside each other, as the product does.
    DATABASES["default"]["TEST"] = {"NAME": f"{gettempdir()}/onboarding-test-{os.getpid()}.sqlite3"}
else:
    # A server that is gone is noticed in seconds: a person's request, or a worker's thread, waits behind it.
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 5,
        "keepalives_idle": 20,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
        **DATABASES["default"].get("OPTIONS", {}),
    }
    DATABASES["default"]["CONN_MAX_AGE"] = env.int("DATABASE_CONN_MAX_AGE", default=60)
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    if pool_size := env.int("DATABASE_POOL_SIZE", default=0):
        # The web's requests each have a thread of their own, with which a kept connection would go.
        DATABASES["default"]["CONN_MAX_AGE"] = 0
        DATABASES["default"]["OPTIONS"]["pool"] = {
            "min_size": 1,
            "max_size": pool_size,
            "timeout": 5,
            # Given up soon, and begun anew by the next request: otherwise it waits ever longer between tries.
            "reconnect_timeout": 5,
        }
    DATABASES["default"]["TEST"] = {"NAME": f"onboarding_test_{os.getpid()}"}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Broker, and the wake-up for live pages -------------------------------------------------------
# Losing either loses nothing: the database remembers what is due.
REDIS_URL = _required_in_production("REDIS_URL", "redis://127.0.0.1:6379/0")
CACHES = {
    "default": {
        "BACKEND": "portal.cache.ForgivingRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "portal",
        "OPTIONS": {
            "serializer": "portal.cache.JsonSerializer",
            "socket_connect_timeout": 0.5,
            "socket_timeout": 0.5,
        },
    }
}

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "csp",
    # htmx and its extension for server-sent events, as static files.
    "django_htmx",
    "onboarding",
]

MIDDLEWARE = [
    # Outermost: what is recorded in the audit log while a request is served says where it came from.
    "onboarding.middleware.address.AddressMiddleware",
    # Before all that may refuse: a refusal carries the same headers.
    "onboarding.middleware.headers.HeadersMiddleware",
    "onboarding.middleware.compression.CompressionMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "onboarding.middleware.gatekeeper.Gatekeeper",
    "onboarding.middleware.limits.FormLimitsMiddleware",
]

ROOT_URLCONF = "portal.urls"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "portal.unchanging.Loader",
                    [
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# --- Sign-in --------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "portal.backends.Backend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
ACCOUNT_ADAPTER = "onboarding.views.sign_in.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
# Whoever takes over a sign-in changes these first: its owner hears of it by mail.
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if IS_PRODUCTION else "http"
# Before what is dangerous, whoever signed in longer ago than this proves again who they are.
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"

MFA_ADAPTER = "onboarding.views.sign_in.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"
MFA_TOTP_ISSUER = f"{COMPANY.name} account onboarding"
MFA_TOTP_TOLERANCE = 1
# Passkeys need HTTPS or the name localhost: only there may the origin be http.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not IS_PRODUCTION

# The company's identity provider, when OIDC_ISSUER_URL is set.
IDENTITY_PROVIDER = identity_provider_from(env)
SOCIALACCOUNT_PROVIDERS = providers_of(IDENTITY_PROVIDER)
# It is the company's own, so a confirmed address there is the same person here; no form comes between.
SOCIALACCOUNT_EMAIL_AUTHENTICATION = True
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_AUTO_SIGNUP = True
SOCIALACCOUNT_STORE_TOKENS = False

if IS_PRODUCTION:
    EMAIL_CONFIG = env.email_url("EMAIL_URL")
    vars().update(EMAIL_CONFIG)
else:
    EMAIL_BACKEND = env.str("EMAIL_BACKEND", default="django.core.mail.backends.console.EmailBackend")
# A mail server that hangs must hold up neither a page nor the worker.
EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT", default=10)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="onboarding@localhost")

# --- Pages ----------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
# Only what the pages are written in: a browser's other wishes would mix Django's words in.
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SECURE = IS_PRODUCTION
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
# In development files are served from where they lie; production serves what `collectstatic` gathered.
WHITENOISE_USE_FINDERS = not IS_PRODUCTION
WHITENOISE_ALLOW_ALL_ORIGINS = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if IS_PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# --- The wall -------------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        # Chromium asks this of the redirect after a form too: the way to the identity provider.
        "form-action": ["'self'", *([IDENTITY_PROVIDER.origin] if IDENTITY_PROVIDER else [])],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "object-src": ["'none'"],
    }
}
# Bodies are forms: a pasted session token is the longest thing in any. portal.asgi refuses more than that at
# the door.
DATA_UPLOAD_MAX_MEMORY_SIZE = 100_000
# A page of a hundred accounts, all of them selected, and what is to be done to them.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 120
DATA_UPLOAD_MAX_NUMBER_FILES = 0
# Lists of accounts are longer than any form: on this one page infosec's operators may send one.
IMPORT_PATH = "/fleet/import/"
IMPORT_MOST_BYTES = 4_000_000
# How often forms may be sent, beside allauth's own limits of sign-in. "form:…" is the page's name.
ACCOUNT_RATE_LIMITS = {
    "any_form": "60/m/user,1000/d/user",
    "any_form_of_a_visitor": "60/m/ip",
    "form:register": "20/m/user,100/h/user",
    "form:hand-over": "10/m/user",
    "form:hand-over-credentials": "10/m/user",
    # These send mail to other people.
    "form:ask-owners": "5/h/user",
    "form:people": "20/h/user",
    "form:invite-owner": "60/h/user",
    "form:import": "30/h/user",
    "form:remind-of-invitation": "60/h/user",
}
# How many proxies in front add to X-Forwarded-For: their address isn't the visitor's, whom limits are about.
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=1 if IS_PRODUCTION else 0)
# Django's admin shows the whole database to those who may: not needed for the work, so off where it counts.
ADMIN_ENABLED = env.bool("ADMIN_ENABLED", default=not IS_PRODUCTION)
DEFAULT_EXCEPTION_REPORTER_FILTER = "onboarding.custody.reports.SilentReporterFilter"
SESSION_ENGINE = "portal.sessions"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
# What somebody is in the middle of survives a night, not a lost laptop's month.
SESSION_COOKIE_AGE = 12 * 3600
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if IS_PRODUCTION:
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    # By this prefix browsers take them from this very host alone: no neighbouring subdomain can plant one.
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"

# --- Logs -----------------------------------------------------------------------------------------
# botocore prints session tokens at DEBUG: it never gets there, whatever LOG_LEVEL says. Nor do Django's
# queries, whose parameters hold ExternalIds, and its templates, whose contexts do.
SILENT_LOGGERS = (
    "botocore", "boto3", "urllib3", "s3transfer", "django.db.backends", "django.template",
)  # fmt: skip
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {name: {"level": "WARNING"} for name in SILENT_LOGGERS},
}
