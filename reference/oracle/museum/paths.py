"""Faults of paths: values used more than once, steps, masks, kernels and turned matrices."""

import numpy as np

from ...network.compose import Sequential
from ...network.uses import Use
from . import points, structured
from .exhibit import exhibit
from .planting import Spoiled, sloped, spoiled, with_layer


@exhibit("G25", "karpathy/micrograd#2", "a value used twice keeps the last gradient alone",
         "gradient", structured.skipping, ("last branch alone",))
def overwritten_node(objective, theta):
    """dx of the branch, without that of the skip."""
    return spoiled(objective, 1, lambda layer, Ws, trace, dy, uses, dx: (
        uses, dx - dy)).grad(theta)


@exhibit("G25b", "karpathy/micrograd#2", "or one of them twice",
         "gradient", structured.skipping, ("first branch twice",))
def counted_twice(objective, theta):
    """dx with dy twice."""
    return spoiled(objective, 1, lambda layer, Ws, trace, dy, uses, dx: (
        uses, dx + dy)).grad(theta)


@exhibit("G27", "torch/DEPRECEATED-torch7-distro#156", "a shared matrix gets one use's gradient",
         "gradient", structured.shared, ("tied weights used once: first",))
def one_use(objective, theta):
    """The first use's."""
    return spoiled(objective, 3, lambda layer, Ws, trace, dy, uses, dx: (
        [Use(use.x, use.g * 0, use.bias) for use in uses], dx)).grad(theta)


@exhibit("G29", "elixir-nx/axon#646", "Jacobians of the steps multiplied in forward order",
         "gradient", structured.recurrent, ("steps in forward order",), seen=True)
def forward_order(objective, theta):
    """dh_t = J_T^T ... J_{t+1}^T dh_T: right for two steps."""
    W, U, V = objective.net.layout.unpack(theta)
    x, N = objective.x, objective.N
    hs = [np.zeros((N, 3))]
    for t in range(7):
        hs.append(np.tanh(x[:, t] @ W[:, :4].T + W[:, 4] + hs[-1] @ U[:, :3].T + U[:, 3]))
    z = hs[-1] @ V[:, :3].T + V[:, 3]
    p = np.exp(z - z.max(1, keepdims=True))
    dz = (p / p.sum(1, keepdims=True) - np.eye(11)[objective.y]) / N
    dW, dU = np.zeros_like(W), np.zeros_like(U)
    for t in range(1, 8):
        dh = dz @ V[:, :3]
        for later in range(t + 1, 8):
            dh = ((1 - hs[later] ** 2) * dh) @ U[:, :3]
        ds = (1 - hs[t] ** 2) * dh
        dW += np.c_[ds.T @ x[:, t - 1], ds.sum(0)]
        dU += np.c_[ds.T @ hs[t - 1], ds.sum(0)]
    return objective.net.layout.pack([dW, dU, np.c_[dz.T @ hs[-1], dz.sum(0)]])


@exhibit("G39", "triton-lang/triton#5660", "the way back of attention ignores the causal mask",
         "gradient", structured.attentive, ("mask dropped backwards",))
def unmasked(objective, theta):
    """P over all keys, backwards alone."""
    def back(layer, Ws, trace, dy, uses, dx):
        q, k, v, _ = (a[..., 0, :, :] for a in trace.kept)
        e = np.exp(q @ k.swapaxes(-1, -2))
        P = e / e.sum(-1, keepdims=True)
        dP = dy @ v.swapaxes(-1, -2)
        dS = P * (dP - (P * dP).sum(-1, keepdims=True))
        return uses, np.concatenate([dS @ k / 2, dS.swapaxes(-1, -2) @ q,
                                     P.swapaxes(-1, -2) @ dy], -1)
    project, attention, output = objective.net.layers[0].inner.layers
    return with_layer(objective, 0, Sequential(
        project, Spoiled(attention, back), output)).grad(theta)


@exhibit("G47", "huggingface/candle#2337", "stride and dilation exchanged in the kernel's gradient",
         "gradient", structured.spread, ("stride and dilation exchanged backwards",))
def exchanged_steps(objective, theta):
    """x at 5 t + 2 k, where it is at 2 t + 5 k; 0 outside."""
    def back(layer, Ws, trace, dy, uses, dx):
        x = np.pad(trace[0], ((0, 0), (0, 0), (0, 8)))
        at = 5 * np.arange(5)[:, None] + 2 * np.arange(3)                    # (T, k)
        p = x[:, :, at].transpose(0, 2, 1, 3).reshape(11, 5, 6)
        return [Use(p, dy.transpose(0, 2, 1), True)], dx
    return spoiled(objective, 0, back).grad(theta)


@exhibit("G47b", "tracel-ai/burn#4916", "the height of the kernel used for its width",
         "gradient", structured.image, ("kernel cut to a square",))
def square_kernel(objective, theta):
    """The third column gets nothing."""
    g = objective.grad(theta)
    g[:39].reshape(3, 13)[:, :12].reshape(3, 2, 2, 3)[..., 2] = 0
    return g


@exhibit("G49", "ggml-org/llama.cpp#11240", "a rotation turned forwards on the way back",
         "gradient", points.turned, ("weights not transposed",))
def turned_again(objective, theta):
    """dx = W g, where dx = W^T g."""
    return spoiled(objective, 1, lambda layer, Ws, trace, dy, uses, dx: (
        uses, dy @ Ws[0].T)).grad(theta)


@exhibit("G51", "jax-ml/jax#1052", "0 times infinity in the branch that is not taken",
         "gradient", lambda: points.resting("ReLU"), ("not finite",))
def untaken_branch(objective, theta):
    """sqrt(x)' = 1/(2 sqrt(x)) times 0."""
    def back(x, y, dy):
        with np.errstate(all="ignore"):
            return dy * np.where(x > 0, 1, 0 * (1 / np.sqrt(np.maximum(x, 0))))
    return sloped(objective, back).grad(theta)
