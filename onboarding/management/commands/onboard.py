"""How does an operator onboard an account without a browser, broker or worker?

The same services and engine as the portal's, in this process. Exit status: 0 when verified (or, with
--prepare alone, prepared), 2 for input that can't be right, 3 when a person is needed, 4 when it failed.
"""

import re
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand
from django.utils import timezone

from onboarding.custody import paste
from onboarding.engine.drive import drive
from onboarding.management.terminal import (
    Follower,
    failed_lines,
    plan_lines,
    question_lines,
    trouble_lines,
)
from onboarding.models import AwsAccount, Run
from onboarding.planning import Question
from onboarding.progress.failures import trouble_of
from onboarding.services import accounts, approval, deciding, external_id, hand_over
from onboarding.services.refusals import Refused
from onboarding.states import RunStatus, StepStatus
from onboarding.views.hand_over_kit import kit_for

BAD_INPUT, PERSON_NEEDED, FAILED = 2, 3, 4
# Refusals that leave a person something to read again.
_WAITING = approval.PlanChanged | approval.NothingToApprove | deciding.QuestionsChanged
NOT_DONE = (StepStatus.FAILED, StepStatus.REFUSED)


def _answer_to(question: Question, given: list[str]) -> str:
    """The last answer that names this question by its key, its code in its region, or its code."""
    names = {question.key, question.code, f"{question.code}@{question.region}"}
    said = dict(one.rpartition("=")[::2] for one in given)
    exact = said.get(question.key) or said.get(f"{question.code}@{question.region}")
    answer = exact or next((said[name] for name in said if name in names), "")
    return answer if answer in question.options else ""


