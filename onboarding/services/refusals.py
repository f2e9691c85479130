"""How does an act of a person say no? With a constant code for programs and plain words for the person."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Refused(Exception):
    """An act can't be done. `text` is for the person; it never contains a secret."""

    def __init__(self, code: str, text: "str | Promise") -> None:
        super().__init__(code)
        self.code = code
        self.text = text

    def __str__(self) -> str:
        return str(self.text)


class NotOwner(Refused):
    """Infosec staff see every account; only those who own one may act for it."""

    def __init__(self) -> None:
        super().__init__("not_owner", _("Only an owner of this account may do this."))
