"""House rules, read off the syntax tree: who imports whom, and what analytic code may not say.

Each rule is a pure function from a file to a list of offences. The package must have none; and
every rule is shown a planted offence that it must report, for a checker that cannot fail proves
nothing.
"""

import ast
import io
import re
import tokenize
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

ORDER = ["options", "arrays", "network", "problems", "derivatives", "curvature", "optim",
         "training", "oracle", "testing", "teaching", "plotting", "commands", "__main__"]


@dataclass(frozen=True)
class File:
    """One source file; `path` is relative to the package, such as ("network", "affine.py")."""

    path: tuple
    source: str

    @cached_property
    def tree(self):
        return ast.parse(self.source)

    @cached_property
    def all_nodes(self):
        return list(ast.walk(self.tree))

    @property
    def place(self):
        """The folder, or the module at the top of the package: it decides what may be imported."""
        return self.path[0].removesuffix(".py")


def package(folder):
    """Every source file under a package folder."""
    paths = sorted(folder.rglob("*.py"))
    return [read(path.relative_to(folder).parts, path.read_text("utf-8")) for path in paths]


@cache
def read(path, source):
    """A File, whose tree all rules share."""
    return File(path, source)


def nodes(file, *kinds):
    return [node for node in file.all_nodes if isinstance(node, kinds)]


# ---- who imports whom ----

def imported(file):
    """Absolute dotted names of what a file imports; `from a import b` counts as a.b."""
    here = ["reference", *file.path[:-1]]
    for node in nodes(file, ast.Import, ast.ImportFrom):
        base = here[:len(here) - node.level + 1] if getattr(node, "level", 0) else []
        base = base + ([node.module] if getattr(node, "module", None) else [])
        for alias in node.names:
            yield ".".join([*base, alias.name])


def layering(file):
    """Imports that do not point to the own folder or to one earlier in ORDER."""
    if file.path == ("__init__.py",):
        return []
    if file.place not in ORDER:
        return [f"{file.place} has no place in the order of the layers"]
    allowed = ORDER[:ORDER.index(file.place) + 1]
    inside = [name.split(".") for name in imported(file) if name.split(".")[0] == "reference"]
    return [".".join(name) for name in inside if name[1:2] == [] or name[1] not in allowed]


def plotting_alone(file):
    """Imports of matplotlib outside reference/plotting."""
    return [] if file.place == "plotting" else [
        name for name in imported(file) if name.split(".")[0] == "matplotlib"]


# ---- analytic code: the complex step must be exact on everything under network/ ----

UNANALYTIC = {"abs", "absolute", "fabs", "conj", "conjugate", "H", "vdot", "norm", "maximum",
              "sign", "cholesky", "eigh", "qr", "svd", "var", "std"}


def unanalytic(file):
    """Uses of functions that lose or mangle an imaginary part; a field `self.norm` is none."""
    if file.place != "network":
        return []
    called = {id(call.func): call for call in nodes(file, ast.Call)}
    used = [node.attr for node in nodes(file, ast.Attribute)
            if id(node) in called or getattr(node.value, "id", None) != "self"]
    used += [call.func.id for call in called.values() if isinstance(call.func, ast.Name)]
    used += [alias.name for node in nodes(file, ast.ImportFrom) for alias in node.names]
    return [name for name in used if name in UNANALYTIC] + [
        ast.unparse(call) for call in called.values() if casts_to_float(call)]


def casts_to_float(call):
    """Whether a call is float(x) or x.astype(float)."""
    if isinstance(call.func, ast.Name):
        return call.func.id == "float"
    return getattr(call.func, "attr", "") == "astype" and any(
        getattr(argument, "id", None) == "float" for argument in call.args)


SYSTEM = re.compile("complex|longdouble|autograd|cupy|flint")            # anywhere in a name
DTYPE = re.compile(r"complex\d+|c?longdouble")
SYSTEM_WORDS = {"dual", "duals", "ball", "balls", "arb"}                 # but "residual" is fine


