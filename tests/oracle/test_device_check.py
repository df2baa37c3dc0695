"""The self-check of a GPU, on CuPy's stand-in: it passes, and fails over what is planted there."""

import json

import numpy as np
import pytest

from reference.__main__ import main
from reference.arrays import cuda
from reference.arrays.namespace import library
from reference.oracle import device_check, device_rates, device_text
from reference.oracle.quantities import QUANTITIES
from reference.problems import ZOO
from tests.stand_in import cuda as made_up
from tests.stand_in.modules import installed

SMALL = "pooled digits"


@pytest.fixture
def cupy():
    with installed() as stand_in:
        yield stand_in


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(device_check, "tasks", lambda seed: [
        (SMALL, "value", seed), (SMALL, "gradient", seed)])


def rows(quantity, problem=SMALL):
    return device_check.rows_of((problem, quantity, 0))


def tf32(a):
    """Both factors as tensor cores take them: 11 bits, rounded."""
    host = a.get()
    bits = host.view("uint32") + np.uint32(0x1000)
    return type(a)((bits & np.uint32(0xFFFFE000)).view("float32"))


@pytest.fixture
def in_tf32(cupy, monkeypatch):
    exact = cupy.matmul

    def product(A, B, **named):
        single = A.dtype == B.dtype == np.float32
        return exact(*(map(tf32, (A, B)) if single else (A, B)), **named)
    monkeypatch.setattr(cupy, "matmul", product)


# ---- rows ----

@pytest.mark.parametrize("quantity", ["value", "gradient", "hessian", "kfac", "kfac_solve"])
def test_a_quantity_agrees_in_both_precisions(cupy, quantity):
    for row in rows(quantity):
        assert row.passed and row.wanted_single is not None, row


@pytest.mark.slow
@pytest.mark.parametrize("problem", ZOO)
def test_every_quantity_agrees_on_every_problem(cupy, problem):
    found = [row for quantity in QUANTITIES for row in rows(quantity, problem)]
    assert len(found) > 40 and [row for row in found if not row.passed] == []


def test_every_quantity_runs_its_first_route_on_the_device():
    for quantity in QUANTITIES.values():
        first, *others = quantity.routes.items()
        assert first and all(callable(function) for _, function in others)
    assert {row.route for row in device_check.rows_of((SMALL, "kfac", 0))} == {"contractions"}


def test_what_is_wrong_on_the_device_alone_fails(cupy, monkeypatch):
    quantity = QUANTITIES["gradient"]
    right = quantity.routes["backprop"]

    def wrong(objective, theta):
        return right(objective, theta) * (1 if library(theta) is np else 1 + 1e-9)
    monkeypatch.setitem(QUANTITIES, "gradient", type(quantity)(quantity.title, {"wrong": wrong}))
    [row] = rows("gradient")
    assert not row.passed and 8.9 < row.double < 9.1 and row.single >= row.wanted_single


def test_what_raises_on_the_device_is_a_row_that_fails(cupy, monkeypatch):
    quantity = QUANTITIES["value"]

    def hidden(objective, theta):
        return np.asarray(theta).sum()
    monkeypatch.setitem(QUANTITIES, "value", type(quantity)(quantity.title, {"hidden": hidden}))
    [row] = rows("value")
    assert row.verdict == "FAILED" and row.note.startswith("TypeError: Implicit conversion")


def test_nan_is_no_agreement():
    assert not device_check.Row("p", "q", "t", "r", double=float("nan")).passed
    assert not device_check.Row("p", "q", "t", "r", double=15.0, single=float("nan"),
                                wanted_single=5.0).passed


def test_float32_is_not_asked_for_where_the_host_has_no_digits_either():
    assert device_check._aim(lambda: 7.0) == 5 and device_check._aim(lambda: 4.5) == 3.5
    assert device_check._aim(lambda: 1.0) is None

    def refuses():
        raise np.linalg.LinAlgError("left a residual")
    assert device_check._aim(refuses) is None


