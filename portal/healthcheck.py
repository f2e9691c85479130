"""`python -m portal.healthcheck`: does the web process of this container answer? Exit 0 when it does."""

import os
import sys
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen


def main() -> int:
    """Ask our own port as the proxy would: with the public host name, over what counts as HTTPS."""
    host = urlsplit(os.environ.get("PUBLIC_URL", "")).netloc or "localhost"
    request = Request(f"http://127.0.0.1:{os.environ.get('PORT', '8000')}/health/ready")
    request.add_header("Host", host)
    request.add_header("X-Forwarded-Proto", "https")
    try:
        with urlopen(request, timeout=4) as answer:  # noqa: S310 - our own port
            return 0 if answer.status == 200 else 1
    except (URLError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - the container's health log
        return 1


if __name__ == "__main__":
    sys.exit(main())
