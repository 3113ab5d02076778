"""Formulas as MathML, which browsers set by themselves: pages need no script of anybody, and no network."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml


def inline(writer: Any, node: nodes.Element) -> None:
    """Set a formula in a line of text."""
    writer.body.append(_set(node, as_block=False))
    raise nodes.SkipNode


def display(writer: Any, node: nodes.Element) -> None:
    """Set a formula on a line of its own, which scrolls where it is too narrow."""
    writer.body += [writer.starttag(node, "div", CLASS="formula"), _set(node, as_block=True), "</div>\n"]
    raise nodes.SkipNode


def _set(node: nodes.Element, as_block: bool) -> str:
    return str(tex2mathml(node.astext().replace("\n", " "), as_block=as_block))


def setup(app: Any) -> dict[str, Any]:
    """Tell Sphinx of the renderer."""
    app.add_html_math_renderer("mathml", inline_renderers=(inline, None), block_renderers=(display, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
