"""The records of this package and of the frameworks that know no Kronecker factors."""

from .record import AS_OURS, READ, RUN, Convention

LOSSES = ("CrossEntropy", "BinaryCrossEntropy", "SquaredError", "Huber", "Poisson", "Gaussian")

OURS = Convention(
    "ours", "this package", dict.fromkeys(LOSSES, (1, "N")), "loss_n", "ours", None,
    "(out, in + 1), the bias as the last column", "(out, channel, height, width) flattened",
    "last column of each matrix", "row-major", "G (x) A", {"LSTM": "i f g o", "GRU": "r z n"},
    AS_OURS, True, False, "type-2", "pi",
    ("squared error has the factor 1/2; reduction='mean' divides by N alone",),
    "docs/0-notation.md", "", RUN)

# torch's losses by default: reduction="mean"
TORCH_LOSSES = {"CrossEntropy": (1, "labels"), "BinaryCrossEntropy": (1, "elements"),
                "SquaredError": (2, "elements"), "Huber": (1, "elements")}

TORCH = Convention(
    "torch", "PyTorch", TORCH_LOSSES, None, "torch", None, "(out, in)", "OIHW",
    "a parameter of its own, after the weight", "row-major", None,
    {"LSTM": "i f g o", "GRU": "r z n"}, {}, None, False, None, None,
    ("MSELoss is the mean of squares: no 1/2, divided by N C",
     "a cell has two biases, bias_ih and bias_hh"),
    "torch.nn, its losses and order of parameters against ours", "2.15.0", RUN)

TORCH_FUNC = Convention(
    "torch.func", "torch.func", TORCH_LOSSES, "loss_n", "torch", None, "(out, in)", "OIHW",
    "a parameter of its own, after the weight", "row-major", None,
    {"LSTM": "i f g o", "GRU": "r z n"}, {}, None, False, None, None,
    ("a dict of named arrays keeps its order, that of module.named_parameters()",
     "vmap(grad) of a loss of one example has no 1/N; its MSELoss still divides by C"),
    "torch.func and torch.nn", "2.15.0", RUN)

JAX = Convention(
    "jax", "JAX and Flax", {}, "loss_n", "flax", None, "(in, out)", "HWIO",
    "a parameter of its own, before the kernel: keys are sorted", "row-major", None, None, {},
    None, False, None, None,
    ("the user writes the loss: it is taken as ours",
     "dictionaries are flattened by sorted keys, so that layer 10 comes before layer 2",
     "images are NHWC: a dense layer behind them sees places before channels"),
    "jax.tree_util, run; flax/linen/linear.py, read",
    "JAX 0.10.2, Flax commit 02603f6", READ)

KERAS = Convention(
    "keras", "Keras", {"CrossEntropy": (1, "labels"), "SquaredError": (2, "elements")}, None,
    "keras", "keras; gates zrn", "(in, out)", None,
    "a parameter of its own, after the kernel", "row-major", None,
    {"LSTM": "i f c o", "GRU": "z r h"}, {}, None, False, None, None,
    ("an LSTM has one bias where PyTorch has two; a GRU has two, (2, 3H), with reset_after",
     "kernels are taken as (height, width, in, out)"),
    "keras/src/layers/rnn/lstm.py and gru.py; the page of MeanSquaredError", "commit 13b6362",
    READ)

FRAMEWORKS = (OURS, TORCH, TORCH_FUNC, JAX, KERAS)
