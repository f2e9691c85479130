"""Which parts of a template are the same on every page? They are rendered when it is loaded, and never again.

A page has about a hundred words, links and icons that depend on nothing but the reader's language (and on the
path that the portal is served under). Rendered anew each time they took as long as all that changes. So a
template is kept once for each language, with plain text in their place. What a variable, the request or a
block has a say in stays as it is.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

from django.template import Context, Origin, Template
from django.template.base import FilterExpression, Node, NodeList, TextNode, Variable
from django.template.defaulttags import CommentNode, IfNode, LoadNode, URLNode
from django.template.library import SimpleNode
from django.template.loaders import base, cached
from django.templatetags.i18n import TranslateNode
from django.templatetags.static import StaticNode
from django.urls import NoReverseMatch, get_script_prefix
from django.utils.translation import get_language

_Tag = TypeVar("_Tag", bound=Callable[..., str])
_always_the_same: set[Callable[..., str]] = set()


def always_the_same(tag: _Tag) -> _Tag:
    """Below `@register.simple_tag`: what the tag makes depends on nothing but its arguments."""
    _always_the_same.add(tag)
    return tag


class _Settling(base.Loader):
    """Below the one that keeps templates: none is seen before it is settled."""

    def get_template(self, template_name: str, skip: list[Origin] | None = None) -> Template:
        template = super().get_template(template_name, skip)
        _settle(template.nodelist)
        return template


class Loader(cached.Loader, _Settling):
    """Keeps each template, settled, for each language and path."""

    def cache_key(self, template_name: str, skip: list[Origin] | None = None) -> str:
        return f"{get_language()} {get_script_prefix()} {super().cache_key(template_name, skip)}"


def _settle(nodes: NodeList) -> None:
    """Put text in place of what is always the same, and make one of texts that stand side by side."""
    kept: list[Node] = []
    for node in nodes:
        for inner in _inside(node):
            _settle(inner)
        text = _text_of(node)
        if text is None:
            kept.append(node)
        elif kept and isinstance(kept[-1], TextNode):
            kept[-1] = TextNode(kept[-1].s + text)
        else:
            kept.append(TextNode(text))
    nodes[:] = kept


def _inside(node: Node) -> Iterator[NodeList]:
    if isinstance(node, IfNode):
        # Its `nodelist` is made for who asks, from these.
        yield from (nodes for _condition, nodes in node.conditions_nodelists)
        return
    for name in node.child_nodelists:
        if nodes := getattr(node, name, None):
            yield nodes


def _text_of(node: Node) -> str | None:
    """What the node always is; None for what could change."""
    match node:
        case TextNode():
            return node.s
        case LoadNode() | CommentNode():
            return ""
    if not _is_always_the_same(node):
        return None
    try:
        return str(node.render(Context()))
    except NoReverseMatch:
        # A link to no page is wrong only where it is really shown.
        return None


def _is_always_the_same(node: Node) -> bool:
    match node:
        case TranslateNode(asvar=None, message_context=None):
            given = [node.filter_expression]
        case URLNode(asvar=None):
            given = [node.view_name, *node.args, *node.kwargs.values()]
        case StaticNode(varname=None):
            given = [node.path]
        case SimpleNode(target_var=None) if node.func in _always_the_same:
            given = [*node.args, *node.kwargs.values()]
        case _:
            return False
    return all(_is_constant(each) for each in given)


def _is_constant(expression: FilterExpression) -> bool:
    """Quoted, and with no filter."""
    said = expression.var
    return not expression.filters and not (isinstance(said, Variable) and said.lookups)
