"""Which names does CloudFormation give to what has none in the template?"""

import hashlib
import string

from ministack.services import cloudformation
from ministack.services.cloudformation import provisioners

TAIL = 13
_LETTERS = string.ascii_uppercase + string.digits


def tail_of(key: str) -> str:
    """13 capital letters and digits, always the same for the same key."""
    number = int.from_bytes(hashlib.sha256(key.encode()).digest(), "big")
    letters = ""
    while len(letters) < TAIL:
        number, rest = divmod(number, len(_LETTERS))
        letters += _LETTERS[rest]
    return letters


def generated(stack_name: str, logical_id: str, tail: str, max_length: int) -> str:
    """`<stack>-<logical id>-<tail>`; when too long both first parts are cut to half of the room."""
    whole = f"{stack_name}-{logical_id}-{tail}"
    if len(whole) <= max_length:
        return whole
    room = max_length - len(tail) - 2
    return f"{stack_name[: room - room // 2]}-{logical_id[: room // 2]}-{tail}"


def _physical_name(
    stack_name: str, logical_id: str, *, lowercase: bool = False, max_len: int = 128, seeded: bool = True
) -> str:
    # The stack's id goes in: a stack that is created again has other names, an updated one the same.
    stack = cloudformation._stacks.get(stack_name) or {}
    seed = provisioners._NAME_SEED.get() if seeded else ""
    tail = tail_of(f"{stack.get('StackId', stack_name)}:{logical_id}:{seed}")
    name = generated(stack_name, logical_id, tail, max_len)
    return name.lower() if lowercase else name


def install() -> None:
    """ministack cuts only the end of the first parts, and derives the tail from the name alone."""
    provisioners._physical_name = _physical_name
