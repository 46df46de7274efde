"""Sphinx extension: the reference pages, written from the code whenever the site is built.

A page says ```` ```{fadefollow} commands ``` ```` and gets what the code has at that moment, so
that a new command, option, setting, signal or stream is in the site without anybody's doing.
"""

from __future__ import annotations

from typing import Any, ClassVar

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

from reference.commands import commands_page
from reference.results import (
    glossary_page,
    placebo_page,
    pnl_page,
    reason_page,
    result_page,
    settle_page,
    stance_page,
    trades_page,
    verdict_page,
)
from reference.settings import dataset_page, strategy_page, workspace_page
from reference.signals import signals_page, streams_page

#: what a page may ask for → Markdown
PARTS = {
    "commands": commands_page,
    "workspace": workspace_page,
    "strategy": strategy_page,
    "dataset": dataset_page,
    "signals": signals_page,
    "streams": streams_page,
    "result": result_page,
    "verdict": verdict_page,
    "stance": stance_page,
    "pnl": pnl_page,
    "placebo": placebo_page,
    "reason": reason_page,
    "settle": settle_page,
    "trades": trades_page,
    "glossary": glossary_page,
}


class Reference(SphinxDirective):
    """One part of the reference in place of the directive."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """The nodes of the part's Markdown; the page is read anew at every build."""
        self.env.note_reread()
        name = self.arguments[0]
        if name not in PARTS:
            raise self.error(f"a part of the reference must be one of {', '.join(PARTS)}")
        return self.parse_text_to_nodes(PARTS[name](), allow_section_headings=True)


def setting_node(_env: BuildEnvironment, signature: str, node: addnodes.desc_signature) -> str:
    """Shows `path.key | type | default` as the key with its type and default; returns the name."""
    name, kind, default = (part.strip() for part in signature.split(" | "))
    node += addnodes.desc_name("", name.rpartition(".")[2])
    node += addnodes.desc_annotation("", f"  {kind}" + (f" = {default}" if default != "–" else ""))
    return name


def dashed(_app: Sphinx, document: nodes.document, _name: str) -> None:
    """A dash between a parameter and what it is, which Sphinx leaves to its smart quotes."""
    for node in list(document.findall(nodes.Text)):
        if node == " -- ":
            node.parent.replace(node, nodes.Text(" – "))


def setup(app: Sphinx) -> dict[str, Any]:
    """Registers the directives `fadefollow` and `setting`."""
    app.add_directive("fadefollow", Reference)
    app.add_object_type("setting", "setting", parse_node=setting_node, objname="setting")
    app.connect("doctree-resolved", dashed)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
