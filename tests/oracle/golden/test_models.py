"""Every layer and loss goes into a manifest and comes back, and nothing else comes out of one."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

import reference as ref
from reference.network import losses
from reference.oracle.golden.models import decode, decode_loss, encode, encode_loss
from reference.problems.layers import LAYERS


@pytest.mark.parametrize("name", LAYERS)
def test_a_network_comes_back_as_it_was_through_text(name):
    net = LAYERS[name](np.random.default_rng(0))[0].net
    back = decode(json.loads(json.dumps(encode(net), allow_nan=False)))
    assert back == net and repr(back) == repr(net)


@pytest.mark.parametrize("loss", [
    ref.CrossEntropy(), ref.CrossEntropy([1.0, 0.5], 0.1, -1), ref.BinaryCrossEntropy(),
    ref.SquaredError(), ref.Huber(0.7), ref.Poisson(), ref.Gaussian()], ids=repr)
def test_a_loss_comes_back_as_it_was_through_text(loss):
    assert decode_loss(json.loads(json.dumps(encode_loss(loss)))) == loss
    assert loss.name in losses.LOSSES


@dataclass(frozen=True)
class Foreign(ref.Layer):
    """A layer that no reader of a pack could make."""


def test_a_foreign_layer_is_not_written():
    with pytest.raises(TypeError, match=r"Foreign\(\) cannot be written into a pack"):
        encode(ref.Sequential(ref.Dense(2, 1), Foreign()))


@pytest.mark.parametrize("code", [
    None, [], "Dense", {"type": 3}, {"type": "Sequential"}, {"type": "Dense", "inputs": 2},
    {"type": "Dense", "inputs": -1, "outputs": 2, "bias": True}, {"type": "eval", "code": "1"},
    {"type": "Dense", "inputs": {"array": [1], "dtype": "object"}, "outputs": 1},
    {"type": "Dense", "inputs": {"evil": 1}, "outputs": 1}, {"type": "LeakyReLU"},
    {"type": "Sequential", "layers": 3}, {"type": "Tied", "name": "W"}], ids=str)
def test_what_is_no_layer_is_refused(code):
    with pytest.raises(ValueError):
        decode(code)


@pytest.mark.parametrize("code", [None, {"type": "Layer"}, {"type": "Huber", "epsilon": 1.0},
                                  {"type": "Huber", "delta": -1.0}], ids=str)
def test_what_is_no_loss_is_refused(code):
    with pytest.raises(ValueError):
        decode_loss(code)
