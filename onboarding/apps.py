from django.apps import AppConfig


class OnboardingConfig(AppConfig):
    name = "onboarding"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from onboarding.audit import sign_ins  # noqa: PLC0415 - models are there only now

        sign_ins.connect()
