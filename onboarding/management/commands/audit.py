"""`manage.py audit …`: is the audit log whole, what does it say, and seal it now."""

from argparse import ArgumentTypeError
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from onboarding.audit.chain import NoAuditKey, keys
from onboarding.audit.export import chosen, chunks
from onboarding.audit.seal import BATCH, seal_committed
from onboarding.audit.verify import Report, verify
from onboarding.models import AwsAccount


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(
            f"{text!r} is no time; write 2026-01-31 or 2026-01-31T12:00:00+00:00."
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


class Command(BaseCommand):
    help = "Verify, export or seal the audit log."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        verifying = acts.add_parser("verify", help="find changes, losses and insertions; 1 if there are any")
        verifying.add_argument(
            "--head-file",
            action="append",
            type=Path,
            metavar="FILE",
            help="heads kept outside of the database (may be given again); AUDIT_HEAD_FILE unless given",
        )
        exporting = acts.add_parser("export", help="write the records as JSON lines")
        exporting.add_argument("--account", metavar="NUMBER", help="only this account's")
        exporting.add_argument("--since", type=_time, metavar="TIME", help="only from this time on (UTC)")
        acts.add_parser("seal", help="seal now what the worker would seal within seconds")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            match options["act"]:
                case "verify":
                    self._verify(options["head_file"])
                case "export":
                    self._export(options["account"], options["since"])
                case _:
                    self._seal()
        except NoAuditKey as missing:
            raise CommandError(str(missing)) from None

    def _verify(self, files: list[Path] | None) -> None:
        if files is None:
            files = [Path(settings.AUDIT_HEAD_FILE)] if settings.AUDIT_HEAD_FILE else []
        lines: list[str] = []
        for file in files:
            try:
                lines += file.read_text(errors="replace").splitlines()
            except OSError as error:
                raise CommandError(f"The heads in {file} can't be read: {error.strerror}.") from None
        began = perf_counter()
        report = verify(keys(), lines, now=timezone.now())
        self._tell(report, heads=len(lines), seconds=perf_counter() - began)
        if not report.is_good:
            raise CommandError(f"The audit log is NOT whole. First: {report.findings[0]}")

    def _tell(self, report: Report, *, heads: int, seconds: float) -> None:
        for finding in report.findings:
            self.stdout.write(f"! {finding}")
        if report.found > len(report.findings):
            self.stdout.write(f"! … and {report.found - len(report.findings)} more")
        self.stdout.write(
            f"{report.sealed} sealed records read in {seconds:.1f} s, {report.unsealed} not yet sealed, "
            f"{heads} heads from outside."
        )
        if not heads:
            self.stdout.write("Without a head from outside, a cut-off end may go unnoticed (--head-file).")
        if report.is_good:
            end = f"; it ends with #{report.last.sequence} {report.last.mac}" if report.last else ""
            self.stdout.write(f"The audit log is whole{end}.")

    def _export(self, number: str | None, since: datetime | None) -> None:
        account_id = None
        if number is not None:
            account_id = AwsAccount.objects.filter(number=number).values_list("pk", flat=True).first()
            if account_id is None:
                raise CommandError(f"No account {number} is registered.")
        for chunk in chunks(chosen(account_id=account_id, since=since), with_address=True):
            self.stdout.write(chunk, ending="")

    def _seal(self) -> None:
        total = sealed = seal_committed()
        while sealed >= BATCH:
            sealed = seal_committed()
            total += sealed
        self.stdout.write(f"{total} records sealed.")
