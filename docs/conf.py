"""The site: python -m sphinx -W --keep-going -b html docs docs/_build/html, nothing fetched."""

import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")         # threads of small matrices only wait

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]      # this tree's package, and its helpers

from tree import address                                   # noqa: E402, behind the path

project = "reference"
html_title = "reference"                                   # no version: the pages are the tree's
extensions = [
    "myst_parser",                 # chapters are Markdown, readable on a git host as they are
    "sphinx.ext.autodoc",          # docstrings of the package
    "sphinx.ext.linkcode",         # [source]: the address is `linkcode_resolve`, below
    "numpydoc",                    # sections Parameters, Returns, Raises
    "sphinx_gallery.gen_gallery",  # lessons: run, printed, drawn
    "sphinx-mathjax-offline",      # formulas without a network
    "prose",                       # docs/_ext: docstrings are plain text, not reStructuredText
    "members",                     # docs/_ext: the directive `documented`
    "tree",                        # docs/_ext: names, files and citations become links
]
exclude_patterns = ["_build"]
nitpicky = True                                            # a link to nowhere is an error

myst_heading_anchors = 4                                   # chapters link to headings
myst_enable_extensions = ["dollarmath"]                    # $x$, as git hosts read it
smartquotes = False                                        # "pi" and ... are code, and stay so
highlight_language = "none"                                # formulas in indented blocks are no code
numpydoc_show_class_members = False                        # autodoc lists the methods
add_function_parentheses = False                           # a name, as it is written in text
autodoc_typehints = "none"                                 # numpydoc states types, with shapes
autodoc_member_order = "bysource"                          # the order in which a file explains

html_theme = "furo"                                        # reads well on a phone, fetches nothing
html_static_path = ["_static"]
html_css_files = ["site.css"]                              # what is too wide scrolls within itself
html_show_sphinx = html_show_copyright = False             # no line without a word for the reader
html_copy_source = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "lessons",
    "filename_pattern": r"/\d\d_",                         # lessons alone are run,
    "ignore_pattern": r"/(?!\d\d_)[^/]*\.py$",             # and shown
    "abort_on_example_error": False,                       # all that are false are told at once
    "within_subsection_order": "FileNameSortKey",          # they are numbered
    "reset_modules": ("matplotlib", "lessons.watch"),      # each begins as a fresh program would
    "reset_modules_order": "both",                         # `watch` reads the clock at both ends
    "capture_repr": (),                                    # a page shows what the program prints
    "image_scrapers": ("matplotlib",),
    "download_all_examples": False,                        # each page has its own script to load
    "show_signature": False,
    "reference_url": {"reference": None},                  # names in their code lead to functions
    "write_computation_times": False,                      # they differ on every machine
}


def linkcode_resolve(domain, info):
    """Where [source] leads, seen from docs/api."""
    return f"../{address('.'.join(filter(None, (info['module'], info['fullname']))))}"
