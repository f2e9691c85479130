"""`make lint`: are the templates, as they are sent, clean under AWS's own linter?

The sources hold places that are filled in for a company, so it is the rendered ones that are linted: for the
example's company, with and without published templates.
"""

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

from cfnlint.api import ManualArgs, lint

from onboarding.blueprint import Template, build_blueprint
from onboarding.company import load_company

EXAMPLE = Path(__file__).parents[1] / "company.example.toml"


def rendered_templates() -> Iterator[Template]:
    """Every template in every form that it takes."""
    company = load_company(EXAMPLE)
    publishing = dataclasses.replace(company.templates, bucket="infosec-templates")
    blueprint = build_blueprint(company)
    for part in (blueprint.roles, blueprint.trails, blueprint.handover):
        yield part.template
    yield blueprint.regional_template
    yield build_blueprint(dataclasses.replace(company, templates=publishing)).handover.template


def main() -> int:
    regions = ["us-west-2", "us-east-1", "eu-central-1"]
    found = 0
    for template in rendered_templates():
        for problem in lint(template.body, config=ManualArgs(regions=regions)):
            found += 1
            line = problem.linenumber
            sys.stderr.write(
                f"{template.name}.yaml (rendered), line {line}: {problem.rule.id} {problem.message}\n"
            )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
