"""`python -m bench.survey`: how much longer does a survey of 34 regions take than one of a single region?"""

import argparse
import os
import sys
import time
from statistics import median

from bench.figures import Report, seconds
from bench.portal import Conditions, running
from demo.stack import COMPANY_FILE
from onboarding.aws import account, roles
from onboarding.aws.regions import survey_account, survey_region
from onboarding.aws.session import AwsSession, Cloud, clients_of, session_from
from onboarding.company import Company, load_company
from onboarding.credentials import TemporaryCredentials
from onboarding.states import RegionOutcome

from django.utils import timezone  # isort: skip

ACCOUNT = "300000000001"


def survey_one_region(session: AwsSession, company: Company) -> None:
    """What `survey_account` asks, one after the other, of an account with a single region."""
    account.identity(session)
    account.enabled_regions(session)
    survey_region(session, company, "us-west-2")
    roles.roles_trusting(session, company.old.trusted_principal_arns)
    account.alias(session)


def measure(conditions: Conditions, times: int) -> Report:
    """Each with a session of its own; the clients are those of the process, as a worker has them."""
    company = load_company(COMPANY_FILE)
    report = Report("The survey", conditions.told() | {"times": times})
    one: list[float] = []
    all_regions: list[float] = []
    with running(conditions) as portal:
        portal.cloud.account(ACCOUNT, name="Measured")
        portal.cloud.settings(latency_ms=conditions.latency_ms)
        keys = portal.cloud.credentials(account=ACCOUNT)
        credentials = TemporaryCredentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
        cloud = Cloud(portal.cloud.url)
        clients = clients_of(cloud)
        survey_account(session_from(cloud, credentials, clients=clients), company, now=timezone.now())
        for _again in range(times):
            session = session_from(cloud, credentials, clients=clients)
            start = time.monotonic()
            survey_one_region(session, company)
            one.append(time.monotonic() - start)
            session = session_from(cloud, credentials, clients=clients)
            start = time.monotonic()
            found = survey_account(session, company, now=timezone.now())
            all_regions.append(time.monotonic() - start)
            read = [region for region in found.regions if region.outcome == RegionOutcome.READ]
            if len(read) != conditions.regions:
                raise RuntimeError(f"Only {len(read)} regions could be read.")
    ratio = median(all_regions) / median(one)
    report.add("an account with one region", seconds(median(one)))
    report.add(
        f"an account with {conditions.regions} regions",
        seconds(median(all_regions)),
        beside=f"{ratio:.1f} x",
        wanted="at most 3 x",
        is_met=ratio <= 3,
    )
    return report


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.survey", description=__doc__)
    parser.add_argument("--regions", type=int, default=34)
    parser.add_argument("--latency-ms", type=float, default=80)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    conditions = Conditions(regions=options.regions, latency_ms=options.latency_ms, with_worker=False)
    return measure(conditions, options.times).tell("survey")


if __name__ == "__main__":
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    sys.exit(main())
