"""The exercises on one layer: forward, complex step, jvp, vjp, and the softmax."""

import numpy as np

from . import slips_layer as of
from . import solutions_layer as solutions
from .exercise import Exercise, Stage
from .formula import Formula, Slip
from .functions import FUNCTION_STAGES


# ---- points ----

def shaped(*shapes, dtype="float64", last=0):
    """A function of rng: normal arrays of these shapes; `last` > 0 appends labels below it."""
    def draw(rng):
        arrays = [rng.standard_normal(shape) for shape in shapes]
        if dtype == "complex128":
            arrays = [a + 1j * rng.standard_normal(a.shape) for a in arrays]
        return [*(a.astype(dtype) for a in arrays),
                *([rng.integers(last, size=len(arrays[0]))] if last else [])]
    return draw


def far_rows(rng):
    """Logits that no one number brings near 0."""
    rows = np.array([[1000.0], [0.0], [-1000.0], [500.0], [-500.0]])
    return [rows + rng.standard_normal((5, 3)), rng.integers(3, size=5)]


def fixed(*arrays):
    """A function of rng: these numbers, whatever it is."""
    return lambda rng: [np.array(a) for a in arrays]


W_HAND, X_HAND = [[1.0, 2.0, 3.0], [0.0, -1.0, 0.5]], [[2.0, -1.0]]


def layer_stages(fixed_rest, rest):
    """Stages of (W, x, ...); rest(N, D, I, O) -> shapes of what follows W and x."""
    def drawn(N, D, I, O, **k):
        return shaped((O, I), (N, D), *rest(N, D, I, O), **k)
    return (Stage("the worked example", fixed(W_HAND, X_HAND, *fixed_rest), 0),
            Stage("seven examples, four inputs, three outputs", drawn(7, 4, 5, 3), 1),
            Stage("one example, one output", drawn(1, 4, 5, 1), 1),
            Stage("no bias: W (O, D)", drawn(7, 4, 4, 3), 2),
            Stage("float32", drawn(7, 4, 5, 3, dtype="float32"), 3, "float32"))


def complex_stage(*shapes):
    """Complex numbers, that the complex step may be used on what is written."""
    return Stage("complex numbers", shaped(*shapes, dtype="complex128"), 3, "complex128")


def sizes(W, x, *rest):
    """N examples, D inputs, O outputs."""
    return {"N": len(x), "D": x.shape[1], "O": W.shape[0]}


STEPS = {f"h = 1e-{k}": 10.0**-k for k in (6, 8, 10, 12, 16, 20, 30, 40, 50, 100)}


def pairing(point, arrays):
    """The demand on a vjp, along one direction."""
    W, x, ds = point
    dW, dx = arrays
    RW, Rx = np.ones_like(W), np.ones_like(x)
    Rs = of.forward(RW, x) + of.forward(W, Rx) - of.forward(W, 0 * x)     # s is linear in each
    left, right = (ds * Rs).sum(), (dW * RW).sum() + (dx * Rx).sum()
    return [f"for RW and Rx full of ones ds . Rs = {left:.6g}, your dW . RW + dx . Rx = "
            f"{right:.6g}: they must agree."] if not np.isclose(left, right) else []


