"""Constructor arguments one by one, against PyTorch itself: skipped where it is not installed.

What PyTorch refuses must be refused here, and nothing else.
"""

import numpy as np
import pytest

import reference as ref
from reference.network.elementwise import Elementwise

torch = pytest.importorskip("torch")
from torch import nn                                                             # noqa: E402
from tests.network.against_torch import N, disagreements, grid, pair             # noqa: E402

# ---- dense, convolutions ----

def test_linear():
    make = pair(ref.Dense, nn.Linear, 4, 3)
    assert disagreements(make, grid(bias=[True, False]), [(4,), (2, 4), (2, 3, 4)], 6) == []


CONV = dict(stride=[1, 2], padding=[0, 1, 3, "same", "valid"], dilation=[1, 2], groups=[1, 2, 3],
            bias=[True, False])


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
def test_conv1d(kernel):
    make = pair(ref.Conv1d, nn.Conv1d, 4, 6)
    assert disagreements(make, grid(kernel_size=[kernel], **CONV), [(4, 7), (4, 2)], 40) == []


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("kernel", [1, (2, 3), (3, 2)])
def test_conv2d(kernel):
    make = pair(ref.Conv2d, nn.Conv2d, 4, 6)
    options = grid(kernel_size=[kernel], stride=[1, (2, 3)], dilation=[1, (2, 1)],
                   padding=[0, (1, 2), "same", "valid"], groups=[1, 2, 4], bias=[True, False])
    assert disagreements(make, options, [(4, 5, 6)], 40) == []


TRANSPOSED = dict(stride=[1, 2, 3], padding=[0, 1, 2], output_padding=[0, 1, 2], groups=[1, 2],
                  bias=[True, False], dilation=[1, 2])


@pytest.mark.parametrize("kernel", [1, 2, 3])
def test_conv_transpose1d(kernel):
    make = pair(ref.ConvTranspose1d, nn.ConvTranspose1d, 4, 6)
    options = grid(kernel_size=[kernel], **TRANSPOSED)
    assert disagreements(make, options, [(4, 5), (4, 1)], 40) == []


@pytest.mark.parametrize("kernel", [(1, 2), (3, 2)])
def test_conv_transpose2d(kernel):
    make = pair(ref.ConvTranspose2d, nn.ConvTranspose2d, 4, 2)
    options = grid(kernel_size=[kernel], stride=[1, (2, 3)], padding=[0, (1, 0)],
                   output_padding=[0, (0, 1), (1, 2)], groups=[1, 2], bias=[True, False],
                   dilation=[1, (1, 3)])
    assert disagreements(make, options, [(4, 3, 4)], 20) == []


# ---- pooling, padding ----

POOL = dict(stride=[None, 1, 2, 3], padding=[0, 1, 2], ceil_mode=[False, True])


@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
def test_avg_pool1d(kernel):
    make = pair(ref.AvgPool1d, nn.AvgPool1d)
    options = grid(kernel_size=[kernel], count_include_pad=[True, False], **POOL)
    assert disagreements(make, options, [(2, 7), (2, 4), (2, 1)], 12) == []


@pytest.mark.parametrize("kernel", [2, (3, 1), (2, 5)])
def test_avg_pool2d(kernel):
    make = pair(ref.AvgPool2d, nn.AvgPool2d)
    options = grid(kernel_size=[kernel], count_include_pad=[True, False],
                   **{**POOL, "stride": [None, (2, 3), (4, 1)], "padding": [0, 1, (1, 0)]})
    assert disagreements(make, options, [(2, 5, 6), (1, 3, 4)], 12) == []


@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
def test_max_pool1d(kernel):
    make = pair(ref.MaxPool1d, nn.MaxPool1d)
    options = grid(kernel_size=[kernel], dilation=[1, 2, 3], **POOL)
    assert disagreements(make, options, [(2, 9), (2, 4), (2, 1)], 12) == []


@pytest.mark.parametrize("kernel", [2, (3, 1), (2, 5)])
def test_max_pool2d(kernel):
    make = pair(ref.MaxPool2d, nn.MaxPool2d)
    options = grid(kernel_size=[kernel], dilation=[1, (2, 1)],
                   **{**POOL, "stride": [None, (2, 3), (4, 1)], "padding": [0, 1, (1, 0)]})
    assert disagreements(make, options, [(2, 5, 6), (1, 3, 4)], 12) == []


