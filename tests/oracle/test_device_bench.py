"""The bench on a GPU, on CuPy's stand-in: tasks, clock, peers, table and JSON."""

import json
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from reference.__main__ import main
from reference.arrays import cuda
from reference.curvature.hessian import hessian
from reference.curvature.operator import room
from reference.oracle import bench_problems as made
from reference.oracle import device_bench, device_command, races, timing
from reference.oracle.peers import on_device
from reference.oracle.peers.parts import Rows
from tests.stand_in.array import ndarray
from tests.stand_in.modules import installed

FREE, WIDTHS = 10 ** 8, (64, 4, 3, 10)
CLOCK = timing.Clock(device_command.mean_seconds, 8e9, device_command.tidy)


@pytest.fixture
def cupy(monkeypatch):
    """The stand-in, small matrices for its rate, one run for a time, and no peers."""
    monkeypatch.setattr(device_command, "large", lambda free: 32)
    monkeypatch.setattr(timing, "LEAST", 0.0)
    monkeypatch.setattr(on_device, "missing", lambda name: f"{name} takes no part.")
    with installed() as stand_in:
        yield stand_in


def chain(peers=(), quantities=races.NAMES):
    return device_bench.chain_tasks(np.random.default_rng(0), peers, quantities, FREE, WIDTHS, 20)


# ---- tasks ----

def test_a_chain_is_raced_on_the_device_with_the_share_of_its_matrices(cupy):
    for each in chain():
        assert isinstance(each.contestants[timing.OURS](), ndarray)
        (first, share), *_ = device_command.timed(
            each, SimpleNamespace(rounds=1, budget=np.inf), CLOCK, 1e9)
        matrix = "Hessian" in each.name or "Gauss-Newton" in each.name
        assert (share is not None) == matrix and first.ratio == 1
        if matrix:
            assert share == each.least / first.seconds / 1e9


def test_the_largest_chain_fits_and_the_next_one_does_not(cupy):
    rng = np.random.default_rng(0)
    first = next(device_bench.largest_tasks(rng, [], races.NAMES, FREE, 20))
    h = int(first.name.split("-")[1])

    def needs(h):
        objective, theta = made.chain_objective(np.random.default_rng(0), (64, h, h, 10), 20)
        return room(hessian(objective.to("cupy"), theta))
    assert needs(h) <= device_bench.SHARE * FREE < needs(h + 8)


def test_the_widest_is_found_between_its_bounds():
    assert device_bench.widest(lambda h: h * h, 100 ** 2, 8) == 96
    assert device_bench.widest(lambda h: h * h, 104 ** 2, 8) == 104
    assert device_bench.widest(lambda h: h, 10, 8) == 8


def test_a_step_of_an_optimiser_is_raced_or_says_why_not(cupy, monkeypatch):
    some = {name: device_bench.OPTIMIZERS[name] for name in ("kbfgs", "levenberg-marquardt")}
    monkeypatch.setattr(device_bench, "OPTIMIZERS", some)
    step, refused = device_bench.step_tasks(np.random.default_rng(0), [], (), FREE, "tiny")
    found = device_command.timed(step, SimpleNamespace(rounds=1, budget=np.inf), CLOCK, 1e9)
    (ours, _), (gradients, _) = found
    assert ours.note == f"{ours.seconds / gradients.seconds:.2f} times two gradients"
    assert "no sum of squares" in refused.note and device_command.timed(
        refused, None, CLOCK, 1e9) == []


def test_without_its_files_the_autoencoder_has_noise_of_their_shape(monkeypatch):
    monkeypatch.delenv("REFERENCE_DATA", raising=False)
    posed, data = device_bench.autoencoder(np.random.default_rng(0), "paper", 3)
    assert data == "noise images" and posed.train.x.shape == (3, 784)
    assert posed.train.net.layout.size == 2837314 and posed.dtype == "float32"


# ---- the clock ----