LAYER_EXERCISES = (
    Exercise("forward", "forward of a dense layer", 1, "forward(W, x) -> s", """
s_n = W0 x_n + b for every example: s = W p with p = (x, 1). The last column of W is the bias.
W (O, D + 1), x (N, D) -> s (N, O). Where W has only D columns, there is no bias.
Nothing is changed in place; s has the dtype of the arguments (complex, too).
""", ("By hand: s = [row of W without its last entry] . x + [last entry].",
      "Rows of x are examples: s = x W0^T + b, b added to every row.",
      "Compare W.shape[1] with x.shape[1]: equal means no bias.",
      "Do not name a dtype; ones need dtype=x.dtype, and .T does not conjugate."),
             Formula(("W", "x"), {"s": ("example", "output")}, of.forward, sizes, of.FORWARD),
             (*layer_stages((), lambda *_: ()), complex_stage((3, 5), (7, 4))),
             (solutions.forward,)),
    Exercise("complex_step", "gradient by complex steps", 2, "complex_step(f, theta) -> g", """
f is a function of theta (P,) that takes complex numbers, with f(theta) one number.
Derive: f(theta + i h e) = f(theta) + i h f'(theta) e - h^2 ..., with e a unit vector, and take what
gives f' without a difference. Return all P entries of the gradient, real numbers; h may be 1e-20.
""", ("Move one entry of theta by i h, take the imaginary part of f, divide by h.",
      "One call of f for each entry: start each time from a complex copy of theta.",
      "No difference is taken, so h = 1e-20 loses no digits: choose it as small as that.",
      "It works for one entry as for many: return an array (P,)."),
             Formula(("f", "theta"), {"g": ("entry",)}, lambda f, theta: f.gradient(theta),
                     lambda f, theta: {"P": theta.size, **STEPS},
                     (Slip("all entries were moved at once: each entry is the sum of the gradient",
                           "Move entry i alone: begin with a fresh copy of theta for each i.",
                           lambda f, t: np.full(t.size, f.gradient(t).sum())),
                      Slip("entries moved before stay moved: it is the gradient, summed up so far",
                           "Begin with a fresh copy of theta for each i.",
                           lambda f, t: np.cumsum(f.gradient(t))),
                      Slip("it is f(theta) itself over h, the real part",
                           "f' stands beside i: take the imaginary part.",
                           lambda f, t: np.full(t.size, f(t) / 1e-20)),
                      Slip("it is their sum alone", "Return one number for each entry of theta.",
                           lambda f, t: f.gradient(t).sum()))),
             FUNCTION_STAGES, (solutions.complex_step,)),
    Exercise("jvp", "jvp of a dense layer", 3, "jvp(W, x, RW, Rx) -> Rs", """
The tangent of s = W0 x + b along (RW, Rx): the derivative of s at (W + e RW, x + e Rx) in e at 0.
The bias moves, too: the last column of W is b, that of RW is its tangent Rb.
W, RW (O, D + 1), x, Rx (N, D) -> Rs (N, O). Where W has only D columns, there is no bias. In the
last case K directions come at once: RW (K, O, D + 1), Rx (K, N, D) -> Rs (K, N, O).
""", ("Product rule: each factor once with its tangent, the other as it is.",
      "Rs = RW p + W0 Rx: the constant in p = (x, 1) has the tangent 0.",
      "Without a bias p = x and W0 = W: Rs = RW x + W Rx. Compare W.shape[1] with x.shape[1].",
      "Use swapaxes(-1, -2) in place of .T and [..., :-1]: then leading axes take care of "
      "themselves."),
             Formula(("W", "x", "RW", "Rx"), {"Rs": ("example", "output")}, of.jvp, sizes, of.JVP),
             (*layer_stages(([[1.0, 0.0, -1.0], [2.0, 1.0, 0.0]], [[0.5, 1.0]]),
                            lambda N, D, I, O: ((O, I), (N, D))),
              Stage("two directions at once", shaped((3, 5), (7, 4), (2, 3, 5), (2, 7, 4)), 3)),
             (solutions.jvp,)),
    Exercise("vjp", "vjp of a dense layer", 4, "vjp(W, x, ds) -> (dW, dx)", """
Given ds = dL/ds, what are dL/dW and dL/dx, if s = W0 x + b? Demand that ds . Rs = dW . RW + dx . Rx
for every RW and Rx, with the Rs of the exercise before; the dot sums over all entries.
W (O, D + 1), x (N, D), ds (N, O) -> dW (O, D + 1), dx (N, D). Nothing is divided by N. Where W has
only D columns, there is no bias. The answers have the dtype of the arguments (complex, too).
""", ("One example: dW = ds p^T, an outer product with p = (x, 1); dx = W0^T ds.",
      "Several examples share W: their gradients add up, dW = ds^T p. Each has its own row of dx.",
      "Without a bias p = x and W0 = W; both shapes follow from W.",
      "ones need dtype=x.dtype; nothing is conjugated: .T, not .conj().T or vdot."),
             Formula(("W", "x", "ds"), {"dW": ("row", "column"), "dx": ("example", "input")},
                     of.vjp, sizes, of.VJP, pairing),
             (*layer_stages(([[1.0, 10.0]],), lambda N, D, I, O: ((N, O),)),
              complex_stage((3, 5), (7, 4), (7, 3))), (solutions.vjp,)),
    Exercise("softmax", "gradient and Hessian of softmax cross-entropy", 4,
             "softmax(z, y) -> (g, H)", """
loss_n = -log p_y with p = exp(z)/sum exp(z), of logits z (N, C) and labels y (N,), whole numbers.
Return g (N, C), the gradient in z for each example, and H (N, C, C), the Hessian for each example.
Nothing is divided by N. Logits may be large.
""", ("loss = log sum_c exp(z_c) - z_y: differentiate that, once and twice.",
      "g = p - e_y and H = diag(p) - p p^T, e_y with a 1 at the label.",
      "exp(1000) overflows: subtract the largest logit of each row first; p stays the same.",
      "eye(C, dtype=z.dtype) keeps float32."),
             Formula(("z", "y"), {"g": ("example", "class"), "H": ("example", "class", "class")},
                     of.softmax, lambda z, y: {"N": len(z), "C": z.shape[1]}, of.SOFTMAX),
             (Stage("the worked example", fixed([[0.0, np.log(3.0)], [0.0, 0.0]], [0, 1]), 0),
              Stage("five examples, three classes", shaped((5, 3), last=3), 1),
              Stage("one example", shaped((1, 4), last=4), 1),
              Stage("logits near 1000, 0 and -1000", far_rows, 2),
              Stage("float32", shaped((5, 3), dtype="float32", last=3), 3, "float32")),
             (solutions.softmax,)))
