"""What does CloudFormation get? Writes the example company's templates to a folder, for cfn-lint.

    python -m tests.rendered_templates FOLDER
"""

import sys
from pathlib import Path

from onboarding.blueprint import build_blueprint
from onboarding.company import load_company

ROOT = Path(__file__).resolve().parent.parent


def main(folder: Path) -> None:
    blueprint = build_blueprint(load_company(ROOT / "company.example.toml"))
    folder.mkdir(parents=True, exist_ok=True)
    parts = [blueprint.roles.template, blueprint.trails.template, blueprint.handover.template]
    for template in (*parts, blueprint.regional_template):
        (folder / f"{template.name}.yaml").write_text(template.body)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
