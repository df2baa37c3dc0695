"""The exercises on a network of two layers: its gradient, H v, G v and the factors of K-FAC."""

from . import slips_network as of
from . import solutions_network as solutions
from .exercise import Exercise
from .network import OnNetwork, split_factors, split_vector
from .points import stages

NET = """
z = W2 (a, 1) with a = tanh(W1 (x, 1)); L = (1/N) sum_n -log softmax(z_n)[y_n].
x (N, D), y (N,) whole numbers, W1 (H, D + 1), W2 (C, H + 1), biases in the last columns.
A matrix without that column, W1 (H, D) and W2 (C, H), has no bias.
"""
SHARED = (solutions.with_one, solutions.passed)
STABLE = "exp(800) overflows: subtract the largest logit of each row first; the softmax stays."
WIDTHS = ("Without a bias p = x, and p2 = a: compare the widths of W and of its input, and cut W2 "
          "to [:, :H] before pulling back. Keep float32 if it comes.")

GRADIENT = Exercise(
    "gradient", "gradient of a two-layer network", 4,
    "gradient(W1, W2, x, y) -> (dW1, dW2)", NET + """
Return dL/dW1 and dL/dW2, of the shapes of W1 and W2. Backwards: g2 = dL/dz, then dW2, da, g1, dW1.
""", ("By hand: g2 = p - e_y, dW2 = g2 (a, 1)^T, g1 = (W2 without bias)^T g2 (1 - a^2), dW1 = "
      "g1 (x, 1)^T.",
      "L is a mean: divide g2 by N once, and by nothing else; dW = g^T p sums over examples.",
      WIDTHS, STABLE),
    OnNetwork("gradient", (), ("dW1", "dW2"), split_vector, of.GRADIENT), stages(),
    (*SHARED, solutions.gradient))

HVP = Exercise(
    "hvp", "Hessian times a vector, for a two-layer network", 5,
    "hvp(W1, W2, x, y, V1, V2) -> (HV1, HV2)", NET + """
Return H v, the derivative of the gradient (dW1, dW2) along (V1, V2), which have the shapes of W1,
W2. Derive: put an R before every line of your gradient, by the product rule; no matrix H is made.
""", ("Forwards: Ra = (1 - a^2) (V1 p), Rz = V2 p2 + W2 (Ra, 0). Backwards the same lines twice.",
      "Rg2 = (diag(p) - p p^T) Rz/N; RdW2 = Rg2^T p2 + g2^T (Ra, 0): two terms, each line.",
      WIDTHS, STABLE),
    OnNetwork("hvp", ("V1", "V2"), ("HV1", "HV2"), split_vector, of.HVP), stages(1),
    (*SHARED, solutions.hvp))

GAUSS_NEWTON = Exercise(
    "gauss_newton_product", "Gauss-Newton times a vector, for a two-layer network", 6,
    "gauss_newton_product(W1, W2, x, y, V1, V2) -> (GV1, GV2)", NET + """
G = (1/N) sum_n J_n^T S_n J_n with S = diag(p) - p p^T, J_n = dz_n/dtheta. Return G v for
v = (V1, V2). Derive: R z forwards (a jvp), times S/N, then backwards (a vjp). y does not enter.
""", ("Forwards: Ra = (1 - a^2) (V1 p), Rz = V2 p2 + W2 (Ra, 0); then S Rz; then backpropagate it.",
      "S Rz = p Rz - p (p . Rz), over N. The backward pass has no R: a and W2 as they are.",
      WIDTHS, STABLE),
    OnNetwork("ggnvp", ("V1", "V2"), ("GV1", "GV2"), split_vector,
              of.GAUSS_NEWTON), stages(1),
    (*SHARED, solutions.gauss_newton_product))

KFAC = Exercise(
    "kfac_factors", "Kronecker factors of a two-layer network", 7,
    "kfac_factors(W1, W2, x, y) -> [(G1, A1), (G2, A2)]", NET + """
A = (1/N) sum_n p_n p_n^T of the layer's input with its constant 1 (if it has a bias), and
G = (1/N) sum_n E[g_n g_n^T], where g_n is the gradient of loss_n at the layer's output s, without
1/N, and the label is not that of the data: it is c with the model's probability p_c. Take that
expectation exactly, as a sum over c. A1 (D + 1, D + 1), G1 (H, H), A2 (H + 1, H + 1), G2 (C, C).
""", ("One example: G2 = sum_c p_c (p - e_c)(p - e_c)^T = diag(p) - p p^T; G1 pulls each p - e_c "
      "back.",
      "g is of one example's loss, without 1/N; the one 1/N is that of the mean.",
      "p ends in 1 only where there is a bias; g of layer 1 goes through W2 without its bias.",
      STABLE),
    OnNetwork("kfac", (), ("G1", "A1", "G2", "A2"), split_factors, of.KFAC), stages(),
    (*SHARED, solutions.kfac_factors))

NETWORK_EXERCISES = GRADIENT, HVP, GAUSS_NEWTON, KFAC