class Command(BaseCommand):
    help = (
        "Onboard one account from the command line. "
        "Exit status: 0 verified, 2 bad input, 3 a person is needed, 4 failed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("account", help="the account's number, 12 digits")
        parser.add_argument(
            "--as", dest="email", help="the owner for whom this is done; default: the account's first"
        )
        prepare = parser.add_argument_group("prepare")
        prepare.add_argument(
            "--prepare",
            action="store_true",
            help="register the account; print ExternalId and hand-over template",
        )
        prepare.add_argument("--name", default="", help="what the account is called")
        prepare.add_argument(
            "--contact", default="", help="who answers for it, an e-mail address; default: --as"
        )
        prepare.add_argument("--ticket", default="", help="the ticket's address")
        prepare.add_argument("--output", type=Path, help="write the hand-over template to this file")
        given = parser.add_argument_group("hand over").add_mutually_exclusive_group()
        given.add_argument("--role-arn", help="the role that was created from the hand-over template")
        given.add_argument(
            "--credentials-stdin",
            action="store_true",
            help="read temporary credentials from the standard input",
        )
        go_on = parser.add_argument_group("go on")
        go_on.add_argument(
            "--approve",
            nargs="?",
            const="",
            metavar="DIGEST",
            help="approve the plan with this digest; without one, whatever the plan is (development only)",
        )
        go_on.add_argument(
            "--answer",
            action="append",
            default=[],
            metavar="QUESTION[@REGION]=OPTION",
            help="answer an open question, everywhere or in one region; may be given several times",
        )
        go_on.add_argument("--follow", action="store_true", help="show each region while the work goes on")

    def handle(self, *_args: Any, **options: Any) -> None:
        number = str(options["account"]).strip()
        if not re.fullmatch(r"\d{12}", number, re.ASCII):
            self._stop(BAD_INPUT, "An account number has exactly 12 digits.")
        if options["approve"] == "" and settings.IS_PRODUCTION:
            self._stop(BAD_INPUT, "In production the digest of the plan that you have read must be given.")
        try:
            self._onboard(number, options)
        except Refused as refusal:
            waits_for_a_person = isinstance(refusal, _WAITING)
            self._stop(PERSON_NEEDED if waits_for_a_person else BAD_INPUT, str(refusal))
        except paste.PasteRefused as refusal:
            self._stop(BAD_INPUT, str(refusal))
        except KeyboardInterrupt:
            # Claims under way were finished before this came through.
            self._stop(
                PERSON_NEEDED,
                "Stopped. Whatever AWS had begun, if anything, it finishes; the same command goes on too.",
            )

    def _onboard(self, number: str, options: dict[str, Any]) -> None:
        if options["prepare"]:
            account = self._prepare(number, options)
            if not options["role_arn"] and not options["credentials_stdin"]:
                return
        else:
            account = self._registered(number)
        user = self._user(account, options["email"])
        try:
            run = self._hand_over(user, account, options) or self._open_run(account)
        except hand_over.RunInProgress as refusal:
            self.stderr.write(f"{refusal} Following it.")
            run = self._open_run(account)
        show = Follower(self.stdout).show if options["follow"] else None
        run = drive(run.pk, show)
        while run.status == RunStatus.NEEDS_OWNER:
            self._answer(user, run, options["answer"])
            run = drive(run.pk, show)
        if run.status == RunStatus.PLANNED:
            self._approve(user, run, options["approve"])
            run = drive(run.pk, show)
        while run.status == RunStatus.NEEDS_OWNER:
            # What came up during the work; answered, it goes on where it stopped.
            self._answer(user, run, options["answer"])
            run = drive(run.pk, show)
        self._report(run)

    def _answer(self, user: User, run: Run, given: list[str]) -> None:
        """Answer what is asked, if everything that is asked was answered; else say what is open."""
        asked = deciding.questions_of(run)
        answers = {question.key: answer for question in asked if (answer := _answer_to(question, given))}
        if len(answers) < len(asked):
            for line in question_lines(asked):
                self.stdout.write(line)
            self._stop(PERSON_NEEDED, "Nothing was answered. To go on: --answer QUESTION=OPTION for each.")
        deciding.answer(user, run, deciding.version_of(run), answers)

    def _prepare(self, number: str, options: dict[str, Any]) -> AwsAccount:
        email = options["email"]
        if not email:
            self._stop(BAD_INPUT, "--prepare needs --as EMAIL: somebody must answer for the account.")
        user = self._known_user(email)
        if before := accounts.registered_before(user, number):
            self.stderr.write(f"Registered before, as “{before.name}”: its details stay as they are.")
        account = accounts.register(
            user,
            number=number,
            name=options["name"] or f"Account {number}",
            contact_email=options["contact"] or email,
            ticket_url=options["ticket"],
        )
        kit = kit_for(account)
        external_id.viewed(user, account, "terminal")
        # Comments to YAML: what is printed is a template as it stands.
        self.stdout.write(f"# ExternalId: {kit.external_id}")
        self.stdout.write(f"# Role: {kit.role_arn}, until {kit.expires_at:%Y-%m-%d %H:%M} UTC")
        self.stdout.write(
            f"# Create the stack {kit.stack_name} in {kit.region} from this template, then go on with"
        )
        self.stdout.write(f"#   manage.py onboard {number} --role-arn {kit.role_arn}")
        if options["output"]:
            try:
                options["output"].write_text(kit.template_body, encoding="utf-8")
            except OSError as error:
                self._stop(BAD_INPUT, f"{options['output']} can't be written: {error.strerror}.")
            self.stdout.write(f"# Template: {options['output']}")
        else:
            self.stdout.write(kit.template_body)
        return account

    def _known_user(self, email: str) -> User:
        """The user with this address; in development made if there is none, without a password."""
        user = User.objects.filter(email__iexact=email, is_active=True).first()
        if user is None and settings.IS_PRODUCTION:
            self._stop(BAD_INPUT, f"No active user has the address {email}. They must have signed in once.")
        return user or User.objects.create_user(email, email)

    def _registered(self, number: str) -> AwsAccount:
        account = AwsAccount.objects.filter(number=number).first()
        if account is None:
            self._stop(BAD_INPUT, f"Account {number} is not registered. Begin with --prepare --as EMAIL.")
        return account

    def _user(self, account: AwsAccount, email: str | None) -> User:
        if email:
            return self._known_user(email)
        ownership = account.ownerships.select_related("user").order_by("since", "pk").first()
        if ownership is None:
            self._stop(
                BAD_INPUT, f"Nobody answers for account {account.number}. Name an owner with --as EMAIL."
            )
        return ownership.user

    def _hand_over(self, user: User, account: AwsAccount, options: dict[str, Any]) -> Run | None:
        if options["role_arn"]:
            return hand_over.hand_over_role(user, account, options["role_arn"])
        if options["credentials_stdin"]:
            pasted = paste.parse(sys.stdin.read())
            return hand_over.hand_over_credentials(user, account, pasted.credentials, pasted.expires_at)
        return None

    def _open_run(self, account: AwsAccount) -> Run:
        run = account.runs.open().first()
        if run is None:
            self._stop(
                BAD_INPUT, "Nothing was handed over for this account: use --role-arn or --credentials-stdin."
            )
        return run

    def _approve(self, user: User, run: Run, digest: str | None) -> None:
        for line in plan_lines(run):
            self.stdout.write(line)
        if digest is None:
            self._stop(PERSON_NEEDED, f"Nothing was changed. To go on: --approve {run.plan_digest}")
        try:
            approval.approve(user, run, digest or run.plan_digest)
        except approval.NothingToApprove:
            # Somebody else has handed over again, or approved it: whatever comes of that is reported.
            self.stderr.write("The run has gone on meanwhile. Following it.")

    def _report(self, run: Run) -> None:
        if run.status == RunStatus.VERIFIED:
            covered = run.account.readings.filter(state="covered").count()
            at = f"{timezone.now():%Y-%m-%d %H:%M} UTC"
            if not run.approved_digest:
                self.stdout.write("Nothing had to be changed.")
            self.stdout.write(f"Verified at {at}: both roles, and CloudTrail in {covered} regions.")
            return
        if run.status == RunStatus.PLANNED:
            self.stderr.write("A new plan waits for approval:")
            for line in plan_lines(run):
                self.stdout.write(line)
        self.stderr.write(f"{run.get_status_display()}.")
        # A run mostly ends for the reason of one of its steps, which is told with the step.
        if not run.steps.filter(reason_code=run.reason_code, status__in=NOT_DONE).exists():
            for line in trouble_lines(trouble_of(run.reason_code, run.failure, account=run.account)):
                self.stderr.write(line)
        for line in failed_lines(run):
            self.stderr.write(line)
        sys.exit(FAILED if run.is_settled else PERSON_NEEDED)

    def _stop(self, status: int, text: str) -> NoReturn:
        self.stderr.write(text)
        sys.exit(status)
