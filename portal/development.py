"""Which defaults does a developer's machine get for what production must be given? Never read there."""

import base64
import os
import secrets
from pathlib import Path

from nacl.encoding import Base64Encoder
from nacl.public import PrivateKey


def custody_key_file(base_dir: Path) -> Path:
    """The private key of development, made once; readable by its user alone. Whoever opens boxes reads it."""
    return _made_once(base_dir / ".run" / "custody.key", PrivateKey.generate().encode(Base64Encoder))


def custody_public_key(base_dir: Path) -> str:
    """Its public half, from a file of its own: who only seals doesn't read the private one."""
    path = base_dir / ".run" / "custody.pub"
    if not path.exists():
        private = PrivateKey(custody_key_file(base_dir).read_bytes(), encoder=Base64Encoder)
        _made_once(path, private.public_key.encode(Base64Encoder))
    return path.read_text()


def audit_key_file(base_dir: Path) -> Path:
    """The key that seals the audit log in development."""
    return _made_once(base_dir / ".run" / "audit.key", base64.b64encode(secrets.token_bytes(32)))


def _made_once(path: Path, content: bytes) -> Path:
    """Several processes may start at once: the first to link its file wins, and all read that one."""
    if path.exists():
        return path
    path.parent.mkdir(exist_ok=True)
    draft = path.with_suffix(f"{path.suffix}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path