def test_a_run_lasts_until_the_device_has_done_it(cupy):
    """Work that waits on the device: events come to their turn after it."""
    pending = []

    class Event(cupy.cuda.Event):
        def synchronize(self):
            time.sleep(sum(pending))
            pending.clear()
            self.record()
    cupy.cuda.Event = Event
    assert cuda.seconds(lambda: pending.append(0.01)) >= 0.01
    assert device_command.mean_seconds(lambda: pending.append(0.005), 2) >= 0.005


# ---- peers ----

def planted(monkeypatch, answer):
    """A peer that computes on the device and answers `answer` of what is right."""
    def forms(objective, theta, v):
        right = {name: races.QUANTITIES[name].ours for name in races.QUANTITIES}
        found = {name: {"form": lambda f=f: answer(f(objective, theta, v))}
                 for name, f in right.items()}
        for name in races.MATRICES:
            found[name]["rows"] = Rows(lambda k, f=right[name]: answer(
                f(objective, theta, v))[:k], theta.size, 1)
        return found
    monkeypatch.setattr(races, "load", lambda name: SimpleNamespace(forms=forms))


def test_an_honest_peer_is_timed_and_another_answer_is_refused(cupy, monkeypatch):
    planted(monkeypatch, lambda a: a)
    for each in chain(["planted"]):
        found = timing.race(each.name, each.contestants, 1, clock=CLOCK)
        assert any(one.contestant.startswith("planted") and one.seconds for one in found)
    planted(monkeypatch, lambda a: a * (1 + 1e-7))
    for each in chain(["planted"]):
        with pytest.raises(ValueError, match="planted: form shares only 7.0 digits"):
            timing.race(each.name, each.contestants, 1, clock=CLOCK)


def test_a_peer_without_room_is_left_out_and_the_others_are_timed(cupy, monkeypatch):
    def greedy(answer):
        raise MemoryError("CUDA out of memory")
    planted(monkeypatch, greedy)
    ours, theirs = timing.race("task", next(chain(["planted"], ["gradient"])).contestants, 1,
                               clock=CLOCK)
    assert ours.seconds > 0 and theirs.seconds is None and theirs.note == "left out: out of memory"


def test_of_peers_of_the_largest_only_parts_of_the_rows_are_run(cupy, monkeypatch):
    asked = []
    planted(monkeypatch, lambda a: asked.append(a.shape) or a)
    monkeypatch.setattr(races, "ROWS", 8)
    each, _ = device_bench.largest_tasks(np.random.default_rng(0), ["planted"], races.MATRICES,
                                         3 * 10 ** 6, 20, 1)
    found = timing.race(each.name, each.contestants, 1, each.budget, CLOCK)
    assert [one.contestant for one in found] == [timing.OURS, "planted: rows"]
    assert found[1].note.startswith("extrapolated from 32 of ")


def test_a_peer_that_is_not_there_for_the_device_says_why(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert on_device.missing("torch") == "torch takes no part: it is not installed."
    without = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: False))
    monkeypatch.setitem(sys.modules, "torch", without)
    assert "installed without CUDA" in on_device.missing("torch")
    without.cuda.is_available = lambda: True
    assert on_device.missing("torch") is None
    monkeypatch.setenv("XLA_PYTHON_CLIENT_PREALLOCATE", "true")             # the user's own
    monkeypatch.setitem(sys.modules, "jax", SimpleNamespace(default_backend=lambda: "gpu"))
    assert on_device.missing("jax") is None


@pytest.mark.filterwarnings("ignore")                 # what a framework says of itself on import
@pytest.mark.parametrize("name", on_device.PEERS)
def test_adapters_take_the_device_s_arrays(cupy, monkeypatch, name):
    pytest.importorskip(name)
    if name == "torch":                               # no CUDA here: its tensors stay on the host
        from reference.arrays.transfer import to_host
        from reference.oracle.peers import torch_forms, torch_nets
        for module in (torch_forms, torch_nets):
            monkeypatch.setattr(module, "tensor", lambda a: module.torch.tensor(to_host(a)))
    for each in chain([name], races.VECTORS):
        timing.race(each.name, each.contestants, 1, clock=CLOCK)