def identifiers(file):
    """Every name that code uses or makes, and every string that is a dtype, as in astype("...")."""
    for node in ast.walk(file.tree):
        for field in ("id", "attr", "arg", "name", "module", "asname"):
            if isinstance(getattr(node, field, None), str):
                yield from getattr(node, field).split(".")
        if isinstance(node, ast.Constant) and DTYPE.fullmatch(str(node.value)):
            yield node.value


def number_systems(file):
    """Names of number systems under network/, which is written once for all of them."""
    if file.place != "network":
        return []
    return [name for name in identifiers(file) if SYSTEM.search(name.lower())
            or SYSTEM_WORDS & {word.lower() for word in re.findall("[A-Z]?[a-z]+|[A-Z]+", name)}]


# ---- citations ----

KEY = r"[A-Z][A-Za-z]{0,4}\d{2}"


def prose(file):
    """Docstrings and comments of a file, in one string."""
    texts = [node.value.value for node in nodes(file, ast.Expr)
             if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)]
    tokens = tokenize.generate_tokens(io.StringIO(file.source).readline)
    return "\n".join(texts + [token.string for token in tokens if token.type == tokenize.COMMENT])


def cited(text):
    """Keys cited as [Pea94], [MG15, sec. 6.3] or [Mar10; MS12, eq. 2]; x[N12] is indexing."""
    brackets = re.findall(r"(?<![\w\]])\[([^\[\]]*)\]", text)
    pattern = rf"(?:^|;)\s*({KEY})(?=\s*(?:[,;]|$))"
    return [key for inside in brackets for key in re.findall(pattern, inside)]


def listed(references):
    """Keys that docs/references.md lists, one line `- [Key] ...` each."""
    return re.findall(rf"^- \[({KEY})\]", references, re.MULTILINE)


def unknown_citations(file, known):
    return [key for key in cited(prose(file)) if key not in known]


# ---- hidden state and noise ----

def hidden_randomness(file):
    """Seeds and generators made inside: only the outermost code may make what it passes on.

    An optimiser makes one per step, from its field `seed` and the step's number, training one per
    epoch and step, an exercise one per case; tasks that draw their data make one from a constant.
    """
    drawn = ("problems", "autoencoders.py")
    makers = "commands", "oracle", "optim", "teaching", "testing", "training"
    if file.place in makers or file.path == drawn:
        allowed = {"Generator", "default_rng"}
    else:
        allowed = {"Generator"}
    dotted = [ast.unparse(node) for node in nodes(file, ast.Attribute)] + list(imported(file))
    names = re.findall(r"\b(?:np|numpy)\.random\.(\w+)", "\n".join(dotted))
    names += [node.id for node in nodes(file, ast.Name) if node.id == "default_rng"]
    return sorted(set(names) - allowed)


def printing(file):
    calls = [call for call in nodes(file, ast.Call) if getattr(call.func, "id", "") == "print"]
    return [] if file.place in ("commands", "__main__") else [ast.unparse(call) for call in calls]


def wide(file):
    """Lines of more than 100 columns."""
    lines = enumerate(file.source.splitlines(), 1)
    return [f"line {number}" for number, line in lines if len(line) > 100]


# ---- the package has no offences ----

RULES = [layering, plotting_alone, unanalytic, number_systems, hidden_randomness, printing, wide]


