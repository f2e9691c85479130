"""`manage.py templates publish` puts each template where its digest says, once."""

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from pytest_django.fixtures import Settings

from onboarding.blueprint import build_blueprint
from onboarding.models import AuditRecord
from tests.engine.conftest import Owner

OwnerOf = Callable[..., Owner]


@pytest.fixture
def publisher(owner_of: OwnerOf, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Owner:
    """Somebody with a bucket for templates, whose rights the command runs with."""
    owner = owner_of()
    for name, value in owner.keys().for_environment().items():
        monkeypatch.setenv(name, value)
    company = django_settings.COMPANY
    bucket = f"templates-{owner.account.number}"
    settings.COMPANY = replace(company, templates=replace(company.templates, bucket=bucket))
    owner.client("s3").create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
    )
    return owner


def keep_versions(owner: Owner) -> None:
    owner.client("s3").put_bucket_versioning(
        Bucket=f"templates-{owner.account.number}", VersioningConfiguration={"Status": "Enabled"}
    )


def publish() -> list[str]:
    out = io.StringIO()
    call_command("templates", "publish", stdout=out)
    return out.getvalue().split()


def test_templates_are_published_under_their_digests_and_again_without_a_change(publisher: Owner) -> None:
    keep_versions(publisher)
    urls = publish()
    assert publish() == urls
    records = [record.data for record in AuditRecord.objects.filter(kind="aws.write")]
    assert [record["operation"] for record in records] == ["PutObject"] * 3, "what was there wasn't put again"
    assert all(record["request_id"] for record in records)
    blueprint = build_blueprint(django_settings.COMPANY)
    assert len(urls) == 3
    for part, url in zip((blueprint.handover, blueprint.roles, blueprint.trails), urls, strict=True):
        bucket, key = f"templates-{publisher.account.number}", url.partition(".amazonaws.com/")[2]
        assert part.template.digest in key
        body = publisher.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        assert body.decode() == part.template.body


def test_a_bucket_that_keeps_no_versions_is_refused(
    publisher: Owner, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        publish()
    assert end.value.code == 4
    assert "versions" in capsys.readouterr().err
