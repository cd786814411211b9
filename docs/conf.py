"""Settings of the documentation site, which ``sphinx-build -W docs site`` builds."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

import skflow

DOCS = Path(__file__).parent
EXAMPLES = DOCS / "_build" / "examples"  # copies for sphinx-gallery, see copy_examples

project = "skflow"
author = "the skflow developers"
project_copyright = author
version = release = skflow.__version__

extensions = [
    "myst_parser",  # pages in Markdown
    "sphinx.ext.autodoc",  # docstrings
    "sphinx.ext.autosummary",  # one page for every public object
    "numpydoc",  # sections of docstrings
    "sphinx_design",  # cards of the landing page
    "sphinx_copybutton",  # copies code without its prompts
    "sphinx_gallery.gen_gallery",  # one page for every example
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
# A single backtick in a docstring is a Python object, linked if the site has a page of it.
default_role = "py:obj"

myst_enable_extensions = ["colon_fence", "dollarmath", "deflist"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say more about types than the signatures do
numpydoc_show_class_members = False  # the template of a class lists its methods

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# The examples are shown, not run, because all of them together take an hour; .ci/run runs each in
# its fast mode. Their figures were made by whole runs, and are in docs/figures.
sphinx_gallery_conf = {
    "examples_dirs": str(EXAMPLES.relative_to(DOCS)),
    "gallery_dirs": "auto_examples",
    "plot_gallery": False,
    "image_scrapers": (),
    "reset_modules": (),
    "backreferences_dir": "backreferences",
    "doc_module": ("skflow",),
    "default_thumb_file": str(DOCS / "_static" / "prints_a_table.png"),
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_signature": False,
    "write_computation_times": False,
}

html_math_renderer = "mathml"  # see write_equation
html_theme = "pydata_sphinx_theme"
html_title = f"skflow {version}"
html_static_path = ["_static"]
html_css_files = ["skflow.css"]
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_prev_next": False,
    "secondary_sidebar_items": {"**": ["page-toc"], "index": []},
    "footer_start": ["copyright"],
    "footer_end": [],
}
# Pages without others beside them have nothing to navigate in, and wide tables need the width.
NO_SIDEBAR = ("index", "getting_started", "theory", "quality", "performance")
html_sidebars = {name: [] for name in NO_SIDEBAR}


def copy_examples() -> None:
    """Copy the examples to where sphinx-gallery reads them, with titles and their figures.

    The title is the first sentence of an example's docstring. The figures, which begin with the
    example's name, follow the docstring; the first one is the thumbnail.
    """
    shutil.rmtree(EXAMPLES, ignore_errors=True)
    EXAMPLES.mkdir(parents=True)
    shutil.copy(DOCS / "examples.rst.in", EXAMPLES / "GALLERY_HEADER.rst")
    for path in sorted((DOCS.parent / "examples").glob("*.py")):
        first, rest = path.read_text(encoding="utf-8").split("\n", 1)
        title = first.strip('"').removesuffix(".")
        text, code = rest.split('"""', 1)
        figures = sorted(p.name for p in (DOCS / "figures").glob(f"{path.stem}*"))
        shown = [FIGURE.format(name=name, example=path.name) for name in figures]
        thumbnail = f"# sphinx_gallery_thumbnail_path = 'figures/{figures[0]}'\n" if figures else ""
        page = f'r"""\n{title}\n{"=" * len(title)}\n{text}{"".join(shown)}"""\n{thumbnail}{code}'
        (EXAMPLES / path.name).write_text(page, encoding="utf-8")


FIGURE = """
.. figure:: /figures/{name}

   Made by ``python examples/{example}``, and kept with the documentation.
"""


def skip_foreign_members(
    app: Any, what: str, name: str, member: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out what a class inherits from scikit-learn, which documents it."""
    function = getattr(member, "fget", None) or member
    return None if str(getattr(function, "__module__", "")).startswith("skflow") else True


def quote_trailing_underscores(
    app: Any, what: str, name: str, member: Any, options: Any, lines: list[str]
) -> None:
    """Keep a fitted attribute in the shape of another one from being read as a link."""
    lines[:] = [line.replace("(n_features_in_,)", "(`n_features_in_`,)") for line in lines]


def close_doctests(app: Any, name: str, source: list[str]) -> None:
    """Drop the blank line that ends a doctest, which must not show."""
    source[0] = re.sub(r"\n\n( *```)\n", r"\n\1\n", source[0])


def find_in_any_module(app: Any, env: Any, node: nodes.Element, shown: nodes.Node) -> Any:
    """Link a docstring's `CriticLoss` to skflow.fields.CriticLoss from other modules, too."""
    if node.get("reftype") != "obj" or "." in node["reftarget"]:
        return None
    node["refspecific"] = True  # any object whose last name it is
    domain, at = env.get_domain("py"), (env, node["refdoc"], app.builder)
    return domain.resolve_xref(*at, "obj", node["reftarget"], node, shown)


# Characters of the docstrings' equations that TeX knows by a command, which says how to set them.
COMMANDS = {
    "Σ": r"\sum ",
    "←": r"\leftarrow ",
    "→": r"\to ",
    "∼": r"\sim ",
    "≤": r"\le ",
    "≥": r"\ge ",
    "≠": r"\ne ",
    "∝": r"\propto ",
    "∪": r"\cup ",
    "·": r"\cdot ",
    "²": "^2",
}


def write_equation(translator: Any, node: nodes.Element) -> None:
    """Write an equation as MathML, which browsers set themselves: no script, no network."""
    display = "block" if isinstance(node, nodes.math_block) else "inline"
    text = node.astext().translate(str.maketrans(COMMANDS))
    text = re.sub(r"\\(log|ln) ", r"\\\1\\,", text)  # or nothing parts a name from what follows
    for equation in text.split("\n\n"):
        if equation.strip():
            written = convert(equation, display=display)
            if "\\" in written:  # a command that latex2mathml does not know stays as it is
                logging.getLogger(__name__).warning("unknown TeX: %s", equation, location=node)
            if display == "block":  # with a box that scrolls
                written = f'<div class="equation">{written}</div>'
            translator.body.append(written)
    raise nodes.SkipNode


def setup(app: Any) -> None:
    """Prepare the examples before sphinx-gallery looks for them."""
    copy_examples()
    app.add_html_math_renderer("mathml", (write_equation, None), (write_equation, None))
    app.connect("source-read", close_doctests)
    app.connect("missing-reference", find_in_any_module)
    app.connect("autodoc-skip-member", skip_foreign_members)
    app.connect("autodoc-process-docstring", quote_trailing_underscores, priority=400)
