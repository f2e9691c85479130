"""The worker's environment, where the private key is, can't be read by another process of its user."""

import os
import subprocess
import sys

import pytest

NOBODY = 65534

# Root sees everything, so a test that runs as root lets another user play both parts.
PROGRAM = f"""
import ctypes, os, resource, sys
from onboarding.custody.memory import PR_SET_DUMPABLE, keep_to_itself
if os.getuid() == 0:
    os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
print("open", flush=True); sys.stdin.readline()
keep_to_itself()
print("closed", resource.getrlimit(resource.RLIMIT_CORE), flush=True); sys.stdin.readline()
"""


def read_environment_of(pid: int) -> subprocess.CompletedProcess[bytes]:
    command = ["cat", f"/proc/{pid}/environ"]
    if os.getuid() == 0:
        return subprocess.run(
            command, capture_output=True, check=False, user=NOBODY, group=NOBODY, extra_groups=[]
        )
    return subprocess.run(command, capture_output=True, check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's protection")
def test_another_process_of_the_same_user_cannot_read_the_workers_environment() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env={"CUSTODY_PRIVATE_KEYS": "made-up"}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "open\n"
        assert b"made-up" in read_environment_of(process.pid).stdout
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "closed (0, 0)\n"
        refused = read_environment_of(process.pid)
        assert refused.returncode != 0
        assert b"made-up" not in refused.stdout
    finally:
        process.communicate("\n")


def test_the_worker_closes_its_memory_when_it_starts_and_takes_json_alone() -> None:
    from celery.signals import worker_init

    from portal import celery

    assert celery._keep_secrets_in_memory in [receiver() for _, receiver in worker_init.receivers]
    assert tuple(celery.app.conf.accept_content) == ("json",)
    assert celery.app.conf.task_serializer == "json"
