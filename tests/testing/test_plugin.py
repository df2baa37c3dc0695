"""The fixture: found by pytest, parametrised by name, and nothing imported until it is used."""

import subprocess
import sys
from configparser import ConfigParser
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[2]

TESTS = """
import pytest

def test_nothing():
    pass

def test_default(oracle_case):
    objective, theta = oracle_case
    assert objective.N == 11 and theta.size == 31

@pytest.mark.parametrize("oracle_case", ["conv", ("dense", 3)], indirect=True)
def test_named(oracle_case):
    import reference as ref
    objective, theta = oracle_case
    ref.testing.assert_gradient(objective.grad(theta), objective, theta)

def test_wrong(oracle_case):
    import reference as ref
    objective, theta = oracle_case
    ref.testing.assert_gradient(-objective.grad(theta), objective, theta)
"""


def run(folder, *options):
    """pytest in a folder of its own."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True,
                          env={"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1",
                               "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})    # installed or not


def test_tests_take_designed_points_by_name(tmp_path):
    (tmp_path / "test_mine.py").write_text(TESTS)
    done = run(tmp_path, "-p", "curvature_reference_pytest", "-W", "error")
    assert "1 failed, 4 passed" in done.stdout, done.stdout + done.stderr
    assert "gradient: differs" in done.stdout and "ours x -1" in done.stdout


def test_nothing_is_imported_with_the_plugin():
    code = ("import sys, curvature_reference_pytest; "
            "print([m for m in ('reference', 'numpy', 'scipy') if m in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_it_is_declared_as_a_plugin_of_pytest():
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg")
    name, _, module = settings["options.entry_points"]["pytest11"].strip().partition(" = ")
    assert name == "curvature_reference"
    assert module in settings["options"]["py_modules"] and import_module(module).oracle_case
