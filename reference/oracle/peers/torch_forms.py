"""PyTorch: torch.func forms of the Hessian and the Gauss-Newton matrix, in float64."""

import torch
from torch.func import grad, hessian, jacrev, jvp, vjp, vmap

from . import dense_tanh_shapes

CHUNKS = (16, 64, 256)


def forms(objective, theta):
    """{quantity: {form: function}}; every function returns NumPy."""
    shapes = dense_tanh_shapes(objective)
    X, T = torch.tensor(objective.x), torch.tensor(theta)
    y = torch.tensor(objective.y)

    def outputs(t):
        return _forward(shapes, t, X)

    def loss_of(z):
        return torch.nn.functional.cross_entropy(z, y)

    def loss(t):
        return loss_of(outputs(t))

    def hvp(v):
        return jvp(grad(loss), (T,), (v,))[1]

    def ggn_product(v):
        z, Rz = jvp(outputs, (T,), (v,))
        return vjp(outputs, T)[1](jvp(grad(loss_of), (z,), (Rz,))[1])[0]

    return {
        "hessian": {"torch.func.hessian": lambda: hessian(loss)(T).numpy(),
                    **_mapped("vmap of hvp", hvp, T)},
        "gauss_newton": {"J^T S J by jacrev": lambda: _sandwich(shapes, T, X).numpy(),
                         **_mapped("vmap of ggn product", ggn_product, T)},
    }


def _forward(shapes, t, x):
    for W, shape in zip(torch.split(t, [o * i for o, i in shapes]), shapes):
        W = W.reshape(shape)
        s = x @ W[:, :-1].T + W[:, -1]
        x = torch.tanh(s)
    return s


def _mapped(name, product, T):
    unit = torch.eye(T.numel(), dtype=T.dtype)

    def whole(chunk):
        return lambda: vmap(product, chunk_size=chunk)(unit).numpy()
    return {f"{name}, {chunk} at once": whole(chunk) for chunk in CHUNKS}


def _sandwich(shapes, T, X):
    """sum_n J_n^T S_n J_n from per-example Jacobians, for cross-entropy."""
    J = vmap(jacrev(lambda t, x: _forward(shapes, t, x)), (None, 0))(T, X)
    p = torch.softmax(_forward(shapes, T, X), 1)[:, :, None]
    SJ = p * (J - (p * J).sum(1, keepdim=True)) / len(X)
    return J.reshape(-1, T.numel()).T @ SJ.reshape(-1, T.numel())
