"""The documentation is true of the code: its sessions run, its names and files and links exist.

Every check is shown a page that is wrong in one way and must say so.
"""

import doctest
import re
from importlib import import_module
from pathlib import Path

import pytest

from tests.test_house import cited, listed

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*CHAPTERS, *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))]
KNOWN = listed((ROOT / "docs" / "references.md").read_text("utf-8"))

CODE = re.compile(r"```.*?```", re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
FILE = re.compile(r"(?:reference|tests|docs|examples)/[\w./-]*")
NAME = re.compile(r"(?:ref|reference)((?:\.[A-Za-z_]\w*)+)")
LINK = re.compile(r"\]\(([^)\s]+)\)")
IMAGE = re.compile(r"!\[([^\]]*)\]")


# ---- what may be wrong with a page ----

def broken_names(text):
    """Files and attributes of the package that stand in backticks and do not exist."""
    found = []
    for quoted in INLINE.findall(CODE.sub("", text)):
        if FILE.fullmatch(quoted):
            found += [] if (ROOT / quoted).exists() else [quoted]
        elif name := NAME.match(quoted):
            found += [] if resolves(name[1][1:].split(".")) else [quoted]
    return found


def resolves(path):
    """Whether reference.<path> is an attribute or a module."""
    thing, dotted = import_module("reference"), "reference"
    for name in path:
        dotted += "." + name
        try:
            thing = getattr(thing, name) if hasattr(thing, name) else import_module(dotted)
        except ModuleNotFoundError:
            return False
    return True


def broken_links(text, folder):
    """Links to files that are not there; addresses of other sites are not followed."""
    inside = [link for link in LINK.findall(CODE.sub("", text)) if "://" not in link]
    return [link for link in inside if not (folder / link.partition("#")[0]).exists()]


def unknown_keys(text):
    """Citations that docs/references.md does not list."""
    return [key for key in cited(CODE.sub("", text)) if key not in KNOWN]


def failing_sessions(text, name="page"):
    """Reports of the examples in a page that do not print what they say."""
    reports = []
    test = doctest.DocTestParser().get_doctest(text, {}, name, name, 0)
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False).run(test, out=reports.append)
    return [report for report in reports if "Failed example" in report]


def undescribed_pictures(text):
    """Pictures without a word for those who do not see them."""
    return [alt for alt in IMAGE.findall(text) if not alt.strip()]


# ---- nothing is wrong with ours ----

@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_links_and_citations_of_a_page_exist(page):
    text = page.read_text("utf-8")
    assert broken_names(text) + broken_links(text, page.parent) == []
    assert unknown_keys(text) + undescribed_pictures(text) == []


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.name)
def test_the_sessions_of_a_chapter_run(page):
    assert failing_sessions(page.read_text("utf-8"), page.name) == []


def test_every_chapter_is_on_the_first_page():
    first = (ROOT / "README.md").read_text("utf-8")
    numbered = {f"docs/{page.name}" for page in CHAPTERS if page.name[0].isdigit()}
    assert numbered <= set(LINK.findall(first))


def layers_not_in(text):
    """Layers of the package, and functions that make them, that no line of a table begins with."""
    public = {name for name, thing in vars(import_module("reference")).items()
              if getattr(thing, "__module__", "").startswith("reference.network.")
              and not thing.__module__.endswith((".losses", ".objective", ".elementwise",
                                                ".from_torch", ".from_onnx"))}
    listed = {name for line in text.splitlines() if line.startswith("| `ref.")
              for name in INLINE.findall(line.split("|")[1])}
    return sorted(f"ref.{name}" for name in public - {"Layer"} if f"ref.{name}" not in listed)


def test_every_layer_is_in_the_table_of_the_second_chapter():
    text = (ROOT / "docs" / "2-network.md").read_text("utf-8")
    assert layers_not_in(text) == []
    assert layers_not_in(text.replace("| `ref.Conv1d`", "| `ref.Conv7d`")) == ["ref.Conv1d"]


# ---- and a page that is wrong is reported ----

BROKEN = """
See `reference/arrays/missing.py`, `reference/arrays/ball.py`, `ref.hvp(...)`, `ref.hpv`,
`reference.arrays.ball.exact`, `reference.arrays.bell`, `reference.oracle.check.chekc` and `x.T`,
[here](1-arrays.md), [there](9-nowhere.md#part), [elsewhere](https://example.org/none),
[Pea94] and [Abc99, eq. 3], ![](pictures/steps.png).

```
`ref.not_a_name_here`
>>> 1 + 1
3
>>> 1 / 0
0

```
"""


def test_a_broken_page_is_reported_and_nothing_else():
    assert broken_names(BROKEN) == ["reference/arrays/missing.py", "ref.hpv",
                                    "reference.arrays.bell", "reference.oracle.check.chekc"]
    assert broken_links(BROKEN, ROOT / "docs") == ["9-nowhere.md#part"]
    assert unknown_keys(BROKEN) == ["Abc99"]
    assert undescribed_pictures(BROKEN) == [""]
    wrong_sum, exception = failing_sessions(BROKEN)
    assert "Expected:\n    3\nGot:\n    2" in wrong_sum and "ZeroDivisionError" in exception


def test_a_page_without_faults_is_not_reported():
    text = "`reference/arrays/ball.py` [ST98]\n>>> 2 * 2\n4\n>>> 'a long line'\n'a ... line'\n"
    assert failing_sessions(text) + broken_names(text) + unknown_keys(text) == []
