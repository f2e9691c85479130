"""How does the stand-in behave right now? What can be changed while it runs, speed and durations aside."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Settings:
    """`log_delivery_seconds` is on the stand-in's clock, `latency_ms` is real."""

    latency_ms: float = 0.0
    log_delivery_seconds: float = 60.0


_current = Settings()


def current() -> Settings:
    """The settings in force."""
    return _current


def change(*, latency_ms: float | None = None, log_delivery_seconds: float | None = None) -> None:
    """Change what is given; ValueError when negative."""
    global _current  # noqa: PLW0603 - one process, one cloud
    for value in (latency_ms, log_delivery_seconds):
        if value is not None and value < 0:
            raise ValueError("A setting can't be negative.")
    _current = replace(
        _current,
        latency_ms=_current.latency_ms if latency_ms is None else float(latency_ms),
        log_delivery_seconds=(
            _current.log_delivery_seconds if log_delivery_seconds is None else float(log_delivery_seconds)
        ),
    )
