"""Modules of PyTorch become networks with the same outputs, or are refused by name."""

import numpy as np
import pytest

import reference as ref

CLOSE = 1e-12                          # some thousand roundings, of theirs and of ours


class Parameter:
    """What from_torch asks of one."""

    def __init__(self, array):
        self.array = array

    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        return self.array


class Fake:
    """A module: its attributes, parameters and children."""

    training = False

    def __init__(self, _parameters=(), _modules=(), **attributes):
        self._parameters, self._modules = dict(_parameters), dict(_modules)
        self.__dict__.update(self._parameters, **attributes)

    def named_parameters(self, recurse=True, remove_duplicate=True):
        yield from self._parameters.items()
        for name, child in self._modules.items() if recurse else ():
            for inner, p in child.named_parameters():
                yield f"{name}.{inner}", p

    def parameters(self):
        return [p for _, p in self.named_parameters()]

    def named_modules(self, remove_duplicate=True):
        yield "", self
        yield from self._modules.items()


def fake(kind, *given, **attributes):
    return type(kind, (Fake,), {})(*given, **attributes)


def linear(rng, inputs, outputs, **shared):
    named = {"weight": Parameter(rng.standard_normal((outputs, inputs))),
             "bias": Parameter(rng.standard_normal(outputs)), **shared}
    return fake("Linear", named, in_features=inputs, out_features=outputs)


def test_a_module_need_not_be_pytorchs():
    rng = np.random.default_rng(0)
    layers = linear(rng, 3, 5), fake("Tanh"), linear(rng, 5, 2)
    net, theta = ref.from_torch(fake("Sequential", (), enumerate_names(layers)))
    x = rng.standard_normal((7, 3))
    W, b, V, c = (p.array for layer in layers[::2] for p in layer.parameters())
    expected = np.tanh(x @ W.T + b) @ V.T + c
    assert np.abs(net.forward(theta, x)[-1] - expected).max() <= CLOSE


def enumerate_names(layers):
    return {str(i): layer for i, layer in enumerate(layers)}


def test_shared_parameters_are_tied_and_half_shared_ones_refused():
    rng = np.random.default_rng(0)
    first = linear(rng, 3, 3)
    twice = linear(rng, 3, 3, **first._parameters)
    half = linear(rng, 3, 3, weight=first.weight)
    net, theta = ref.from_torch(fake("Sequential", (), enumerate_names((first, twice))))
    assert theta.size == 12 and net.layout.size == 12
    with pytest.raises(ValueError, match="shares its weight without its bias"):
        ref.from_torch(fake("Sequential", (), enumerate_names((first, half))))


@pytest.mark.parametrize("module, words", [
    (fake("Bilinear"), "Bilinear has no counterpart; from_torch knows Sequential, Linear"),
    (fake("Softplus", beta=2.0), "beta=2.0 is not here; beta=1.0 is"),
    (fake("Flatten", start_dim=1, end_dim=-1), "pass shape="),
    (fake("Flatten", start_dim=0, end_dim=-1), "pass shape="),
    (fake("Dropout", training=True, p=0.5), "call module.eval()"),
    (fake("Tanh"), "has no parameters")], ids=lambda a: getattr(a, "__class__", a).__name__)
def test_what_is_not_here_is_refused_by_name(module, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(").replace(")", r"\)")):
        ref.from_torch(module)


# ---- PyTorch itself ----

def cases():
    torch = pytest.importorskip("torch")
    nn = torch.nn
    shared, emb = nn.Linear(4, 4), nn.Embedding(7, 4)
    out = nn.Linear(4, 7, bias=False)
    out.weight = emb.weight
    images = nn.Sequential(nn.Conv2d(1, 2, (2, 3), padding=1), nn.BatchNorm2d(2), nn.ReLU(),
                           nn.Dropout(0.3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(24, 3))
    return {
        "nested": (nn.Sequential(nn.Linear(4, 5), nn.Sequential(nn.GELU("tanh"), nn.LayerNorm(5)),
                                 nn.Identity(), nn.Linear(5, 3, bias=False)).eval(), (4,), None),
        "images": (images.eval(), (1, 5, 8), None),
        "batch statistics": (nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)), (4,), (4,)),
        "sequences": (nn.Sequential(nn.Conv1d(2, 4, 3, dilation=2), nn.GroupNorm(2, 4), nn.ELU(0.7),
                                    nn.ConvTranspose1d(4, 3, 2, stride=2), nn.AvgPool1d(2)),
                      (2, 9), None),
        "tied": (nn.Sequential(shared, nn.Tanh(), shared), (4,), None),
        "words": (nn.Sequential(emb, nn.LeakyReLU(0.2), out), "words", None),
        "RNN": (nn.RNN(4, 3, 2, batch_first=True, nonlinearity="relu"), (5, 4), None),
        "LSTM": (nn.LSTM(4, 3, batch_first=True, bidirectional=True), (5, 4), None),
        "GRU": (nn.GRU(4, 3, batch_first=True, bias=False), (5, 4), None),
        "attention": (nn.MultiheadAttention(4, 2, batch_first=True), (5, 4), None),
        "encoder": (nn.TransformerEncoder(nn.TransformerEncoderLayer(
            4, 2, 3, activation="gelu", batch_first=True, norm_first=True), 2, nn.LayerNorm(4),
            enable_nested_tensor=False).eval(), (5, 4), None),
        "flattened": (nn.Sequential(nn.Flatten(), nn.Linear(6, 2)), (2, 3), (2, 3)),
    }


NAMES = ("nested", "images", "batch statistics", "sequences", "tied", "words", "RNN", "LSTM",
         "GRU", "attention", "encoder", "flattened")


@pytest.mark.filterwarnings("ignore")                 # theirs
@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module, shape, given = cases()[name]
    module, rng = module.double(), np.random.default_rng(0)
    if name == "images":
        module[1].running_var.data.uniform_(0.5, 2)
    x = rng.integers(0, 7, (3, 2)) if shape == "words" else rng.standard_normal((3, *shape))
    net, theta = ref.from_torch(module, given)
    named = {key for key, _ in module.named_parameters(remove_duplicate=False)}
    assert theta.dtype == float and set(net.named(theta)) == named
    tensor = torch.tensor(x)
    y = module(tensor, tensor, tensor) if name == "attention" else module(tensor)
    y = (y[0] if isinstance(y, tuple) else y).detach().numpy()
    assert np.abs(net.forward(theta, x)[-1] - y).max() <= CLOSE * np.abs(y).max()


def test_a_module_without_numbers_is_refused():
    bare = Parameter(np.zeros((2, 3)))
    bare.is_meta = True
    with pytest.raises(ValueError, match="weight is on the device meta, without numbers"):
        ref.from_torch(fake("Linear", {"weight": bare}))


def test_what_is_no_module_is_refused():
    for theirs, words in (("net", "'net' is no torch.nn module"), (dict, "the class dict is no")):
        with pytest.raises(TypeError, match=words):
            ref.from_torch(theirs)
