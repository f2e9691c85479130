"""Whatever is done to the table by somebody who may write it is found, and the first bad row is named."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from onboarding.audit.seal import seal_committed
from onboarding.audit.verify import Report
from onboarding.models import AuditHead, AuditRecord, audit
from tests.audit.conftest import a_key, raw, write_and_seal

pytestmark = pytest.mark.django_db

Checked = Callable[..., Report]


def id_of(sequence: int) -> int:
    return AuditRecord.objects.get(sequence=sequence).pk


def first(report: Report) -> tuple[int | None, int | None]:
    assert not report.is_good
    return report.findings[0].sequence, report.findings[0].record_id


def test_an_honest_log_is_whole(checked: Checked) -> None:
    write_and_seal(10)
    for with_heads in (True, False):
        report = checked(with_heads=with_heads)
        assert (report.findings, report.sealed, report.unsealed) == ([], 10, 0)
        assert report.last is not None
        assert report.last.sequence == 10


def test_an_empty_log_is_whole(checked: Checked) -> None:
    seal_committed()
    assert checked().is_good


@pytest.mark.parametrize(
    "change",
    [
        "kind = 'x'",
        "actor_id = 7",
        "actor = 'somebody else'",
        "account_id = 7",
        "account_number = '123456789012'",
        "run_id = '00000000000000000000000000000001'",
        "ip = '10.0.0.1'",
        "details = '{}'",
        "at = '2020-01-01 00:00:00'",
        "key_id = 'another'",
        "mac = 'ÿ'",
        "id = 9999",
    ],
)
def test_a_changed_value_is_found_in_its_row(checked: Checked, change: str) -> None:
    write_and_seal(9)
    raw(f"UPDATE onboarding_auditrecord SET {change} WHERE sequence = 5")
    assert first(checked(with_heads=False)) == (5, id_of(5))


def test_a_removed_record_is_found(checked: Checked) -> None:
    write_and_seal(9)
    raw("DELETE FROM onboarding_auditrecord WHERE sequence = 4")
    report = checked(with_heads=False)
    assert first(report) == (4, None)
    assert report.found == 1


def test_a_removed_beginning_is_found(checked: Checked) -> None:
    write_and_seal(9)
    raw("DELETE FROM onboarding_auditrecord WHERE sequence <= 3")
    assert first(checked(with_heads=False)) == (1, None)


def test_removing_and_numbering_anew_is_found(checked: Checked) -> None:
    write_and_seal(9)
    raw("DELETE FROM onboarding_auditrecord WHERE sequence = 4")
    for sequence in range(5, 10):
        raw("UPDATE onboarding_auditrecord SET sequence = %s WHERE sequence = %s", sequence - 1, sequence)
    assert first(checked(with_heads=False)) == (4, id_of(4))


def test_two_records_that_changed_places_are_found(checked: Checked) -> None:
    write_and_seal(9)
    for before, after in ((3, 99), (6, 3), (99, 6)):
        raw("UPDATE onboarding_auditrecord SET sequence = %s WHERE sequence = %s", after, before)
    assert first(checked(with_heads=False)) == (3, id_of(3))


@pytest.mark.parametrize("sequence", [0, -1, 10, 11])
def test_a_record_slipped_in_is_found(checked: Checked, sequence: int) -> None:
    write_and_seal(9)
    record = audit.append("plan.approved")
    raw(
        "UPDATE onboarding_auditrecord SET sequence = %s, mac = %s, key_id = %s WHERE id = %s",
        sequence,
        "ab" * 32,
        AuditRecord.objects.get(sequence=1).key_id,
        record.pk,
    )
    report = checked(with_heads=False)
    assert any(finding.sequence in {sequence, 10} for finding in report.findings)


def test_a_copy_of_a_sealed_record_in_another_place_is_found(checked: Checked) -> None:
    write_and_seal(3)
    raw(
        "INSERT INTO onboarding_auditrecord"
        " (at, kind, actor, account_number, ip, details, sequence, mac, key_id)"
        " SELECT at, kind, actor, account_number, ip, details, 4, mac, key_id"
        " FROM onboarding_auditrecord WHERE sequence = 3"
    )
    assert first(checked(with_heads=False)) == (4, id_of(4))


def test_a_cut_off_end_is_found_by_the_stored_head(checked: Checked) -> None:
    write_and_seal(9)
    raw("DELETE FROM onboarding_auditrecord WHERE sequence > 7")
    assert first(checked(with_heads=False)) == (8, None)


def test_a_cut_off_end_with_the_stored_head_set_back_is_found_by_the_head_file(checked: Checked) -> None:
    write_and_seal(6)
    earlier = AuditHead.objects.values().get()
    write_and_seal(3)
    raw("DELETE FROM onboarding_auditrecord WHERE sequence > 6")
    AuditHead.objects.update(**earlier)
    assert checked(with_heads=False).is_good, "the database alone can't know"
    assert first(checked()) == (7, None)


def test_emptying_everything_is_found_by_the_head_file(checked: Checked) -> None:
    write_and_seal(6)
    raw("DELETE FROM onboarding_auditrecord")
    AuditHead.objects.all().delete()
    assert first(checked()) == (1, None)


def test_after_a_cut_the_numbers_are_not_given_out_again(
    checked: Checked, caplog: pytest.LogCaptureFixture
) -> None:
    write_and_seal(6)
    earlier = AuditHead.objects.values().get()
    write_and_seal(3)
    raw("DELETE FROM onboarding_auditrecord WHERE sequence > 6")
    AuditHead.objects.update(**earlier)
    write_and_seal(2)
    assert "audit.set_back" in caplog.text
    assert AuditRecord.objects.filter(sequence__in=[10, 11]).count() == 2
    report = checked()
    assert first(report) == (7, None)
    assert report.found == 1, "what was sealed after the cut is whole, and verified through the head"


def test_sealing_again_what_was_unsealed_and_changed_is_found_by_the_head_file(checked: Checked) -> None:
    write_and_seal(6)
    earlier = AuditHead.objects.values().get()
    write_and_seal(3)
    raw("UPDATE onboarding_auditrecord SET sequence = NULL, mac = '', kind = 'x' WHERE sequence = 9")
    AuditHead.objects.update(**earlier)
    seal_committed()
    assert not checked().is_good


def test_a_forged_or_missing_stored_head_is_found(checked: Checked) -> None:
    write_and_seal(6)
    AuditHead.objects.update(sequence=5)
    assert first(checked(with_heads=False)) == (5, None)
    AuditHead.objects.all().delete()
    assert "no stored head" in str(checked(with_heads=False).findings[0])


def test_a_stored_head_set_back_is_found(checked: Checked) -> None:
    write_and_seal(6)
    earlier = AuditHead.objects.values().get()
    write_and_seal(3)
    AuditHead.objects.update(**earlier)
    assert first(checked(with_heads=False)) == (6, None)


def test_a_line_that_the_sealer_did_not_write_is_found(checked: Checked, head_file: Path) -> None:
    write_and_seal(6)
    lines = head_file.read_text().splitlines()
    forged = lines[-1].replace('"sequence": 6', '"sequence": 60')
    head_file.write_text("\n".join([*lines, forged, "not even a head"]))
    report = checked()
    assert [str(finding)[:6] for finding in report.findings] == ["Line 3", "Line 4"]


def test_a_forged_line_does_not_move_the_sealer(checked: Checked, head_file: Path) -> None:
    write_and_seal(6)
    forged = head_file.read_text().splitlines()[-1].replace('"sequence": 6', '"sequence": 60')
    head_file.write_text(head_file.read_text() + forged + "\n")
    write_and_seal(1)
    assert AuditRecord.objects.filter(sequence=7).exists()


def test_heads_can_be_read_from_a_log(checked: Checked, head_file: Path) -> None:
    write_and_seal(6)
    lines = [
        f"[2026-01-01: INFO/MainProcess] audit.head {line}" for line in head_file.read_text().splitlines()
    ]
    head_file.write_text("\n".join(lines))
    assert checked().is_good
    raw("DELETE FROM onboarding_auditrecord WHERE sequence = 6")
    AuditHead.objects.all().delete()
    assert not checked().is_good


def test_a_value_of_the_wrong_kind_is_found(checked: Checked) -> None:
    """SQLite lets a text into a column of numbers; there it could look like the fields behind it."""
    write_and_seal(3)
    try:
        raw("UPDATE onboarding_auditrecord SET actor_id = '5;1:x' WHERE sequence = 2")
    except Exception:  # noqa: BLE001 - PostgreSQL refuses
        pytest.skip("the database refuses it by itself")
    assert first(checked(with_heads=False)) == (2, id_of(2))


def test_a_record_that_nobody_seals_is_reported_after_a_minute(checked: Checked) -> None:
    write_and_seal(3)
    record = audit.append("plan.approved")
    assert checked().is_good
    earlier = f"{timezone.now() - timedelta(minutes=2):%Y-%m-%d %H:%M:%S}"
    raw("UPDATE onboarding_auditrecord SET at = %s WHERE id = %s", earlier, record.pk)
    assert first(checked()) == (None, record.pk)


def test_after_a_change_of_keys_both_halves_verify(settings: Settings, checked: Checked) -> None:
    write_and_seal(3)
    settings.AUDIT_KEYS = [a_key(2), a_key(1)]
    write_and_seal(3)
    assert checked().is_good
    assert AuditRecord.objects.values_list("key_id", flat=True).distinct().count() == 2
    settings.AUDIT_KEYS = [a_key(2)]
    assert first(checked(with_heads=False)) == (1, id_of(1))


def test_another_key_verifies_nothing(settings: Settings, checked: Checked) -> None:
    write_and_seal(3)
    settings.AUDIT_KEYS = [a_key(9)]
    assert not checked().is_good
