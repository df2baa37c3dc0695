"""PyTorch's definitions: its recorded outputs, losses, gradients and H v, for every layer it has.

record_pytorch.py makes the record; here nothing needs PyTorch.
"""

from dataclasses import replace

import numpy as np
import pytest

import reference as ref
from reference.network.affine import Dense
from reference.network.compose import Sequential
from reference.network.normalise import LayerNorm
from reference.network.recurrent import GRU, LSTM
from reference.oracle import recorded
from reference.oracle.layer_table import problem
from reference.problems.layers import LAYERS
from tests.network.record_pytorch import NOT_IN_PYTORCH, point

CLOSE = 1e-12                          # some thousand roundings, of theirs and of ours
AGAIN = "record it again: python -m tests.network.record_pytorch, which needs torch"
RECORDED = [name for name in LAYERS if name not in NOT_IN_PYTORCH]
each_case = pytest.mark.parametrize("case", RECORDED)


def test_every_layer_is_recorded_or_has_a_reason_not_to_be():
    with np.load(recorded.RECORD, allow_pickle=False) as file:
        held = {key.partition("|")[0] for key in file} - {"version"}
        assert file["version"].shape == (3,) and file["version"][0] >= 2
    assert held == set(RECORDED), AGAIN
    assert NOT_IN_PYTORCH.keys() <= LAYERS.keys() and all(NOT_IN_PYTORCH.values())


def test_the_record_is_small():
    assert recorded.RECORD.stat().st_size < 400_000


@each_case
def test_the_record_is_of_this_problem(case):
    """A problem that has changed since is another one."""
    record = recorded.record_of(case)
    objective, *given = point(case)
    _, *held = record.at(objective)
    assert np.array_equal(record.x, objective.x), AGAIN
    assert all(map(np.array_equal, held, given)), AGAIN


@each_case
def test_names_and_shapes_are_those_of_pytorchs_state_dict(case):
    objective, theta = problem(case)
    own, record = objective.net.named(theta), recorded.record_of(case)
    shapes = {name: array.shape for name, array in own.items()}
    assert shapes == {name: array.shape for name, array in record.theta.items()}


# ---- numbers ----

def near(a, b):
    """max |a - b| <= CLOSE max |b|."""
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and np.abs(a - b).max() <= CLOSE * np.abs(b).max()


def all_near(mine, theirs):
    """The same for named arrays, by the largest entry of all."""
    largest = max(np.abs(a).max() for a in theirs.values())
    return mine.keys() == theirs.keys() and all(
        np.abs(mine[name] - a).max() <= CLOSE * largest for name, a in theirs.items())


def differing(record, objective):
    """Which of PyTorch's answers are not ours."""
    objective, theta, v = record.at(objective)
    named = objective.net.named
    return [what for what, agrees in {
        "output": near(objective.outputs(theta), record.output),
        "loss": near(objective.value(theta), record.loss),
        "gradient": all_near(named(ref.gradient(objective, theta)), record.gradient),
        "H v": all_near(named(ref.hvp(objective, theta, v)), record.Hv)}.items() if not agrees]


@each_case
def test_outputs_loss_gradient_and_hessian_vector_product_are_pytorchs(case):
    record = recorded.record_of(case)
    assert differing(record, problem(case)[0]) == []
    assert max(np.abs(a).max() for a in record.Hv.values()) > 1e-3


# ---- faults that must be seen ----

ALL = ["output", "loss", "gradient", "H v"]


def with_theta(record, name, change):
    """The record as if PyTorch had been given another parameter."""
    return replace(record, theta={**record.theta, name: change(record.theta[name])})


def with_layer(objective, index, layer):
    """The objective with another layer."""
    layers = list(objective.net.layers)
    layers[index] = layer
    return replace(objective, net=Sequential(*layers))


@pytest.mark.parametrize("case, name, gates", [
    ("LSTM", "0.weight_ih_l0", [1, 0, 2, 3]), ("LSTM", "0.weight_hh_l0", [0, 1, 3, 2]),
    ("LSTM", "0.bias_hh_l0", [0, 2, 1, 3]), ("GRU", "0.weight_hh_l0", [1, 0, 2]),
    ("GRU", "0.bias_hh_l0", [0, 2, 1])])
def test_gates_in_another_order_are_seen(case, name, gates):
    def swapped(a):
        return a.reshape(len(gates), 2, *a.shape[1:])[gates].reshape(a.shape)
    record = with_theta(recorded.record_of(case), name, swapped)
    assert differing(record, problem(case)[0]) == ALL


def test_the_bias_that_is_inside_or_outside_of_the_reset_gate_is_seen():
    record = recorded.record_of("GRU")
    objective, theta, v = record.at(problem("GRU")[0])
    inside, outside = record.theta["0.bias_hh_l0"], record.theta["0.bias_ih_l0"]
    swapped = {**record.theta, "0.bias_hh_l0": outside, "0.bias_ih_l0": inside}
    assert differing(replace(record, theta=swapped), objective) == ALL


@pytest.mark.parametrize("case, name", [
    ("Tied", "1.weight"), ("MultiHeadAttention", "0.out_proj.weight"),
    ("Embedding, tied to the output", "2.weight"), ("Conv2d, dilated", "0.weight"),
    ("Conv2d twice", "3.weight")])
def test_a_transposed_weight_is_seen(case, name):
    record = recorded.record_of(case)
    names = [name, "3.weight"] if case == "Tied" else [name]
    for each in names:
        record = with_theta(record, each, lambda a: a.swapaxes(-1, -2))
    assert differing(record, problem(case)[0]) == ALL


def test_another_eps_is_seen():
    objective = problem("LayerNorm")[0]
    assert differing(recorded.record_of("LayerNorm"), objective) == []
    other = with_layer(objective, 1, LayerNorm(5, 1.0001e-5))
    assert differing(recorded.record_of("LayerNorm"), other) == ALL


def test_the_reset_gate_before_the_product_is_seen():
    record = recorded.record_of("GRU")
    other = with_layer(problem("GRU")[0], 0, GRU(3, 2, reset="before"))
    assert differing(record, other) == ALL


def test_a_mask_that_is_forgotten_is_seen():
    case = "LSTM, both directions, masked, from a state"
    objective = problem(case)[0]
    own = objective.net.layers[0]
    other = with_layer(objective, 0, LSTM(3, 2, bidirectional=True, initial=own.initial))
    assert differing(recorded.record_of(case), other) == ALL


def test_a_wrong_gradient_alone_is_seen():
    record = recorded.record_of("Dense")
    for what, field in (("gradient", record.gradient), ("H v", record.Hv)):
        scaled = {name: a * (1 + 1e-11) for name, a in field.items()}
        planted = replace(record, **{"gradient" if what == "gradient" else "Hv": scaled})
        assert differing(planted, problem("Dense")[0]) == [what]


def test_names_of_another_network_are_refused():
    record, objective = recorded.record_of("Dense"), problem("Dense")[0]
    with pytest.raises(ValueError, match="unknown names"):
        record.at(with_layer(objective, 0, Dense(4, 3, bias=False)))