def test_adaptive_average_pooling():
    one = pair(ref.AdaptiveAvgPool1d, nn.AdaptiveAvgPool1d)
    options = grid(output_size=[1, 2, 3, 4, 5, 7])
    assert disagreements(one, options, [(2, L) for L in (1, 2, 5, 6, 7)], 30) == []
    two = pair(ref.AdaptiveAvgPool2d, nn.AdaptiveAvgPool2d)
    options = grid(output_size=[1, 2, (3, 2), (None, 3), (7, None), (5, 4)])
    assert disagreements(two, options, [(2, 5, 4), (1, 3, 7)], 12) == []


def test_zero_padding():
    one = pair(ref.ZeroPad1d, nn.ZeroPad1d)
    assert disagreements(one, grid(padding=[0, 2, (1, 3), (-1, 2), (2, -3), (-2, -2), -1]),
                         [(2, 5), (2, 4)], 12) == []
    two = pair(ref.ZeroPad2d, nn.ZeroPad2d)
    assert disagreements(two, grid(padding=[0, 2, (1, 3, 0, 2), (-1, 2, 1, -2), -1]),
                         [(2, 5, 4)], 5) == []


def test_flatten():
    make = pair(ref.Flatten, nn.Flatten)
    assert disagreements(make, grid(start_dim=[-1, -2, -3]), [(2, 3, 4)], 3) == []


# ---- normalisation ----

EPS = [1e-5, 0.1]


def affine(ours, torchs):
    """make where we say affine and PyTorch elementwise_affine."""
    def make(here, options):
        if not here:
            options = {"elementwise_affine" if k == "affine" else k: a for k, a in options.items()}
        return (ours if here else torchs)(**options)
    return make


@pytest.mark.parametrize("features, shapes", [(5, [(5,), (2, 5), (2, 3, 5)]),
                                              ((3, 5), [(3, 5), (2, 3, 5), (5, 3)])], ids=str)
def test_layer_and_rms_norm(features, shapes):
    def layer_norm(here, options):
        own = {**options, "features" if here else "normalized_shape": features}
        return affine(ref.LayerNorm, nn.LayerNorm)(here, own)

    def rms_norm(here, options):
        own = {**options, "features" if here else "normalized_shape": features}
        return affine(ref.RMSNorm, nn.RMSNorm)(here, own)

    switches = dict(affine=[True, False])
    assert disagreements(layer_norm, grid(eps=EPS, bias=[True, False], **switches), shapes,
                         16) == []
    assert disagreements(rms_norm, grid(eps=[None, *EPS], **switches), shapes, 12) == []


@pytest.mark.parametrize("spatial, space", [(0, ()), (1, (5,)), (2, (2, 3)), (3, (2, 1, 3))])
def test_group_norm(spatial, space):
    groups = [1, 2, 4] if spatial == 0 else [1, 2, 3, 4, 6]
    options = grid(groups=groups, eps=EPS, affine=[True, False], bias=[True, False])
    assert disagreements(in_groups(spatial), options, [(6, *space)], 8) == []


def in_groups(spatial):
    """make for GroupNorm of 6 channels."""
    def make(here, options):
        options = dict(options)
        sizes = options.pop("groups"), 6
        own = {"spatial": spatial} if here else {}
        return (ref.GroupNorm if here else nn.GroupNorm)(*sizes, **own, **options)
    return make


def test_group_norm_of_two_numbers():
    """Which are +-1 whatever they were: eps/v = 1e-5 of the terms of dx is all that is left."""
    options = grid(groups=[3], eps=EPS, affine=[True, False], bias=[True, False])
    assert disagreements(in_groups(0), options, [(6,)], 8, bound=1e-10) == []


@pytest.mark.parametrize("spatial, space", [(1, (5,)), (2, (2, 3)), (3, (2, 1, 3))])
def test_instance_norm(spatial, space):
    kind = {1: nn.InstanceNorm1d, 2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}[spatial]

    def make(here, options):
        return ref.InstanceNorm(4, spatial=spatial, **options) if here else kind(4, **options)
    options = grid(eps=EPS, affine=[True, False], bias=[True, False]) + [{}]
    assert disagreements(make, options, [(4, *space)], 9) == []


BATCH = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


