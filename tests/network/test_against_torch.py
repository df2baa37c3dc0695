"""Constructor arguments one by one, against PyTorch itself: skipped where it is not installed.

Each layer stands between Linear and a sine, so that its own input cotangent and its second
derivative count.  (After a tanh that saturates, PyTorch's slope 1 - tanh^2 has no digits.)  What
PyTorch refuses must be refused here, and nothing else.
"""

from itertools import product

import numpy as np
import pytest

import reference as ref
from reference.network.elementwise import Elementwise
from tests.network.record_pytorch import derivatives

torch = pytest.importorskip("torch")
from torch import nn                                                             # noqa: E402
from torch.nn.attention import SDPBackend, sdpa_kernel                           # noqa: E402
from tests.network import pytorch_modules as theirs                              # noqa: E402

CLOSE = 1e-12
REFUSALS = ValueError, TypeError, RuntimeError, AssertionError, NotImplementedError
N = 3


class Sine(nn.Module):
    """sin x."""

    def forward(self, x):
        return torch.sin(x)


def grid(**options):
    """Every combination."""
    return [dict(zip(options, values)) for values in product(*options.values())]


def build(make, options):
    """Our layer and PyTorch's module; None for the side that refuses these options."""
    sides = []
    for kind in ("layer", "module"):
        try:
            sides.append(make(kind == "layer", options))
        except REFUSALS:
            sides.append(None)
    return sides


def torch_runs(module, x):
    """Whether PyTorch answers x by finite numbers: the maximum of nothing is -inf."""
    try:
        with sdpa_kernel(SDPBackend.MATH):
            y = module(torch.tensor(x))
        return y.numel() > 0 and bool(y.isfinite().all())
    except REFUSALS:
        return False


def layer_runs(layer, shape):
    """Whether our layer takes examples of a shape."""
    try:
        return layer.output_shape(tuple(shape)) is not None
    except ValueError:
        return False


def differing(layer, module, x, rng):
    """Which of output, gradient and H v of |sin(layer(linear(x))) - y|^2/2N are not PyTorch's."""
    floats = x.dtype.kind == "f"
    front = [x.shape[-1]] * 2
    net = ref.Sequential(*[ref.Dense(*front)] * floats, layer, ref.Sine())
    twin = nn.Sequential(*[nn.Linear(*front)] * floats, module, Sine()).double()
    theta, v = rng.standard_normal((2, net.layout.size)) * 0.6
    if getattr(layer, "padding_idx", None) is not None:
        theta[net.entries()["0.weight"][layer.padding_idx]] = 0
    buffers = dict(twin.named_buffers())
    named = {key: torch.tensor(a) for key, a in net.named(theta).items()}
    twin.load_state_dict({**named, **buffers}, strict=True)
    with sdpa_kernel(SDPBackend.MATH):
        z = twin(torch.tensor(x))
        y = rng.standard_normal(z.shape)
        loss = ((z - torch.tensor(y)) ** 2).sum() / 2 / len(x)
        truths = derivatives(twin, loss, {k: torch.tensor(a) for k, a in net.named(v).items()})
    objective = ref.Objective(net, ref.SquaredError(), x, y)
    mine = objective.outputs(theta), ref.gradient(objective, theta), ref.hvp(objective, theta, v)
    expected = [z] + [net.from_named({key: a.detach().numpy() for key, a in each.items()})
                      for each in truths]
    return [what for what, a, b in zip(("output", "gradient", "H v"), mine, expected)
            if not near(a, b)]


def near(a, b):
    """max |a - b| <= CLOSE max |b|."""
    b = b.detach().numpy() if torch.is_tensor(b) else b
    return a.shape == b.shape and np.abs(a - b).max() <= CLOSE * np.abs(b).max()


def disagreements(make, options, shapes, least=1):
    """[(options, shape, what)]; at least so many must have been compared."""
    rng, found, compared = np.random.default_rng(0), [], 0
    for each, shape in product(options, shapes):
        layer, module = build(make, each)
        x = shape if isinstance(shape, np.ndarray) else rng.standard_normal((N, *shape))
        ours = layer is not None and layer_runs(layer, x.shape[1:])
        torchs = module is not None and torch_runs(module.double(), x)
        if ours != torchs:
            found.append((each, x.shape, "accepted here alone" if ours else "refused here alone"))
        elif ours:
            compared += 1
            found += [(each, x.shape, what) for what in differing(layer, module, x, rng)]
    assert compared >= least, f"only {compared} of {len(options) * len(shapes)} were compared"
    return found


