"""A whole Hessian with proven digits, and what the proof says of answers that are less right.

    python examples/03_prove_digits.py
"""

import numpy as np

import reference as ref
from reference.oracle.certify import certify_value

objective, theta = ref.problems.ZOO["uncertain regression"](np.random.default_rng(0))


def exact_hessian(objective, theta):
    """What is to be proven: the assembled matrix."""
    return ref.dense(ref.hessian(objective, theta))


def judge(name, H):
    """One line: a proven bound on the error of any matrix that claims to be the Hessian."""
    proof = certify_value(H, exact_hessian, objective, theta)
    print(f"{name:<42}error <= {proof.radius:.0e}  {proof.digits:5.1f} digits  "
          f"{'ok' if proof.digits >= 13 else 'WRONG'}")


proof = ref.certify(exact_hessian, objective, theta)
print(f"{objective.net}\nP = {theta.size}, largest entry of H {proof.scale:.3f}")
print(f"{proof.how}\n")

H = proof.value
judge("assembled", H)
judge("autograd, column by column", ref.columns(ref.hessian(objective, theta, "autograd")))
judge("central differences of the gradient",
      ref.columns(ref.hessian(objective, theta, "central difference")))
judge("assembled in float32", exact_hessian(objective.to("float32"), theta.astype("float32")))

forgotten = H - objective.l2 * np.eye(theta.size)
judge("weight decay forgotten", forgotten)

s = objective.net.layout.slices[0]
O, I = objective.net.layout.shapes[0]
columns_first = H.copy()                       # block (1, 1) in the order of column-major vec
columns_first[s, s] = H[s, s].reshape(O, I, O, I).transpose(1, 0, 3, 2).reshape(O * I, O * I)
judge("first block with column-major vec", columns_first)

nudged = H.copy()
nudged[3, 4] *= 1 + 1e-9
judge("one entry off by 1e-9 of itself", nudged)

# The bound is there for every entry, and says where.
i, j = np.unravel_index(certify_value(nudged, exact_hessian, objective, theta).errors[0].argmax(),
                        H.shape)
print(f"largest error of the last one: entry ({i}, {j})")