@pytest.mark.parametrize("spatial, space", [(0, ()), (1, (5,)), (2, (2, 3)), (3, (2, 1, 3))])
def test_batch_norm(spatial, space):
    mean, variance = np.linspace(-1, 1, 4), np.linspace(0.2, 2, 4)

    def make(here, options):
        options = dict(options)
        running = options.pop("running")
        if here:
            own = dict(mean=mean, variance=variance) if running == "used" else {}
            return ref.BatchNorm(4, spatial=spatial, **own, **options)
        module = BATCH[spatial](4, track_running_stats=running != "none", **options).double()
        if running != "none":
            module.running_mean.data = torch.tensor(mean)
            module.running_var.data = torch.tensor(variance)
        return module.eval() if running == "used" else module.train()
    options = grid(running=["used", "kept", "none"], eps=EPS, affine=[True, False],
                   bias=[True, False])
    assert disagreements(make, options, [(4, *space)], 24) == []


def test_dropout_with_the_mask_that_pytorch_draws():
    class Seeded(nn.Dropout):
        def forward(self, x):
            torch.manual_seed(5)
            return super().forward(x)

    def make(here, options):
        drop = Seeded(**options)
        mask = (drop(torch.ones(N, 2, 4, dtype=torch.float64)) != 0).numpy()
        return ref.Dropout(mask, **options) if here else drop
    assert disagreements(make, grid(p=[0.0, 0.3, 0.5, 0.9]), [(2, 4)], 4) == []


# ---- activations ----

ACTIVATIONS = {
    "Identity": nn.Identity, "Tanh": nn.Tanh, "Sigmoid": nn.Sigmoid, "Softplus": nn.Softplus,
    "ReLU": nn.ReLU, "LeakyReLU": nn.LeakyReLU, "ELU": nn.ELU, "SELU": nn.SELU, "GELU": nn.GELU,
    "GELUTanh": lambda: nn.GELU(approximate="tanh"), "SiLU": nn.SiLU, "Mish": nn.Mish,
    "HardTanh": nn.Hardtanh, "Softsign": nn.Softsign,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    def make(here, options):
        return Elementwise(name, tuple(options.values())) if here else ACTIVATIONS[name](**options)
    options = {"LeakyReLU": grid(negative_slope=[0.01, 0.3]), "ELU": grid(alpha=[1.0, 0.4])}
    assert disagreements(make, options.get(name, [{}]), [(2, 7), (3, 11)], 2) == []


# ---- the comparison can fail ----

def test_planted_differences_are_seen():
    def other_eps(here, options):
        return ref.LayerNorm(5, 1e-5) if here else nn.LayerNorm(5, 1.001e-5)

    def other_sizes(here, options):
        return (ref.Dense if here else nn.Linear)(3 + here, 2)

    def taken_alone(here, options):
        return ref.AdaptiveAvgPool1d(None) if here else nn.AdaptiveAvgPool1d(None)

    assert [what for *_, what in disagreements(other_eps, [{}], [(5,)])] == [
        "output", "gradient", "H v"]
    for make, shapes, alone in ((taken_alone, [(2, 3), (2, 4)], "accepted here alone"),
                                (other_sizes, [(3,), (3, 3)], "refused here alone")):
        found = disagreements(make, [{}], shapes, 0)
        assert [what for *_, what in found] == [alone] * 2
    with pytest.raises(AssertionError, match="only 0 of 1"):
        disagreements(other_sizes, [{}], [(5,)])


def test_where_we_mean_to_differ():
    """What the docstrings say: no maximum of nothing, no numbers from the end, None in 1d too."""
    x = np.ones((1, 1, 1))
    assert nn.MaxPool1d(2, 1, 1, 2)(torch.tensor(x)).isinf().all()
    with pytest.raises(ValueError, match="nothing but padding"):
        ref.MaxPool1d(2, 1, 1, 2).forward(None, x)
    assert nn.Embedding(5, 4, padding_idx=-1).padding_idx == 4
    with pytest.raises(ValueError, match="padding_idx"):
        ref.Embedding(5, 4, padding_idx=-1)
    assert ref.AdaptiveAvgPool1d(None).output_shape((2, 3)) == (2, 3)
    tail = np.array([[20.5, 25.0]])                     # where PyTorch takes Softplus for x
    gap = ref.Softplus().forward(None, tail) - nn.Softplus()(torch.tensor(tail)).numpy()
    assert np.allclose(gap, np.log1p(np.exp(-tail)), rtol=1e-4, atol=0)
