"""What does an upgrade change, on the plan's page? The stack as it is against the stack as it shall be."""

from django.conf import settings

from onboarding import blueprint
from onboarding.blueprint import DIGEST_TAG
from onboarding.models import KnownTemplate
from onboarding.observed import Stack
from onboarding.planning import PlannedStep
from onboarding.planning.upgrade import Difference, changed_parameters, compare
from onboarding.states import StepKind


def difference_of(step: PlannedStep, stack: Stack | None) -> Difference | None:
    """None where nothing is updated. Without the old template's words the parameters alone are compared."""
    if step.why != "outdated" or stack is None:
        return None
    plan = blueprint.build_blueprint(settings.COMPANY)
    wanted = plan.roles if step.kind == StepKind.DEPLOY_ROLES else plan.trails
    # The digest in a parameter says again what the template's words say.
    parameters = {name: value for name, value in wanted.parameters.items() if name != "TemplateDigest"}
    bodies = dict(
        KnownTemplate.objects.filter(
            digest__in=[stack.tags.get(DIGEST_TAG, ""), step.template_digest]
        ).values_list("digest", "body")
    )
    old = bodies.get(stack.tags.get(DIGEST_TAG, ""))
    new = (
        wanted.template.body
        if wanted.template.digest == step.template_digest
        else bodies.get(step.template_digest)
    )
    if old is None or new is None:
        return Difference((), (), (), changed_parameters(stack.parameters, parameters), ())
    return compare(old, new, parameters=stack.parameters, wanted=parameters)
