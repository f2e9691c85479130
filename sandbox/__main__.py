"""How the stand-in cloud is started: `python -m sandbox --port 4599`.

Reads the command line, sets what ministack reads from the environment while it is imported, and only
then hands over to `sandbox.server`. Nothing here may import ministack.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A stand-in for AWS.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    parser.add_argument("--port", type=int, default=4599, help="0 picks a free one and prints it")
    parser.add_argument("--speed", type=float, default=1.0, help="how many times faster stacks live")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="added to each AWS call")
    parser.add_argument(
        "--log-delivery-seconds",
        type=float,
        default=60.0,
        help="from a trail's start to its first log, on the stand-in's clock",
    )
    parser.add_argument(
        "--enabled-regions",
        type=int,
        default=None,
        help="regions enabled in an account unless it says otherwise (default: 17 and two opt-ins)",
    )
    parser.add_argument(
        "--company",
        type=Path,
        default=Path("company.example.toml"),
        help="the company file whose central side is played",
    )
    parser.add_argument("--seed", default=None, help="a scenario to play before the first request")
    return parser.parse_args(argv)


def _prepare_environment(host: str, port: int) -> None:
    """What ministack takes from the environment, decided here and nowhere else."""
    os.environ.update(
        {
            "AUTH": "true",
            "BIND_HOST": host,
            "GATEWAY_PORT": str(port),
            "MINISTACK_HOST": "127.0.0.1",
            # Listeners we never use; each would cost half a second and a port.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "PERSIST_STATE": "0",
            "S3_PERSIST": "0",
        }
    )
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    # The Lambda functions of a stack run as the server's own children: they must not pick up the
    # credentials of whoever started the stand-in.
    for name in [n for n in os.environ if n.startswith("AWS_")]:
        del os.environ[name]
    # Where those functions find "AWS".
    os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 0 after a clean stop."""
    arguments = _arguments(argv)
    from sandbox import listening

    listener = listening.bind(arguments.host, arguments.port)
    port: int = listener.getsockname()[1]
    _prepare_environment(arguments.host, port)
    from sandbox import server

    return server.run(
        server.Options(
            host=arguments.host,
            port=port,
            speed=arguments.speed,
            latency_ms=arguments.latency_ms,
            log_delivery_seconds=arguments.log_delivery_seconds,
            enabled_regions=arguments.enabled_regions,
            company=arguments.company,
            seed=arguments.seed,
        ),
        listener,
    )


if __name__ == "__main__":
    sys.exit(main())
