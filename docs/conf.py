"""The documentation site: `make docs` builds it into docs/_build, to be opened by double click."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from fadefollow import __version__

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_ext"))

project = "fadefollow"
author = "the fadefollow authors"
release = version = __version__
extensions = ["myst_nb", "reference", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "_ext", "jupyter_execute", "**/.ipynb_checkpoints", "examples"]

# Markdown and notebooks; a notebook shows the outputs that it was stored with
myst_enable_extensions = ["deflist", "colon_fence", "substitution"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, object] = {}  # which would be loaded from elsewhere
highlight_language = "none"
smartquotes = False  # "--option" in a sentence stays what one types

# a broken link, a missing picture or a page that no menu has is an error (with -W)
nitpicky = True
#: what the reference does not hold: other packages' types, and ours that are not public
nitpick_ignore_regex = [(r"py:.*", r"(?!fadefollow\.).*"), (r"py:.*", r"fadefollow\..*")]
suppress_warnings = ["toc.empty_glob"]

autodoc_mock_imports = ["vectorbt"]  # five seconds, for one signature
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
default_role = "code"
napoleon_use_rtype = False
add_module_names = False

html_theme = "furo"
html_title = "fadefollow"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
# summaries of what was found are fetched, which a browser refuses for files
html_show_search_summary = False


def _theme(selector: str) -> dict[str, str]:
    """Furo's colours from the report's own, so that site and report look alike."""
    css = (HERE.parent / "reports" / "theme" / "colours.css").read_text("utf-8")
    block = css.partition(selector + " {")[2].partition("}")[0]
    ours = dict(re.findall(r"--(\w+): ([^;]+);", block))
    names = {
        "color-background-primary": "paper",
        "color-background-secondary": "tint",
        "color-background-border": "rule",
        "color-foreground-primary": "ink",
        "color-foreground-secondary": "muted",
        "color-foreground-muted": "muted",
        "color-brand-primary": "follow",
        "color-brand-content": "follow",
        "color-brand-visited": "short",
        "color-sidebar-background": "tint",
        "color-api-background": "tint",
        "color-table-border": "rule",
        "color-site-code": "card",
    }
    return {furo: ours[name] for furo, name in names.items()}


html_theme_options = {
    "light_css_variables": _theme(":root"),
    "dark_css_variables": _theme(':root[data-theme="dark"]'),
}
