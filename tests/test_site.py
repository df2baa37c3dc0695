"""The site: complete, built without a warning, every link true, readable on a phone, without a net.

Each check is shown a page or a tree that is wrong, and must say so.
"""

import importlib
import re
import shutil
from time import perf_counter

import pytest

from tests.browser import PHONE, look
from tests.site import (ROOT, broken, build, documented, fetched, misled, read, ugly, unlisted)

MINUTES = 6                                     # on two cores


# ---- every public name is on one page ----

def test_every_public_name_has_one_entry():
    entries = documented(page.read_text("utf-8") for page in (ROOT / "docs" / "api").glob("*.md"))
    assert unlisted(entries) == []
    wrong = [entry for entry in entries if entry[1] != "hvp"] + entries[:1] + [("reference", "hpv")]
    assert unlisted(wrong) == sorted([entries[0], ("reference", "hpv"), ("reference", "hvp")])


# ---- docstrings ----

def test_docstrings_keep_their_signs_and_their_lines(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    prose = importlib.import_module("prose")
    assert prose.escaped("|v|, W_l theta_ V * W of `a_*b`s") == (
        r"\|v\|, W_l theta\_ V \* W of ``a_*b``\ s")
    assert prose.rst(["Sum.", "", "    |a|", "    b", "end", "", ">>> a * b", "'*'", ""]) == [
        "Sum.", "", "", "::", "", "    |a|", "    b", "", "end", "", ">>> a * b", "'*'", ""]
    assert prose.rst(["Parameters", "---", "*args : a*", "    |v|:", "", "    - one_", "      two",
                      "Raises", "---", "a*"]) == [
        "Parameters", "---", r"*args : a\*", r"    \|v\|:", "", r"    - one\_", "      two",
        "Raises", "---", r"a\*"]


# ---- the build ----

@pytest.fixture(scope="module")
def sphinx():
    for name in ("sphinx", "myst_parser", "numpydoc", "sphinx_gallery", "furo",
                 "sphinx-mathjax-offline"):
        pytest.importorskip(name)


@pytest.fixture(scope="module")
def site(sphinx, tmp_path_factory):
    """(pages, what was said, seconds) of a copy of the tree without what was built before."""
    tree = tmp_path_factory.mktemp("tree")
    for name in ("docs", "examples", "reference", "tests"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns(
            "_build", "lessons", "__pycache__"))
    for page in ROOT.glob("*.md"):
        shutil.copy(page, tree)
    start = perf_counter()
    said, status = build(tree, tree / "html")
    assert status == 0, said[-3000:]
    return tree / "html", said, perf_counter() - start


@pytest.mark.slow
def test_the_site_is_built_in_time_with_every_lesson(site):
    pages, _, seconds = site
    lessons = {path.stem for path in (ROOT / "examples").glob("[0-9][0-9]_*.py")}
    assert lessons == {path.stem for path in (pages / "lessons").glob("[0-9][0-9]_*.html")}
    assert seconds < 60 * MINUTES


@pytest.mark.slow
def test_a_false_lesson_a_broken_link_and_an_unknown_name_fail_the_build(sphinx, tmp_path,
                                                                         monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name in ("conf.py", "_ext", "_static", "references.md"):
        whole = shutil.copytree if (ROOT / "docs" / name).is_dir() else shutil.copy
        (tmp_path / "docs").mkdir(exist_ok=True)
        whole(ROOT / "docs" / name, tmp_path / "docs" / name)
    (tmp_path / "docs" / "index.md").write_text(
        "# All\n\n[there](nowhere.md) [part](#none) {func}`reference.hpv`\n\n"
        "```{toctree}\nlessons/index\nreferences\n```\n", "utf-8")
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "README.rst").write_text("Lessons\n=======\n", "utf-8")
    (tmp_path / "examples" / "01_false.py").write_text(
        '"""\nA false lesson\n==============\n"""\nassert 1 + 1 == 3\n', "utf-8")
    said, status = build(tmp_path, tmp_path / "html")
    assert status and "01_false.py unexpectedly failed" in said
    assert all(word in said for word in ("nowhere.md", "'none'", "reference.hpv"))


def test_a_slow_lesson_is_a_warning(sphinx, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    lessons, said = importlib.import_module("lessons"), []
    monkeypatch.setattr(lessons.logging.getLogger("lessons").logger, "handle", said.append)
    for limit in (20, -1):
        monkeypatch.setattr(lessons, "LIMIT", limit)
        lessons.watch({}, "a.py", "before")
        assert said == []
        lessons.watch({}, "a.py", "after")
    assert [line.levelname for line in said] == ["WARNING"] and "a.py took" in said[0].getMessage()
    assert lessons.least((9, 40), (8, 10)) == 1 and lessons.least((39, 10), (9, 8)) == 2


# ---- links ----

@pytest.mark.slow
def test_every_source_leads_to_the_line_that_begins_it(site):
    pages, tree = read(site[0] / "api"), site[0].parent
    assert misled(pages, tree) == []
    text = pages["derivatives.html"]
    assert "reference.hvp" in misled({"a": re.sub(r"#line-\d+", "#line-2", text)}, tree)


@pytest.mark.slow
def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(site):
    pages = read(site[0])
    assert broken(pages) == [] and fetched(pages) == []


def test_broken_links_and_loads_are_reported_and_nothing_else():
    pages = {"a.html": '<a id="one" href="#one"></a><a href="b/c.html#two"></a>'
                       '<a href="#three"></a><a class="x" href="gone.html"></a>'
                       '<a href="https://example.org/#x"></a>'
                       '<link href="https://example.org/x.css"><img src="b/p.png">'
                       '<script src="//example.org/x.js"></script>',
             "b/c.html": '<p id="two"></p><a href="../a.html#one"></a><a href="../a.html#two"></a>',
             "b/p.png": None}
    assert broken(pages) == [("a.html", "#three"), ("a.html", "gone.html"),
                             ("b/c.html", "../a.html#two")]
    assert fetched(pages) == [("a.html", "https://example.org/x.css"),
                              ("a.html", "//example.org/x.js")]


# ---- in a browser ----

@pytest.fixture
def chromium():
    return shutil.which("chromium") or pytest.skip("needs chromium")


@pytest.mark.slow
def test_pages_fit_a_phone_show_their_formulas_and_ask_nobody(site, chromium, tmp_path):
    pages = [name for name, text in read(site[0]).items() if text is not None
             and not name.startswith(("source/", "_static/"))]
    pages.append("source/reference/curvature/kron.py.html")
    found, asked = look(chromium, site[0], pages, tmp_path)
    assert ugly(found) == {} and asked == [] and set(found) == set(pages)
    assert all(seen["window"] == PHONE for seen in found.values())
    assert all(seen["formulas"] for page, seen in found.items()
               if re.match(r"lessons/\d\d_", page))


@pytest.mark.slow
def test_a_wide_page_a_bare_formula_and_a_load_are_seen(chromium, tmp_path):
    pages = {"good": "<p>x</p><div style='overflow-x: auto'><pre>" + 99 * "long " + "</pre></div>",
             "wide": "<pre>" + 99 * "long " + "</pre>",
             "hidden": "<style>body { overflow-x: hidden }</style><p>" + 99 * "long" + "</p>",
             "bare": "<span class='math'>\\(x\\)</span>",
             "blind": "<img src='none.png'>",
             "asks": "<script src='https://example.org/x.js'></script>"}
    (tmp_path / "pages").mkdir()
    for name, text in pages.items():
        (tmp_path / "pages" / f"{name}.html").write_text(
            f"<!doctype html><meta charset=utf-8><article>{text}</article>", "utf-8")
    found, asked = look(chromium, tmp_path / "pages", [f"{name}.html" for name in pages], tmp_path)
    assert ugly(found) == {"wide.html": ["wide"], "hidden.html": ["wide"], "bare.html": ["formula"],
                           "blind.html": ["picture"]}
    assert asked == ["https://example.org/x.js"]