def offences(rule, folder):
    return [f"{'/'.join(file.path)}: {found}" for file in package(folder) for found in rule(file)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(rule):
    assert offences(rule, ROOT / "reference") == []


def test_every_citation_is_listed_once():
    known = listed((ROOT / "docs" / "references.md").read_text("utf-8"))
    assert len(set(known)) == len(known) > 20
    assert offences(lambda file: unknown_citations(file, known), ROOT / "reference") == []


def unpackaged(folder):
    """Folders with code but without `__init__.py`: an installation would leave them out."""
    folders = {path.parent for path in folder.rglob("*.py")}
    return sorted(str(f.relative_to(folder)) for f in folders if not (f / "__init__.py").is_file())


def test_every_folder_of_code_is_installed():
    assert unpackaged(ROOT / "reference") == []


# ---- every rule can fail, and does not cry wolf ----

PLANTED = [
    (layering, "arrays/a.py", "from ..network import Dense", ["reference.network.Dense"]),
    (layering, "network/a.py", "from ..problems.files import f", ["reference.problems.files.f"]),
    (layering, "optim/a.py", "def f():\n    import reference.oracle", ["reference.oracle"]),
    (layering, "optim/a.py", "from ..training import train", ["reference.training.train"]),
    (layering, "training/a.py", "from ..oracle import x", ["reference.oracle.x"]),
    (layering, "optim/a.py", "from reference.plotting import x", ["reference.plotting.x"]),
    (layering, "network/a.py", "import reference", ["reference"]),
    (layering, "network/a.py", "import reference as ref", ["reference"]),
    (layering, "network/a.py", "from reference import hvp", ["reference.hvp"]),
    (layering, "oracle/peers/a.py", "from ... import hvp", ["reference.hvp"]),
    (layering, "oracle/peers/a.py", "from ...plotting import x", ["reference.plotting.x"]),
    (layering, "helpers/a.py", "", ["helpers has no place in the order of the layers"]),
    (layering, "plotting.py", "from . import __main__", ["reference.__main__"]),
    (layering, "plotting/a.py", "from ..commands.shared import x", ["reference.commands.shared.x"]),
    (layering, "options.py", "from .arrays import x", ["reference.arrays.x"]),
    (layering, "commands/a.py", "from .. import plotting\nfrom .shared import x", []),
    (layering, "__init__.py", "from .oracle import check", []),
    (layering, "__main__.py", "from . import problems, oracle\nimport numpy", []),
    (layering, "problems/a.py", "from ..network import x\nfrom .b import y\nfrom . import z", []),
    (plotting_alone, "oracle/a.py", "def f():\n    import matplotlib.pyplot as plt",
     ["matplotlib.pyplot"]),
    (plotting_alone, "commands/a.py", "from matplotlib import pyplot", ["matplotlib.pyplot"]),
    (plotting_alone, "__main__.py", "from matplotlib import pyplot", ["matplotlib.pyplot"]),
    (plotting_alone, "plotting.py", "import matplotlib", []),
    *[(unanalytic, "network/a.py", f"y = np.{name}(x)", [name]) for name in sorted(UNANALYTIC)],
    (unanalytic, "network/a.py", "y = abs(x)", ["abs"]),
    (unanalytic, "network/a.py", "table = {'abs': np.abs}", ["abs"]),
    (unanalytic, "network/a.py", "from numpy.linalg import norm", ["norm"]),
    (unanalytic, "network/a.py", "y = x.H @ np.linalg.qr(x)[0]", ["H", "qr"]),
    (unanalytic, "network/a.py", "y = float(x)", ["float(x)"]),
    (unanalytic, "network/a.py", "y = x.astype(float)", ["x.astype(float)"]),
    (unanalytic, "network/a.py", "y = self.norm(x)", ["norm"]),
    (unanalytic, "network/a.py", '"""No abs(x), no norm."""\nnorm: float = 1.0  # float(x)\n', []),
    (unanalytic, "network/a.py", "y = self.norm * where(primal(x) > 0, x, 0).T", []),
    (unanalytic, "derivatives/a.py", "y = np.abs(x)", []),
    (number_systems, "network/a.py", "from ..arrays import dual", ["dual"]),
    (number_systems, "network/a.py", "import autograd.numpy as np", ["autograd"]),
    (number_systems, "network/a.py", "def f(x):\n    return DualArray(x)", ["DualArray"]),
    (number_systems, "network/a.py", "y = x.astype(np.complex128)", ["complex128"]),
    (number_systems, "network/a.py", "y = x.astype('longdouble')", ["longdouble"]),
    (number_systems, "network/a.py", "is_ball = np.iscomplexobj(x)", ["is_ball", "iscomplexobj"]),
    (number_systems, "network/a.py", "def f(x, cupy=None, arb=0): pass", ["cupy", "arb"]),
    (number_systems, "network/a.py", "from flint import x\nimport numpy as bicomplex",
     ["flint", "bicomplex"]),
    (number_systems, "network/a.py",
     '"""Runs on dual numbers and balls."""\nclass Residual: pass  # complex\narbitrary = x', []),
    (number_systems, "network/a.py", "place = 'cupy'", []),
    (number_systems, "curvature/a.py", "import cupy", []),
    (hidden_randomness, "optim/a.py", "import numpy as np\nnp.random.seed(0)", ["seed"]),
    (hidden_randomness, "optim/a.py", "def f(self, k):\n    np.random.default_rng([self.seed, k])",
     []),
    (hidden_randomness, "training/a.py", "rng = np.random.default_rng([seed, 1, epoch])", []),
    (hidden_randomness, "network/a.py", "rng = np.random.default_rng(0)", ["default_rng"]),
    (hidden_randomness, "network/a.py", "from numpy.random import rand", ["rand"]),
    (hidden_randomness, "problems/a.py", "rng = np.random.default_rng(0)", ["default_rng"]),
    (hidden_randomness, "problems/autoencoders.py", "rng = np.random.default_rng(0)", []),
    (hidden_randomness, "oracle/a.py", "np.random.seed(0)", ["seed"]),
    (hidden_randomness, "__main__.py", "rng = np.random.default_rng(0)", ["default_rng"]),
    (hidden_randomness, "oracle/a.py", "def f(seed):\n    return np.random.default_rng(seed)", []),
    (hidden_randomness, "network/a.py", "def f(rng: np.random.Generator): pass", []),
    (printing, "optim/a.py", "if verbose:\n    print('hello', 1)", ["print('hello', 1)"]),
    (printing, "commands/a.py", "print(1)", []),
    (printing, "__main__.py", "print(1)", []),
    (wide, "optim/a.py", "x = 1\n#" + 100 * "-" + "\n#" + 99 * "-", ["line 2"]),
]


@pytest.mark.parametrize("rule, path, source, expected", PLANTED,
                         ids=[f"{rule.__name__}-{k}" for k, (rule, *_) in enumerate(PLANTED)])
def test_a_rule_reports_what_was_planted_and_nothing_else(rule, path, source, expected):
    assert sorted(rule(File(tuple(path.split("/")), source))) == sorted(expected)


def test_offences_are_found_in_a_tree_of_files_and_named_by_path(tmp_path):
    (tmp_path / "network" / "deep").mkdir(parents=True)
    (tmp_path / "network" / "deep" / "a.py").write_text("from ...oracle import x")
    (tmp_path / "__init__.py").write_text("")
    assert offences(layering, tmp_path) == ["network/deep/a.py: reference.oracle.x"]
    assert unpackaged(tmp_path) == ["network/deep"]


def test_unknown_citations_are_found_in_docstrings_and_comments_only():
    source = ('"""Exact [Pea94, eq. 3]; see [Abc99]\nand [ST98; Xyz01, sec. 2,\nline 3]."""\n'
              "y = x[N12] + a[0][M10]  # as in [Qrs20], at x[N12] and [0, 1]\nz = '[Str11]'\n")
    file = File(("network", "a.py"), source)
    assert unknown_citations(file, ["Pea94", "ST98"]) == ["Abc99", "Xyz01", "Qrs20"]
    assert unknown_citations(file, ["Pea94", "ST98", "Abc99", "Xyz01", "Qrs20"]) == []


def test_listed_keys_are_those_that_begin_a_line():
    text = "# References\n- [Pea94] Pearlmutter, unlike [ST98].\n- [He15] He.\n"
    assert listed(text) == ["Pea94", "He15"]
