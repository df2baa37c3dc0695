"""The records of libraries and papers that have Kronecker factors.

Scales of G and A are against ours, for the loss as theirs is: conv(olution) and linear layers at
S places apart, since some libraries treat them differently.  With S = 1 all settings are one.
"""

from .frameworks import TORCH_LOSSES
from .record import AS_OURS, READ, RESTATED, RUN, Convention, Factor, same


def expand(G, A):
    """Both factors of setting expand, by their scales."""
    return Factor("expand", G), Factor("expand", A)


def both(pair):
    """The same for linear layers and convolutions."""
    return {"linear": pair, "convolution": pair}


CURVLINOPS = Convention(
    "curvlinops", "curvlinops", TORCH_LOSSES, None, "torch", None, "(out, in)", "OIHW",
    "apart by default, a block of G alone; last input with separate_weight_and_bias=False",
    "documented as column-major, stored row-major", "documented as A (x) B, stored as B (x) A",
    None, AS_OURS, True, False, "mc", "per factor",
    ("A and G equal ours in both settings, for the loss as it stands",
     "the empirical G of MSELoss is 4/(N C), not 4/(N C^2), times the outer products",
     "use_heuristic_damping is the rule 'pi', use_exact_damping 'exact'"),
    "kfac.py, kfac_utils.py, inverse.py; G, A and the three inverses compared with ours", "3.0.1",
    RUN)

BACKPACK = Convention(
    "backpack", "BackPACK", TORCH_LOSSES, "loss_n/R", "torch", None, "(out, in)", "OIHW",
    "apart: a block of G alone, no constant in A", "row-major", "B (x) A, that is G (x) A", None,
    {"expand": {"linear": None, "convolution": (Factor("reduce"), Factor("expand", {"S": 1}))}},
    False, False, "mc", "per factor",
    ("KFLR is type-2, KFAC is mc; KFRA averages over the batch before it goes back",
     "a convolution pairs a sum over places of A with the reduce setting's G: S times KFC's scale",
     "inverse eigenvalues are cut at 1e8"),
    "extensions/secondorder/hbp, utils/kroneckers.py; KFLR and BatchGrad compared with ours",
    "1.7.1", RUN)

KFAC_JAX = Convention(
    "kfac-jax", "kfac-jax", {"CrossEntropy": (1, "N"), "SquaredError": (2, "N")}, None, "flax",
    None, "(in, out)", "HWIO",
    "last input", "row-major", "A (x) G: kernels are (in, out)", None,
    {"expand": {"linear": expand({}, {"S": 1}), "convolution": expand({"S": -1}, {})}}, True,
    False, "ggn", "pi",
    ("the block is scaled beside its factors: by S for a convolution, 1/S for a repeated layer",
     "the default estimator is the Gauss-Newton matrix with random signs, unbiased and noisy",
     "squared error is registered as a mean over the batch, a sum over features, variance 1/2"),
    "curvature_blocks/kronecker_factored.py, read; losses and damping restated",
    "commit 14dc8fa", READ)

KFAC_PYTORCH = Convention(
    "kfac-pytorch", "kfac-pytorch", TORCH_LOSSES, None, "torch", None, "(out, in)", "OIHW",
    "last input", "row-major", "G (x) A", None,
    {"expand": {"linear": expand({"N": -1, "R": -1, "S": -1}, {}),
                "convolution": expand({"N": -1, "R": -1, "S": -3}, {"S": -2})}}, True, True,
    "empirical", "per factor",
    ("G is made of gradients of the mean, whose 1/N^2 is never undone",
     "patches and gradients are divided by S before they are averaged over N S",
     "the eigenvalue method is the rule 'exact'"),
    "kfac/layers/modules.py and inverse.py", "commit 0522793", READ)

ASDL = Convention(
    "asdl", "ASDL", {"CrossEntropy": (1, "N"), "SquaredError": (1, "N")}, None, "torch", None,
    "(out, in)", "OIHW", "last input", "row-major", "G (x) A", None,
    {"expand": {"linear": expand({}, {"S": 1}), "convolution": same("expand")}}, True, False,
    "mc", "pi",
    ("losses are taken as sums, and the factors divided by data_size: here N",
     "squared error has the factor 1/2",
     "a linear layer at S places does not divide A by S, a convolution does",
     "Monte Carlo factors are too small by the number of samples"),
    "operations/conv.py, linear.py and natural_gradient.py, read; scales of the sums restated",
    "commit 04ad6f9", READ)

NNGEOMETRY = Convention(
    "nngeometry", "NNGeometry", None, None, "torch", None, "(out, in)", "OIHW", "last input",
    "row-major", "G (x) A", None,
    {"expand": {"linear": expand({}, {"S": 1}),
                "convolution": expand({"S": -1}, {"S": 1})}}, True, False, None, None,
    ("the division by S of a linear layer's G is discarded: its product is S times too large",),
    "nngeometry/backend/torch_hooks/grads.py", "commit 0b407bf", READ)

KFC = Convention(
    "kfc", "the KFC paper [GM16]", {"CrossEntropy": (1, "N"), "SquaredError": (1, "N")},
    "loss_n", "columns", None, "(out, in + 1)", None, "a homogeneous coordinate, taken as the last",
    "column-major", "Omega (x) Gamma, that is A (x) G", None,
    {"expand": both(expand({"S": -1}, {"S": 1}))}, True, False, "mc", "pi",
    ("Omega sums over places, Gamma is their mean: the product is ours",),
    "[GM16, eq. 32]", "", RESTATED)

KBFGS = Convention(
    "kbfgs", "the K-BFGS authors' code",
    {"CrossEntropy": (1, "N"), "SquaredError": (2, "N"), "BinaryCrossEntropy": (1, "elements")},
    None, "ours", None, "(out, in)", None, "last input", "row-major", "G (x) A", None,
    {"expand": {"linear": same("expand")}}, True, False, "mc", "factored",
    ("dense layers alone: S = 1",
     "'linear-regression-half-MSE' and 'logistic-regression-sum-loss' are our two losses",
     "for 'linear-regression' labels are drawn with deviation 1/2, so that G is half of the type-2"
     " matrix on average"),
    "functions_utils.py and kfac_utils.py, read; the draw restated", "commit 91b0ec0",
    READ)

LIBRARIES = (CURVLINOPS, BACKPACK, KFAC_JAX, KFAC_PYTORCH, ASDL, NNGEOMETRY, KFC, KBFGS)
