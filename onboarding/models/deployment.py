"""Which version of the blueprint does each account have, part by part? Seen by the survey, or left by a run.

It outlives the run, as a region's reading does. The templates' own words are kept too: without them nobody
could say later what an upgrade changes.
"""

from django.db import models

from onboarding.models.account import AwsAccount
from onboarding.models.run import Run


class BlueprintPart(models.TextChoices):
    ROLES = "roles"
    TRAILS = "trails"


class KnownTemplate(models.Model):
    """A template as it was published: never changed, as its digest is what it is."""

    digest = models.CharField(primary_key=True, max_length=64)
    name = models.CharField(max_length=64)
    # The blueprint's, when it was first used.
    version = models.CharField(max_length=32, blank=True)
    body = models.TextField()
    known_since = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.name} {self.digest[:12]}"


class Deployment(models.Model):
    """One parent stack of the blueprint, as it last was in the account."""

    account = models.ForeignKey(AwsAccount, on_delete=models.CASCADE, related_name="deployments")
    part = models.CharField(max_length=16, choices=BlueprintPart)
    region = models.CharField(max_length=32)
    stack_name = models.CharField(max_length=128)
    stack_id = models.CharField(max_length=2048)
    template_digest = models.CharField(max_length=64)
    # blueprint.part_digest: changes with the template or a parameter that the company sets.
    digest = models.CharField(max_length=64)
    version = models.CharField(max_length=32, blank=True)
    run = models.ForeignKey(Run, null=True, on_delete=models.SET_NULL, related_name="+")
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ("part",)
        constraints = (models.UniqueConstraint(fields=("account", "part"), name="one_deployment_per_part"),)

    def __str__(self) -> str:
        return f"{self.part} of {self.account_id}: {self.version or self.template_digest[:12]}"
