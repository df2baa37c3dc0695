"""The sessions in the package's docstrings run, and print what they say."""

import doctest
import pkgutil
from importlib import import_module

import pytest

import reference

OPTIONAL = ("torch", "jax", "curvlinops", "backpack")      # peers, perhaps not installed


def names():
    found = pkgutil.walk_packages(reference.__path__, "reference.")
    return [each.name for each in found if not each.name.endswith("__main__")]


@pytest.mark.parametrize("name", names())
def test_sessions_run(name):
    try:
        module = import_module(name)
    except ModuleNotFoundError as absent:
        assert absent.name.partition(".")[0] in OPTIONAL, absent
        pytest.skip(f"{absent.name} is not installed")
    failed, _ = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert not failed


def test_a_session_that_prints_something_else_fails():
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    assert doctest.DocTestRunner(verbose=False).run(wrong, out=lambda text: None).failed == 1
