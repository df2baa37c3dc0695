"""The script that runs all that needs a GPU asks for what is there, and tells what failed."""

import json
import os
import subprocess
import sys

import pytest

from reference.__main__ import parser
from tests.test_docs import ROOT

SCRIPT = "examples/studies/all_on_a_gpu.sh"
FAKE = """#!{python}
import json, os, sys
with open(os.environ["ASKED"], "a") as stream:
    stream.write(json.dumps(sys.argv[1:]) + chr(10))
sys.exit("FAILS" in os.environ and os.environ["FAILS"] in sys.argv)
"""


def ran(folder, *parts, **environment):
    """(exit status, what Python was asked, summary) with an interpreter that does nothing."""
    fake, asked = folder / "python", folder / "asked"
    fake.write_text(FAKE.format(python=sys.executable))
    fake.chmod(0o755)
    known = {name: text for name, text in os.environ.items() if name != "REFERENCE_DATA"}
    done = subprocess.run(["sh", SCRIPT, str(folder / "out"), *parts], cwd=ROOT, capture_output=True,
                          env={**known, "PYTHON": str(fake), "ASKED": str(asked), **environment})
    return (done.returncode, [json.loads(line) for line in asked.read_text().splitlines()],
            (folder / "out" / "summary.txt").read_text())


@pytest.mark.skipif(os.name != "posix", reason="a shell script")
def test_it_asks_for_commands_options_and_files_that_exist(tmp_path):
    status, asked, summary = ran(tmp_path, REFERENCE_DATA="D")
    assert status == 0 and len(asked) == 6 and summary.count("exit status 0") == 5
    assert asked[0][0] == "-c"
    compile(asked.pop(0)[1], "device", "exec")
    modules = [given[1] for given in asked if given[0] == "-m"]
    assert modules == ["pytest", "reference", "reference", "reference"]
    for given in asked:
        if given[:2] == ["-m", "reference"]:
            assert parser().parse_args(given[2:]).backend == "cupy"
        elif given[:2] == ["-m", "pytest"]:
            assert all((ROOT / name).exists() for name in given if name.startswith("tests/"))
        elif given[0] != "-m":
            assert (ROOT / given[0]).is_file() and given[1] == "D/mnist"


@pytest.mark.skipif(os.name != "posix", reason="a shell script")
@pytest.mark.parametrize("command, runs", [("bench", 2), ("check", 1), ("pytest", 1)])
def test_one_failure_is_told_and_the_others_run(tmp_path, command, runs):
    status, asked, summary = ran(tmp_path, FAILS=command)
    assert status == 1 and len(asked) == 5 and summary.count("exit status 1") == runs
    assert "kbfgs: left out, since REFERENCE_DATA is not set" in summary


@pytest.mark.skipif(os.name != "posix", reason="a shell script")
def test_parts_are_run_in_the_order_asked_and_others_are_refused(tmp_path):
    status, asked, summary = ran(tmp_path, "check", "tests")
    assert status == 0 and [given[1] for given in asked[1:]] == ["reference", "pytest"]
    assert ran(tmp_path, "chek")[0] == 1


@pytest.mark.skipif(os.name != "posix", reason="a shell script")
def test_without_a_device_nothing_is_run_that_would_be_skipped(tmp_path):
    status, asked, summary = ran(tmp_path, FAILS="-c")
    assert status == 2 and len(asked) == 1 and "exit status" not in summary
