"""How the pages are built: `sphinx-build -W docs docs/_build/html`, without a network."""

from __future__ import annotations

import re
from typing import Any

import customervalue

project = "customervalue"
author = "The customervalue developers"
copyright = author
version = release = customervalue.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
default_role = "code"  # `horizon` in a docstring is code
# A type such as "(before, after)" is looked up word by word, and found in several classes.
suppress_warnings = ["ref.python"]
exclude_patterns = ["_build", "jupyter_execute"]
html_theme = "pydata_sphinx_theme"
html_title = "customervalue"
html_theme_options = {"show_prev_next": False, "navigation_with_keys": False}
html_sidebars: dict[str, list[str]] = {"**": []}
html_show_sourcelink = False
html_copy_source = False

# Every page is run each time it is built; a cell that fails, fails the build.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say more: shapes, units, ranges
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False


def references_as_list(_app: Any, _what: str, _name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    """Turn the footnotes of a docstring into a numbered list: their numbers begin anew in each, on one page."""
    kept: list[str] = []
    inside = False
    for line in lines:
        note = re.match(r"\.\. \[(\d+)\] +(.*)", line)
        if note:
            inside = True
            kept.append(f"{note[1]}. {note[2]}")
        elif inside and line.startswith(" "):
            kept[-1] += f" {line.strip()}"
        else:
            inside = False
            kept.append(re.sub(r"\[(\d+)\]_", r"[\1]", line))
    lines[:] = kept


def setup(app: Any) -> None:
    """Hook into Sphinx, after napoleon has read the sections."""
    app.connect("autodoc-process-docstring", references_as_list, priority=900)
