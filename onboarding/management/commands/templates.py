"""How do the templates come to where CloudFormation reads them? `templates publish` puts them there.

Run with the rights of whoever may write to that bucket; the portal's worker can't. What was put there is in
the audit log.
"""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from onboarding.aws.errors import AwsFailure
from onboarding.aws.publish import put_templates
from onboarding.aws.session import Cloud, own_session
from onboarding.blueprint import build_blueprint
from onboarding.engine import answers
from onboarding.models.audit import AuditKind, append


class Command(BaseCommand):
    help = "Publish the company's CloudFormation templates, under keys that carry their digests."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("act", choices=["publish"])

    def handle(self, *_args: Any, **_options: Any) -> None:
        blueprint = build_blueprint(settings.COMPANY)
        templates = [part.template for part in (blueprint.handover, blueprint.roles, blueprint.trails)]
        session = own_session(Cloud(settings.CLOUD_ENDPOINT_URL or None), listener=answers.listen)
        answers.forget()
        try:
            urls = put_templates(session, settings.COMPANY, templates)
        except AwsFailure as refusal:
            self.stderr.write(f"Not published. {refusal.failure.code}: {refusal.failure.message}")
            sys.exit(4)
        finally:
            for write in answers.writes():
                append(
                    AuditKind.AWS_WRITE,
                    service=write.service,
                    operation=write.operation,
                    region=write.region,
                    request_id=write.request_id,
                    target=settings.COMPANY.templates.bucket,
                )
        for url in urls:
            self.stdout.write(url)