def pair(ours, torchs, *sizes):
    """make for constructors with the same names of options."""
    return lambda here, options: (ours if here else torchs)(*sizes, **options)


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
    def make(here, options):
        options = dict(options)
        sizes = options.pop("groups"), 6
        own = {"spatial": spatial} if here else {}
        return (ref.GroupNorm if here else nn.GroupNorm)(*sizes, **own, **options)
    groups = [1, 2, 4] if spatial == 0 else [1, 2, 3, 4, 6]      # of two numbers: below
    options = grid(groups=groups, eps=EPS, affine=[True, False], bias=[True, False])
    assert disagreements(make, options, [(6, *space)], 8) == []


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


# ---- embeddings and attention ----

WORDS = [np.array([[0, 3, 1], [4, 4, 2], [1, 1, 1]]), np.array([2, 0, 1, 2])]


def test_embedding():
    make = pair(ref.Embedding, nn.Embedding, 5, 4)
    assert disagreements(make, grid(padding_idx=[None, 0, 1, 4, 5]), WORDS, 8) == []


MASKS = {None: None, "padded": np.array([[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]], bool),
         "holes": np.array([[0, 1, 0, 1], [1, 0, 1, 1], [0, 0, 0, 1]], bool)}


def test_multi_head_attention():
    def make(here, options):
        own = {**options, "mask": MASKS[options["mask"]]}
        return (ref.MultiHeadAttention if here else theirs.SelfAttention)(6, **own)
    options = grid(heads=[1, 2, 3, 4, 6], bias=[True, False], causal=[True, False],
                   mask=[None, "padded"])
    options += grid(heads=[2], mask=["holes"])
    assert disagreements(make, options, [(4, 6)], 33) == []


class Whole(nn.TransformerEncoder):
    """With its masks."""

    causal, mask = False, None

    def forward(self, x):
        keys, pairs = theirs.hidden(self.causal, self.mask, x.shape[1])
        return super().forward(x, mask=pairs, src_key_padding_mask=keys)


def translated(options):
    """PyTorch's names."""
    names = {"eps": "layer_norm_eps"}
    own = {names.get(key, key): value for key, value in options.items()}
    own["activation"] = options.get("activation", "ReLU").lower()
    return own


ENCODER = grid(activation=["ReLU", "GELU"], norm_first=[False, True], bias=[True, False],
               causal=[False, True], mask=[None, "padded"], eps=EPS)


def test_transformer_encoder_layer():
    def make(here, options):
        own = {**options, "mask": MASKS[options["mask"]]}
        return (ref.TransformerEncoderLayer(6, 3, 5, **own) if here else
                theirs.encoder(6, 3, 5, **translated(own)))
    assert disagreements(make, ENCODER, [(4, 6)], 64) == []


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("layers", [1, 3])
def test_transformer_encoder(layers, norm):
    def make(here, options):
        own = {**options, "mask": MASKS[options["mask"]]}
        if here:
            return ref.TransformerEncoder(6, 3, 5, layers, norm, **own)
        causal, mask = own.pop("causal"), own.pop("mask")
        last = nn.LayerNorm(6, own["eps"], bias=own["bias"]) if norm else None
        whole = Whole(theirs.encoder_layer(6, 3, 5, **translated(own)), layers, last,
                      enable_nested_tensor=False)
        whole.causal, whole.mask = causal, mask
        return whole
    assert disagreements(make, ENCODER[::5], [(4, 6)], 12) == []


# ---- recurrent layers ----

def recurrent(ours, torchs, states):
    def make(here, options):
        rng, own = np.random.default_rng(1), dict(options)
        rows = own["layers"] * (1 + own["bidirectional"])
        count = own.pop("initial")
        given = tuple(rng.standard_normal((rows, count or 1, 2)) for _ in range(states))
        start = None if not count else given if states > 1 else given[0]
        own["mask"] = MASKS[own["mask"]]
        if here:
            return ours(3, 2, initial=start, **own)
        return torchs(3, 2, state=start, num_layers=own.pop("layers"), **own)
    return make


STACKS = dict(layers=[1, 2, 3], bidirectional=[False, True], bias=[True, False],
              last=[False, True], initial=[None, 1, N], mask=[None, "padded", "holes"])


@pytest.mark.parametrize("ours, torchs, states, options", [
    (ref.RNN, theirs.RNN, 1, dict(nonlinearity=["tanh", "relu"])),
    (ref.LSTM, theirs.LSTM, 2, {}), (ref.GRU, theirs.GRU, 1, {})], ids=["RNN", "LSTM", "GRU"])
def test_recurrent_layers(ours, torchs, states, options):
    make = recurrent(ours, torchs, states)
    options = grid(**STACKS, **options)
    assert disagreements(make, options, [(4, 3)], len(options)) == []


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
