"""The readers in three languages compute what the pack asks, and a planted 1/N is told as one."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import reference as ref

FOLDER = Path(__file__).parents[3] / "examples" / "golden"
COMPILER = next(filter(None, map(shutil.which, ("g++", "clang++", "c++"))), None)


def python(folder):
    return [sys.executable, folder / "answers.py"]


def javascript(folder):
    return [shutil.which("node") or pytest.skip("there is no node"), folder / "answers.js"]


def cpp(folder):
    if COMPILER is None:
        pytest.skip("there is no C++ compiler")
    subprocess.run([COMPILER, "-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                    folder / "answers.cpp", "-o", folder / "answers"], check=True, timeout=100)
    return [folder / "answers"]


READERS = {"python": (python, "answers.py", "g2 = (p - np.eye(7)[y]) / N"),
           "javascript": (javascript, "answers.js", "(c === y.data[n])) / N"),
           "C++": (cpp, "answers.cpp", "(c == label)) / N")}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The command of a reader, as it is or with one line divided by N once more; made once."""
    made = {}

    def build(language, planted):
        if (language, planted) not in made:
            make, name, line = READERS[language]
            folder = shutil.copytree(FOLDER, tmp_path_factory.mktemp("readers") / "program")
            source = (folder / name).read_text("utf-8")
            assert source.count(line) == 1
            (folder / name).write_text(source.replace(line, line + " / N" * planted), "utf-8")
            made[language, planted] = make(folder)
        return made[language, planted]
    return build


@pytest.mark.parametrize("language", READERS)
@pytest.mark.parametrize("planted", [False, True], ids=["right", "1/N twice"])
def test_a_reader_agrees_and_a_factor_is_diagnosed(language, planted, program, pack, tmp_path):
    subprocess.run([*program(language, planted), pack, tmp_path / "results"], check=True,
                   timeout=100)
    found = {row.quantity: row.report
             for row in ref.golden.check(pack, tmp_path / "results").offered}
    assert set(found) == {"value", "gradient"} and found["value"].passed
    assert found["gradient"].passed is not planted
    if planted:
        assert found["gradient"].explanation.text == "ours x 1/N"
        assert found["gradient"].explanation.kind == "convention"


def test_the_reader_in_python_is_short():
    assert len((FOLDER / "answers.py").read_text("utf-8").splitlines()) < 40


def test_the_reader_in_cpp_refuses_what_is_no_case(program, tmp_path):
    for text in ("", "{", '{"arrays": {"x": {"data": [1, }}', '{"arrays": {}}', "[1]"):
        (tmp_path / "dense.json").write_text(text)
        done = subprocess.run([*program("C++", False), tmp_path, tmp_path / "results"], timeout=100,
                              capture_output=True, text=True)
        assert done.returncode == 2 and done.stderr.count("\n") == 1, (text, done)
