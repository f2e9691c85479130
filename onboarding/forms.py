"""What may a person type, and what is wrong with it? One form for each page that asks something.

Access that is typed here is never sent back to the browser, not even when another field was wrong.
"""

import re
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from onboarding.credentials import TemporaryCredentials
from onboarding.custody import paste
from onboarding.models import StaffRole


class DetailsForm(forms.Form):
    """What an owner may change of an account at any time."""

    name = forms.CharField(
        label=_("Account name"),
        help_text=_("What your team calls it, such as “Community IT”."),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": _("Enter a name for the account.")},
    )
    contact_email = forms.EmailField(
        label=_("Contact"),
        help_text=_("Whom infosec may ask about this account. A team’s address lasts longest."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={
            "required": _("Enter an e-mail address."),
            "invalid": _("Enter an e-mail address such as name@example.org."),
        },
    )
    ticket_url = forms.URLField(
        label=_("Ticket"),
        help_text=_("The link to infosec’s ticket about this account."),
        required=False,
        assume_scheme="https",
        widget=forms.URLInput(attrs={"autocomplete": "off"}),
        error_messages={"invalid": _("Enter a link that begins with https://")},
    )

    def clean_ticket_url(self) -> str:
        url = str(self.cleaned_data["ticket_url"])
        if url and not url.startswith(("https://", "http://")):
            raise ValidationError(_("Enter a link that begins with https://"))
        return url


class RegisterForm(DetailsForm):
    field_order = ("number", "name", "contact_email", "ticket_url")

    number = forms.CharField(
        label=_("Account number"),
        help_text=_("12 digits, at the top right of the AWS console. Spaces and dashes are fine."),
        max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={"required": _("Enter the account’s number.")},
    )

    def clean_number(self) -> str:
        """The 12 digits alone. The AWS console shows 1234-5678-9012, people write 1234 5678 9012."""
        number = re.sub(r"[\s\-\u2010-\u2015\u00a0]", "", self.cleaned_data["number"])
        if not re.fullmatch(r"[0-9]{12}", number):
            raise ValidationError(_("An account number has exactly 12 digits. Check it in the AWS console."))
        return number


class InviteForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail address"),
        help_text=_("They get a link that works once, for a week, and only with this address."),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        error_messages={
            "required": _("Enter an e-mail address."),
            "invalid": _("Enter an e-mail address, such as name@example.org."),
        },
    )


class AskOwnerForm(RegisterForm):
    """An account that nobody answers for yet, and whom to ask."""

    email = forms.EmailField(
        label=_("Whom to ask"),
        help_text=_("They get a link that works once, for a week, and only with this address."),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        error_messages={
            "required": _("Enter an e-mail address."),
            "invalid": _("Enter an e-mail address, such as name@example.org."),
        },
    )

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.fields["contact_email"].required = False
        self.fields["contact_email"].help_text = _("Left empty, it is the one who is asked.")


class ImportForm(forms.Form):
    pasted = forms.CharField(
        label=_("Paste the list"),
        help_text=_("One account a line: number, name, owners, contact, ticket, tags."),
        required=False,
        strip=False,
        widget=forms.Textarea(
            attrs={"rows": 8, "autocomplete": "off", "spellcheck": "false", "class": "is-code"}
        ),
    )
    file = forms.FileField(
        label=_("Or a file"),
        help_text=_("CSV, up to 20,000 lines and 4 MB. A spreadsheet saves one as “CSV UTF-8”."),
        required=False,
        allow_empty_file=True,
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv"}),
    )
    invite = forms.BooleanField(label=_("Ask the owners by mail when the list is taken in"), required=False)

    def clean(self) -> dict[str, Any]:
        if bool(self.cleaned_data.get("pasted", "").strip()) == bool(self.cleaned_data.get("file")):
            raise ValidationError(_("Paste a list or choose a file: one of the two."), code="one_of_the_two")
        return self.cleaned_data


class RoleChangeForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail address"),
        help_text=_("Of somebody who has signed up and confirmed it."),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        error_messages={
            "required": _("Enter an e-mail address."),
            "invalid": _("Enter an e-mail address, such as name@example.org."),
        },
    )
    role = forms.ChoiceField(
        label=_("Role"), required=False, choices=[("", _("None: take the role away")), *StaffRole.choices]
    )


