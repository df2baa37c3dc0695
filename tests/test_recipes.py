"""Every recipe is followed to the letter: its blocks run in order, and print what stands below.

A block that begins with `# file: NAME` is written to that file of an empty folder; of a shell block
each line is a command `python -m reference ...`; a text block is what the block above it prints,
dots standing for anything.
"""

import doctest
import io
import re
import shlex
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from reference.__main__ import main
from reference.derivatives.routes import ROUTES
from reference.network.elementwise import ACTIVATIONS
from reference.network.losses import LOSSES
from reference.oracle.matrices import MATRICES
from reference.oracle.theorems import THEOREMS
from reference.problems.layers import LAYERS
from reference.problems.zoo import ZOO
from reference.training.defaults import DEFAULTS, OPTIMIZERS
from tests.test_docs import broken_links, broken_names, unknown_keys

FOLDER = Path(__file__).parents[1] / "docs" / "recipes"
RECIPES = sorted(FOLDER.glob("*.md"))
TABLES = ACTIVATIONS, LOSSES, ROUTES, MATRICES, LAYERS, ZOO, DEFAULTS, OPTIMIZERS
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """A block to run, "python" or "bash", and what it prints, None if that is not told."""

    language: str
    source: str
    printed: str | None = None


def steps(page):
    """The blocks of a page that run, in order, each with the text block below it."""
    found = []
    for language, source in FENCED.findall(page):
        if language == "text":
            found[-1] = Step(found[-1].language, found[-1].source, source)
        else:
            found.append(Step(language, source))
    return found


def follow(page, folder):
    """Run the blocks of a page in a folder; AssertionError at the first that prints otherwise."""
    names = {"__name__": f"recipe_{len(sys.modules)}"}
    for step in steps(page):
        heading = re.match(r"# file: (\S+)\n", step.source)
        if heading:
            (folder / heading[1]).write_text(step.source, "utf-8")
            continue
        out = io.StringIO()
        with redirect_stdout(out):
            run(step, names)
        if step.printed is not None:
            assert_printed(out.getvalue(), step.printed)


def run(step, names):
    """One block, in the names of those before it."""
    if step.language == "python":
        exec(compile(step.source, "recipe", "exec"), names)
        return
    for line in step.source.splitlines():
        python, flag, package, *arguments = shlex.split(line)
        assert (python, flag, package) == ("python", "-m", "reference"), line
        try:
            main(arguments)
        except SystemExit:
            pass


def assert_printed(got, wanted):
    checker = doctest.OutputChecker()
    assert checker.check_output(wanted, got, doctest.ELLIPSIS), f"{got}\nis not\n{wanted}"


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """An empty working directory; tables and modules are afterwards as they were."""
    before, theorems, modules = [dict(table) for table in TABLES], list(THEOREMS), set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for table, lines in zip(TABLES, before):
        table.clear()
        table.update(lines)
    THEOREMS[:] = theorems
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_leads_where_it_says(path, scratch):
    follow(path.read_text("utf-8"), scratch)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_one_page_names_what_exists_and_ends_with_a_mistake(path):
    text = path.read_text("utf-8")
    assert broken_names(text) + broken_links(text, FOLDER) + unknown_keys(text) == []
    assert len(text.splitlines()) <= 160 and max(map(len, text.splitlines())) <= 140
    check, mistake = text.index("he check"), text.index("**A mistake that the check catches")
    assert check < mistake and steps(text)[-1].printed
    assert steps(text[mistake:])[-1].printed is not None


def test_there_is_a_recipe_for_each_part_and_the_guide_names_it():
    guide = (FOLDER.parents[1] / "CONTRIBUTING.md").read_text("utf-8")
    assert {path.stem.split("-")[-1] for path in RECIPES} == {
        "layer", "loss", "route", "matrix", "optimizer", "peer"}
    assert all(f"docs/recipes/{path.name}" in guide for path in RECIPES)


WRONG = [("add-a-layer", "return F.sum(dy * x, -2)[..., None, :], dy * W",
          "return F.sum(dy * x, -2)[..., None, :], dy"),
         ("add-a-loss", "diagonal(1 / (root(z, y) * ", "diagonal(1 / (1.01 * root(z, y) * "),
         ("add-a-route", "8 * near + 8 * on", "8 * near + 7 * on"),
         ("add-a-matrix", "return np.outer(g, g)", "return 1.01 * np.outer(g, g)"),
         ("add-an-optimizer", "t = -slope / abs(", "t = -0.99 * slope / abs("),
         ("add-a-peer", "* (1 - h * h)", "* (1 - h)"),
         ("add-a-peer", "10 answers", "11 answers")]


@pytest.mark.parametrize("name, right, wrong", WRONG, ids=[name for name, *_ in WRONG])
def test_a_recipe_that_is_wrong_is_not_followed_to_its_end(name, right, wrong, scratch):
    text = (FOLDER / f"{name}.md").read_text("utf-8")
    assert right in text
    with pytest.raises(AssertionError):
        follow(text.replace(right, wrong), scratch)
