"""The engine's stand-in cloud and owners, for the commands."""

from tests.engine.conftest import address, cloud, owner_of

__all__ = ["address", "cloud", "owner_of"]
