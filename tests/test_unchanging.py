"""Does a template whose unchanging parts were rendered beforehand say what it said before?"""

import pytest
from django.template import Context, Engine
from django.template.base import NodeList, TextNode
from django.urls import set_script_prefix
from django.utils.translation import override

LIBRARIES = {
    "i18n": "django.templatetags.i18n",
    "static": "django.templatetags.static",
    "portal": "onboarding.templatetags.portal",
}
LOADS = "{% load i18n static portal %}"


def engine_for(**templates: str) -> Engine:
    sources = {
        name: source.replace("%}", "%}" + LOADS, 1) if "extends" in source else LOADS + source
        for name, source in templates.items()
    }
    inner = [("django.template.loaders.locmem.Loader", sources)]
    return Engine(loaders=[("portal.unchanging.Loader", inner)], libraries=LIBRARIES)


def plainly(source: str, **words: object) -> str:
    """As Django renders it without any of this."""
    return Engine(libraries=LIBRARIES).from_string(LOADS + source).render(Context(words))


@pytest.mark.parametrize(
    "source",
    [
        '{% translate "Accounts" %}',
        '<a title="{% translate "Owner" %}">',
        '{% translate "100%% of it <b>" %}',
        '{% translate "Accounts" noop %}',
        '{% translate "Accounts" as said %}[{{ said }}]',
        "{% translate word %}",
        '{% translate "Accounts"|upper %}',
        '{% translate "Accounts" context "of money" %}',
        '{% url "front" %}{% url "fleet" as there %}{{ there }}',
        '{% url "fleet-account" "484535289196" %}{% url page %}',
        '{% static "portal/base.css" %}{% static file %}',
        '{% icon "check" %}{% icon glyph %}{% icon "check" as made %}{{ made }}',
        '{% comment %}{% translate "Owner" %}{% endcomment %}a{# b #}c',
        '{% if word %}{% translate "Owner" %}{% elif glyph %}x{% else %}{% icon "cross" %}{% endif %}',
        '{% for each in words %}{% translate "Owner" %}{{ each }}{% empty %}{% icon "check" %}{% endfor %}',
        '{% callout "ask" %}{% translate "Owner" %}{{ word }}{% endcallout %}',
        '{% block a %}{% translate "Owner" %}{% block b %}{% icon "check" %}{% endblock %}{% endblock %}',
        "{% blocktranslate count number=words|length %}one{% plural %}many{% endblocktranslate %}",
    ],
)
@pytest.mark.parametrize("language", ["en", "de"])
def test_a_template_says_what_it_says_without(source: str, language: str) -> None:
    words = {"word": "Owner", "glyph": "alert", "words": ["<1>", 2], "page": "front", "file": "x.css"}
    engine = engine_for(page=source)
    with override(language):
        assert plainly(source, **words) == engine.get_template("page").render(Context(words))
        assert plainly(source, page="fleet", file="y.css", glyph="x") == engine.get_template("page").render(
            Context({"page": "fleet", "file": "y.css", "glyph": "x"})
        )


def test_what_is_always_the_same_is_one_piece_of_text() -> None:
    engine = engine_for(page='{% icon "check" %}{% translate "Owner" %} {% url "front" %}{{ a }}')
    nodes: NodeList = engine.get_template("page").nodelist
    assert [type(node) is TextNode for node in nodes] == [True, False]


def test_each_reader_gets_their_own_language_from_the_same_engine() -> None:
    engine = engine_for(
        page='{% extends "base" %}{% block a %}{% translate "Owner" %}{% endblock %}',
        base='{% translate "Accounts" %} {% block a %}{% endblock %} {% include "part" %}',
        part='{% translate "Region" %}',
    )
    said = {}
    for language in ("en", "de", "en"):
        with override(language):
            said[language] = engine.get_template("page").render(Context())
    assert said == {"en": "Accounts Owner Region", "de": "Konten Verantwortlich Region"}


def test_a_link_follows_the_path_that_the_portal_is_served_under() -> None:
    engine = engine_for(page='{% url "fleet" %}')
    assert engine.get_template("page").render(Context()) == "/fleet/"
    set_script_prefix("/onboarding/")
    try:
        assert engine.get_template("page").render(Context()) == "/onboarding/fleet/"
    finally:
        set_script_prefix("/")


def test_a_link_to_no_page_breaks_only_where_it_is_shown() -> None:
    engine = engine_for(page='{% if wanted %}{% url "no-such-page" %}{% endif %}here')
    assert engine.get_template("page").render(Context()) == "here"