# ---- the command ----

@pytest.fixture
def small(monkeypatch):
    monkeypatch.setitem(device_bench.PROBLEMS, "chain", lambda *given: device_bench.chain_tasks(
        *given, widths=WIDTHS, n=20))


BENCH = ["bench", "--backend", "cupy", "--problems", "chain", "--rounds", "1"]


def test_the_command_shows_device_rates_and_shares_and_writes_them(cupy, small, tmp_path, capsys):
    assert main([*BENCH, "--quantities", "gradient,hessian", "--out", str(tmp_path / "new")]) == 0
    text = capsys.readouterr().out
    assert text.startswith("device: stand-in") and "matrix products: float64" in text
    assert "% of a matrix product's rate" in text and "jax takes no part." in text
    written = json.loads((tmp_path / "new" / "bench-cupy.json").read_text())
    assert written["device"]["name"] == "stand-in" and set(written["operations_per_second"]) == {
        "float32", "float64"}
    assert [timing["share"] is None for timing in written["timings"]] == [True, False]


def test_json_is_one_object(cupy, small, capsys):
    assert main([*BENCH, "--quantities", "hvp", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["timings"][0]["ratio"] == 1


def test_a_peer_that_fails_costs_its_task_no_time_of_ours_and_the_exit_status(
        cupy, small, monkeypatch, capsys, tmp_path):
    def fails(answer):
        raise RuntimeError("CUDA error: an illegal address")
    planted(monkeypatch, fails)
    monkeypatch.setattr(device_command, "peers_of", lambda arguments, say: ["planted"])
    assert main([*BENCH, "--quantities", "gradient,hvp", "--out", str(tmp_path)]) == 1
    text = capsys.readouterr().out
    assert text.count("RuntimeError: CUDA error") == 2 and text.count("1.00 x") == 2
    assert len(json.loads((tmp_path / "bench-cupy.json").read_text())["notes"]) == 2


def test_a_problem_that_cannot_be_posed_is_told_and_the_next_one_is_raced(
        cupy, small, monkeypatch, capsys):
    def fails(*given):
        raise MemoryError("no room")
        yield
    monkeypatch.setitem(device_bench.PROBLEMS, "chain196", fails)
    assert main([*BENCH[:3], "--rounds", "1", "--problems", "chain196,chain", "--quantities",
                 "hvp"]) == 1
    text = capsys.readouterr().out
    assert "MemoryError: no room" in text and "1.00 x" in text


def test_what_is_cut_off_leaves_what_was_found(cupy, small, monkeypatch, tmp_path, capsys):
    def cut(*given):
        raise KeyboardInterrupt
        yield
    monkeypatch.setitem(device_bench.PROBLEMS, "steps", cut)
    assert main([*BENCH[:3], "--rounds", "1", "--problems", "chain,steps", "--quantities", "hvp",
                 "--out", str(tmp_path)]) == 130
    assert len(json.loads((tmp_path / "bench-cupy.json").read_text())["timings"]) == 1


@pytest.mark.gpu
def test_a_chain_is_raced_on_a_real_device(monkeypatch, capsys, small):
    try:
        cuda.device()
    except cuda.NoDevice as error:
        pytest.skip(str(error))
    assert main([*BENCH, "--peers", "none"]) == 0
    assert "% of a matrix product's rate" in capsys.readouterr().out


@pytest.mark.parametrize("options, words", [
    (["--backend", "cupy", "--problems", "kbfgs"], "has no problem 'kbfgs'; choose among chain"),
    (["--problems", "steps"], "--backend numpy has no problem 'steps'"),
    (["--backend", "cupy", "--threads", "1"], "--threads and --scaling are of the processor"),
    (["--backend", "cupy", "--scaling"], "--threads and --scaling are of the processor"),
])
def test_what_the_backend_has_not_is_refused(options, words, capsys):
    assert main(["bench", *options]) == 2
    assert words in capsys.readouterr().err


def test_without_a_device_the_command_says_so(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert main(["bench", "--backend", "cupy"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