class RoleForm(forms.Form):
    role_arn = forms.CharField(
        label=_("The role’s ARN"),
        help_text=_(
            "Filled in with the role that the template creates. Change it if you named yours otherwise."
        ),
        max_length=2048,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "is-code"}),
        error_messages={"required": _("Enter the role’s ARN.")},
    )


class Unechoed(forms.Textarea):
    """A text area that is always sent empty, whatever was typed before."""

    def format_value(self, value: Any) -> str:  # noqa: ARG002 - forgetting it is the point
        return ""


_SECRET = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off", "class": "is-code"}


class CredentialsForm(forms.Form):
    """Either all of it pasted in one go, or three fields. Nothing of it comes back in a response."""

    pasted = forms.CharField(
        label=_("Paste everything"),
        help_text=_(
            "The lines that begin with export or set, a section of a credentials file, or the JSON of "
            "aws configure export-credentials or aws sts."
        ),
        required=False,
        max_length=20_000,
        strip=False,
        widget=Unechoed(attrs={**_SECRET, "rows": 6}),
    )
    valid_for = forms.TypedChoiceField(
        label=_("How long are they valid?"),
        help_text=_("From now. Asked because AWS doesn’t tell; where what you paste says it, that counts."),
        required=False,
        coerce=int,
        empty_value=None,
        choices=[
            ("", _("I don’t know")),
            (15, _("15 minutes")),
            (30, _("half an hour")),
            (60, _("an hour")),
            (240, _("4 hours")),
            (480, _("8 hours")),
            (720, _("12 hours")),
        ],
    )
    access_key_id = forms.CharField(
        label=_("Access key id"),
        help_text=_("Begins with ASIA."),
        required=False,
        max_length=128,
        widget=forms.PasswordInput(render_value=False, attrs=_SECRET),
    )
    secret_access_key = forms.CharField(
        label=_("Secret access key"),
        required=False,
        max_length=256,
        widget=forms.PasswordInput(render_value=False, attrs=_SECRET),
    )
    session_token = forms.CharField(
        label=_("Session token"),
        required=False,
        max_length=8192,
        widget=Unechoed(attrs={**_SECRET, "rows": 4}),
    )

    credentials: TemporaryCredentials
    claimed_expiry: datetime | None = None

    def clean(self) -> dict[str, Any]:
        """Sets `credentials` and `claimed_expiry`, and keeps nothing of them in `cleaned_data`."""
        minutes: int | None = self.cleaned_data.pop("valid_for", None)
        given = {name: str(self.cleaned_data.get(name) or "").strip() for name in self.fields}
        self.cleaned_data = {}
        if minutes is not None:
            self.claimed_expiry = timezone.now() + timedelta(minutes=minutes)
        if given["pasted"]:
            self._read_paste(given["pasted"])
        else:
            self._read_fields(given)
        return self.cleaned_data

    def _read_paste(self, text: str) -> None:
        try:
            pasted = paste.parse(text)
        except paste.PasteRefused as refusal:
            # Without a cause: the refusal's context may hold what was pasted.
            self.add_error("pasted", ValidationError(str(refusal), code=refusal.code))
            return
        self.credentials = pasted.credentials
        self.claimed_expiry = pasted.expires_at or self.claimed_expiry

    def _read_fields(self, given: dict[str, str]) -> None:
        parts = ("access_key_id", "secret_access_key", "session_token")
        if not any(given[name] for name in parts):
            self.add_error(
                "pasted",
                ValidationError(
                    _("Paste the credentials, or fill in the three fields."), code="nothing_pasted"
                ),
            )
            return
        for name in parts:
            if not given[name]:
                self.add_error(
                    name,
                    ValidationError(
                        _("This part is missing. All three are needed."), code="incomplete_credentials"
                    ),
                )
        if given["access_key_id"].startswith("AKIA"):
            self.add_error(
                "access_key_id",
                ValidationError(
                    _(
                        "This is a permanent key. It was not stored. Use temporary credentials, and rotate "
                        "this key."
                    ),
                    code="long_term_key",
                ),
            )
        self.credentials = TemporaryCredentials(*(given[name] for name in parts))