@pytest.mark.gpu
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_a_real_device_agrees(quantity):
    try:
        cuda.device()
    except cuda.NoDevice as error:
        pytest.skip(str(error))
    assert [row for row in rows(quantity) if not row.passed] == []


# ---- TF32 ----

def test_tf32_is_measured_and_fails_in_float32_alone(in_tf32):
    found = device_check.circumstances()
    assert found.tf32 and 2.0 ** -13 < found.product_error < 2.0 ** -11
    assert "WARNING: float32 products are made in TF32" in "\n".join(device_text.opening(found))
    for row in rows("gradient"):
        single = row.route == "autograd" or row.single > row.wanted_single    # the host's tape
        assert row.double >= row.wanted and row.passed == single
    assert not all(row.passed for row in rows("hessian"))


def test_float32_is_not_taken_for_tf32(cupy):
    assert not device_check.circumstances().tf32
    assert device_rates.product_error(256) < 2.0 ** -20 < device_rates.SUSPECT


@pytest.mark.parametrize("text, asked, words", [
    (None, None, "is not set"), ("0", False, "forbids it"), ("-1", False, "forbids it"),
    ("2", True, "WARNING: CUPY_TF32 asks for TF32"),
    ("yes", "yes", "refuses every float32 product"),
])
def test_the_environment_is_read_as_cupy_reads_it(cupy, monkeypatch, text, asked, words):
    monkeypatch.delenv(cuda.VARIABLE, raising=False)
    if text is not None:
        monkeypatch.setenv(cuda.VARIABLE, text)
    assert cuda.tf32_asked() == asked
    assert words in "\n".join(device_text.opening(device_check.circumstances()))


# ---- the command ----

def test_the_command_names_the_device_and_states_memory_before_its_table(cupy, few, capsys):
    assert main(["check", "--backend", "cupy"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("device: stand-in (compute capability 9.0), CuPy")
    assert "CUDA 12.9" in lines[0] and "3.0 GiB of 4.0 GiB are free" in lines[1]
    assert "takes about 1" in lines[1] and lines[4] == SMALL and lines[5].startswith("quantity")
    assert "0 failed" in lines[-1]


def test_json_holds_the_same(cupy, few, capsys):
    assert main(["check", "--backend", "cupy", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["passed"] and found["device"]["cuda"] == "12.9" and not found["tf32"]["found"]
    assert found["largest_matrix_bytes"] > 8 * 1210 ** 2
    assert {row["quantity"] for row in found["rows"]} == {"value", "gradient"}


def test_a_row_that_fails_is_exit_status_1(cupy, few, monkeypatch, capsys):
    wrong = {"wrong": lambda o, t: o.value(t) * (1 if library(t) is np else 1 + 1e-9)}
    monkeypatch.setitem(QUANTITIES, "value", type(QUANTITIES["value"])("loss L", wrong))
    assert main(["check", "--backend", "cupy"]) == 1
    assert "FAILED: value" in capsys.readouterr().out


def refused(capsys, *options):
    assert main(["check", "--backend", "cupy", *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    return captured.err


def test_no_cupy_no_device_and_no_memory_are_one_sentence_each(monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "cupy", None)
    assert "pip install '.[cupy12x]'" in refused(capsys)
    with installed() as cupy:
        monkeypatch.setattr(made_up, "memory", [10 ** 6, 10 ** 9])
        assert "has 976.6 KiB free; end what else runs there" in refused(capsys)

        def fails():
            raise cupy.cuda.runtime.CUDARuntimeError("cudaErrorInsufficientDriver: too old")
        cupy.cuda.runtime.getDeviceCount = fails
        assert "see that nvidia-smi lists one" in refused(capsys)
        cupy.cuda.runtime.getDeviceCount = lambda: 0
        assert "it counts 0" in refused(capsys)


@pytest.mark.parametrize("options", [["torch"], ["--plot", "a.png"], ["--workers", "2"]])
def test_what_is_of_the_host_is_refused(cupy, capsys, options):
    assert "leave out PEER, --plot and --workers" in refused(capsys, *options)
