"""Every optimiser at settings in which 20 steps forget rounding rather than amplify it.

The objectives have weight decay, so that no direction is flat: along a flat one, an inverse of
rounding's size would make rounding as large as the step.
"""

import numpy as np

import reference as ref


def classes(dtype="float64"):
    """24 examples of three classes through five tanh units, with weight decay."""
    return _objective(ref.CrossEntropy(), lambda rng: rng.integers(0, 3, 24), 3, dtype)


def numbers(dtype="float64"):
    """The same for two real numbers each, by squared errors."""
    return _objective(ref.SquaredError(), lambda rng: rng.standard_normal((24, 2)), 2, dtype)


def _objective(loss, labels, outputs, dtype):
    rng = np.random.default_rng(3)
    net = ref.Sequential(ref.Dense(4, 5), ref.Tanh(), ref.Dense(5, outputs))
    x, y = rng.standard_normal((24, 4)), labels(rng)
    objective = ref.Objective(net, loss, x, y, l2=0.1).to(dtype)
    return objective, net.initial(rng).astype(dtype)


OPTIMIZERS = {                               # name: (optimiser, the objective it is for)
    "sgd": (ref.SGD(0.1, momentum=0.9), classes),
    "adam": (ref.Adam(0.01), classes),
    "rmsprop": (ref.RMSprop(0.01), classes),
    "rmsprop, momentum": (ref.optim.first_order.baseline_rmsprop(0.01), classes),
    "newton": (ref.Newton(floor=0.1), numbers),      # 1/|lam| at a lam near 0 magnifies rounding
    "lbfgs": (ref.LBFGS(), classes),
    "kbfgs": (ref.KBFGS(), classes),
    "kbfgs, limited": (ref.KBFGS(memory=5), classes),
    "kbfgs, safeguard": (ref.KBFGS(safeguard=0.0), classes),
    "kfac": (ref.KFAC(damping=1.0), classes),
    "kfac, tridiagonal": (ref.KFAC(damping=1.0, structure="tridiagonal"), classes),
    "simple-kfac": (ref.SimpleKFAC(length=0.1, damping=0.1), classes),
    "hessian-free": (ref.HessianFree(damping=1.0), classes),
    "hessian-free, a part": (ref.HessianFree(damping=1.0, curvature_batch=0.25), classes),
    "stochastic-hessian-free": (ref.StochasticHessianFree(), classes),
    "block-hessian-free": (ref.BlockHessianFree(damping=1.0), classes),
    "newton-krylov": (ref.NewtonKrylov(), classes),
    "ea-cg": (ref.EACG(), classes),
    "levenberg-marquardt": (ref.LevenbergMarquardt(), numbers),
    "block-levenberg-marquardt": (ref.BlockLevenbergMarquardt(), numbers),
}
