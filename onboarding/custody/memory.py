"""Who can look into the memory of the process that opens what was handed over?

On Linux: no other process of the same user, which otherwise could read its environment and attach to it.
Root can. Elsewhere only core dumps are switched off.
"""

import ctypes
import logging
import resource
import sys

logger = logging.getLogger(__name__)

PR_SET_DUMPABLE = 4


def keep_to_itself() -> None:
    """No core dump of this process is written, and none of its user's other processes looks into it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux" and ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        logger.warning("custody.memory_open")
