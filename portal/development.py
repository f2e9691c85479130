"""Which defaults does a developer's machine get for what production must be given? Never read there."""

import json
import os
from pathlib import Path

from nacl.encoding import Base64Encoder
from nacl.public import PrivateKey


def _key_file(base_dir: Path) -> Path:
    """The development key pair, made once; readable by its user alone."""
    path = base_dir / ".run" / "custody.json"
    if path.exists():
        return path
    path.parent.mkdir(exist_ok=True)
    private = PrivateKey.generate()
    content = {
        "private": private.encode(Base64Encoder).decode(),
        "public": private.public_key.encode(Base64Encoder).decode(),
    }
    # Several processes may start at once: the first to link its file wins, and all read that one.
    draft = path.with_suffix(f".{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(content))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path


def custody_public_key(base_dir: Path) -> str:
    return str(json.loads(_key_file(base_dir).read_text())["public"])


def custody_private_keys(base_dir: Path) -> list[str]:
    return [str(json.loads(_key_file(base_dir).read_text())["private"])]
