"""One sealer at a time puts committed records, and only those, into a chain without gaps."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from django.db import connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from pytest_django import Settings

from onboarding.audit import seal
from onboarding.audit.chain import NoAuditKey
from onboarding.audit.seal import seal_committed
from onboarding.audit.verify import Report
from onboarding.models import AuditHead, AuditRecord, audit
from tests.audit.conftest import last_head_in, write_and_seal

pytestmark = pytest.mark.django_db(transaction=True)

Checked = Callable[..., Report]
postgresql_alone = pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="SQLite has one writer: ids commit in order"
)


def in_a_thread(act: Callable[[], int]) -> int:
    """Run with a connection of its own, and close it."""

    def run() -> int:
        try:
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(run).result(30)


@contextmanager
def another_connection() -> Iterator[BaseDatabaseWrapper]:
    with closing(connection.copy()) as other:
        yield other


def test_records_are_sealed_in_their_order_and_once() -> None:
    ids = [audit.append("test.written", number=number).pk for number in range(5)]
    assert seal_committed() == 5
    assert seal_committed() == 0
    assert list(AuditRecord.objects.order_by("sequence").values_list("id", "sequence")) == [
        (pk, sequence) for sequence, pk in enumerate(ids, start=1)
    ]


def test_more_than_a_batch_is_sealed_batch_by_batch(
    monkeypatch: pytest.MonkeyPatch, head_file: Path, checked: Checked
) -> None:
    monkeypatch.setattr(seal, "BATCH", 4)
    for number in range(10):
        audit.append("test.written", number=number)
    assert seal_committed(most_batches=2) == 8
    assert seal_committed() == 2
    assert [json.loads(line)["sequence"] for line in head_file.read_text().splitlines()] == [4, 8, 10]
    assert checked().is_good


def test_an_uncommitted_record_is_not_sealed_and_vanishes_with_its_act() -> None:
    def act() -> None:
        with transaction.atomic():
            audit.append("test.written")
            raise KeyError

    with pytest.raises(KeyError):
        act()
    assert seal_committed() == 0
    assert not AuditRecord.objects.exists()


@postgresql_alone
def test_a_record_that_commits_late_is_sealed_late_and_the_chain_stays_whole(checked: Checked) -> None:
    """Its id is smaller than those of records that were sealed already."""
    began, may_commit, ids = threading.Event(), threading.Event(), []

    def slow() -> None:
        with transaction.atomic():
            ids.append(audit.append("test.slow").pk)
            began.set()
            assert may_commit.wait(20)
        connections.close_all()

    thread = threading.Thread(target=slow)
    thread.start()
    assert began.wait(20)
    quick = audit.append("test.quick").pk
    assert seal_committed() == 1
    may_commit.set()
    thread.join(20)
    assert quick > ids[0]
    assert seal_committed() == 1
    assert list(AuditRecord.objects.order_by("sequence").values_list("id", flat=True)) == [quick, ids[0]]
    assert checked().is_good


@postgresql_alone
def test_while_another_seals_there_is_nothing_to_do() -> None:
    write_and_seal(1)
    audit.append("test.written")
    with another_connection() as other, closing(other.cursor()) as cursor:
        other.set_autocommit(False)
        cursor.execute("SELECT * FROM onboarding_audithead FOR UPDATE")
        assert seal_committed() == 0
        other.rollback()
    assert seal_committed() == 1


def test_many_sealers_at_once_make_one_chain(checked: Checked) -> None:
    for number in range(60):
        audit.append("test.written", number=number)
    ready = threading.Barrier(4)

    def hurry() -> int:
        ready.wait(20)
        try:
            return sum(seal_committed() for _ in range(5))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        done = [job.result(60) for job in [threads.submit(hurry) for _ in range(4)]]
    assert sum(done) == 60
    assert checked().is_good
    assert checked().sealed == 60


def test_writers_and_sealers_beside_each_other_lose_nothing(checked: Checked) -> None:
    def write() -> int:
        try:
            for number in range(25):
                with transaction.atomic():
                    audit.append("test.written", number=number)
            return 25
        finally:
            connections.close_all()

    def keep_sealing() -> int:
        try:
            return sum(seal_committed() for _ in range(25))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        for job in [threads.submit(act) for act in (write, keep_sealing, write, keep_sealing)]:
            job.result(120)
    seal_committed()
    report = checked()
    assert report.findings == []
    assert report.sealed == 50


def test_verifying_while_sealing_goes_on_finds_nothing(checked: Checked) -> None:
    write_and_seal(5)
    stop = threading.Event()

    def keep_writing() -> int:
        try:
            written = 0
            while not stop.is_set():
                audit.append("test.written")
                written += seal_committed()
            return written
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as threads:
        job = threads.submit(keep_writing)
        found = [finding for _ in range(20) for finding in checked().findings]
        stop.set()
        assert job.result(60) > 0
    assert found == []


def test_the_head_is_told_to_the_file_and_the_log(caplog: pytest.LogCaptureFixture, head_file: Path) -> None:
    with caplog.at_level(logging.INFO):
        write_and_seal(2)
    head = last_head_in(head_file)
    assert head.sequence == 2
    assert head.mac == AuditRecord.objects.get(sequence=2).mac
    assert f"audit.head {head.as_line()}" in caplog.messages


def test_a_head_file_that_cannot_be_written_is_told_and_stops_nothing(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.AUDIT_HEAD_FILE = str(tmp_path / "absent" / "heads")
    audit.append("test.written")
    assert seal_committed() == 1
    assert "audit.head_not_written" in caplog.text


@pytest.mark.parametrize("keys", [[], ["c2hvcnQ="], ["not base64!"]])
def test_without_a_good_key_nothing_is_sealed(settings: Settings, keys: list[str]) -> None:
    settings.AUDIT_KEYS, settings.AUDIT_DEVELOPMENT_FILE = keys, None
    audit.append("test.written")
    with pytest.raises(NoAuditKey) as missing:
        seal_committed()
    assert not any(key in str(missing.value) for key in keys)


def test_without_its_head_the_sealer_goes_on_where_the_table_ends(
    checked: Checked, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.AUDIT_HEAD_FILE = ""
    write_and_seal(3)
    AuditHead.objects.all().delete()
    write_and_seal(2)
    assert "audit.head_lost" in caplog.text
    report = checked()
    assert (report.findings, report.sealed) == ([], 5)


def test_a_forged_head_does_not_move_the_sealer(checked: Checked, settings: Settings) -> None:
    """Setting it back, to have the numbers after it given out again, takes a head that the sealer wrote."""
    settings.AUDIT_HEAD_FILE = ""
    write_and_seal(6)
    AuditHead.objects.update(sequence=4, mac=AuditRecord.objects.get(sequence=4).mac)
    write_and_seal(1)
    assert AuditRecord.objects.filter(sequence=7).exists()


def test_sealing_in_another_process_goes_on_where_this_one_stopped(checked: Checked) -> None:
    write_and_seal(3)
    audit.append("test.written")
    assert in_a_thread(seal_committed) == 1
    assert checked().sealed == 4
