"""Which names stand in a remedy's words? Those of the very stack, region or action, where they are known.

A placeholder is a whole phrase, so that the sentence reads well without the name too: %(stack)s is "the stack
InfosecClientRoles" or "the stack".
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.utils.functional import lazy
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from onboarding.remedies.remedy import Remedy, Words

# Each phrase with its name, and without.
_PHRASES: dict[str, tuple[Words, Words]] = {
    "stack": (_("the stack %s"), _("the stack")),
    "other": (_("the stack %s"), _("another stack")),
    "region": (_("the region %s"), _("the region")),
    "role": (_("the role %s"), _("the role")),
    "action": ("%s", _("what was asked")),
    "bucket": (_("infosec’s bucket %s"), _("infosec’s bucket")),
    "account": (_("account %s"), _("the account")),
}


def with_names(remedy: Remedy, names: Mapping[str, str]) -> Remedy:
    """The remedy with these names in its words; in the reader's language, whenever they are read."""

    def filled(words: Words) -> Any:
        return _filled(words, dict(names))

    return replace(
        remedy,
        title=filled(remedy.title),
        happened=filled(remedy.happened),
        meaning=filled(remedy.meaning),
        act=filled(remedy.act),
    )


def _fill(words: Words, names: Mapping[str, str]) -> str:
    text = str(words)
    # Only those that stand in it: a page fills dozens of sentences, and most have none.
    phrases = {
        name: str(named) % names[name] if names.get(name) else str(unnamed)
        for name, (named, unnamed) in _PHRASES.items()
        if f"%({name})s" in text
    }
    return capfirst(text % phrases)


_filled: Any = lazy(_fill, str)
