"""Faults of layers: their way back, or the layer itself."""

import numpy as np

from ...arrays import functions as F
from ...network.compose import Sequential
from ...network.dropout import Dropout
from ...network.uses import Use
from . import points
from .exhibit import CONVENTION, exhibit
from .planting import Spoiled, sloped, spoiled, with_layer, with_layers


@exhibit("K13", "f-dangel/backpack#30", "the last window lost where the stride leaves a rest",
         "gradient", points.strided, ("last place lost",))
def last_window(objective, theta):
    """Three windows of four."""
    def back(layer, Ws, trace, dy, uses, dx):
        p, g = uses[0].pairs()[0]
        return [Use(p[..., :-1, :], g[..., :-1, :])], dx
    return spoiled(objective, 0, back).grad(theta)


@exhibit("D05", "jax-ml/jax#2107", "softplus' is 0 where x = 0, not 1/2",
         "gradient", lambda: points.resting("Softplus"), ("slope 0 at 0",))
def slope_at_the_tie(objective, theta):
    """Three cases, of which x = 0 has none."""
    return sloped(objective, lambda x, y, dy: dy * F.where(x == 0, 0, F.sigmoid(x))).grad(theta)


@exhibit("G03", "mlpack/mlpack#3679", "the bias gets the gradient of one example",
         "gradient", points.dense, ("biases of the last example",))
def one_bias(objective, theta):
    """Of the last one; right for N = 1."""
    g, last = objective.grad(theta), objective.batch([-1]).grad(theta) / objective.N
    for s, (O, I) in zip(objective.net.layout.slices, objective.net.layout.shapes):
        g[s].reshape(O, I)[:, -1] = last[s].reshape(O, I)[:, -1]
    return g


@exhibit("G05", "sebgao/cTensor#3", "weights of the convolution, not biases, divided by N T",
         "gradient", points.convolutional, ("1/(N S)", "1/(S N)"))
def divided_kernel(objective, theta):
    """1/(13 x 7)."""
    g = objective.grad(theta)
    g[:15].reshape(3, 5)[:, :-1] /= 13 * 7
    return g


@exhibit("G07", "pytorch/pytorch#1631", "a repeated index overwrites what it should add to",
         "gradient", points.repeated, ("repeated indices overwritten",))
def overwritten(objective, theta):
    """E[index] = g, one word after the other."""
    def back(layer, Ws, trace, dy, uses, dx):
        index, dE = trace[0].reshape(-1), np.zeros((5, 3))
        dE[index] = dy.reshape(-1, 3)
        return [_given(dE.T)], dx
    return spoiled(objective, 0, back).grad(theta)


def _given(dW):
    """A use whose total is dW (O, I)."""
    return Use(np.eye(dW.shape[1])[None], dW.T[None])


@exhibit("G09", "facebookresearch/CrypTen#143", "statistics of the batch taken for constants",
         "gradient", points.normalised, ("statistics constant",))
def forgotten_statistics(objective, theta):
    """dx = r gain dy."""
    def back(layer, Ws, trace, dy, uses, dx):
        return uses, trace.kept[1] * dy * Ws[0][..., 0]
    return spoiled(objective, 1, back).grad(theta)


@exhibit("G15", "davidrmiller/neural2d#40", "the slope taken at the output, not at the input",
         "gradient", points.dense, ("slope at the output",))
def slope_of_the_output(objective, theta):
    """f'(f(s))."""
    return sloped(objective, lambda x, y, dy: dy / np.cosh(y) ** 2).grad(theta)


@exhibit("G15b", "dennybritz/nn-from-scratch#3", "the slope of another layer",
         "gradient", points.equal_widths, ("slope of another layer",))
def slope_of_another(objective, theta):
    """f'(s_2) in place of f'(s_1)."""
    y = objective.net.forward(theta, objective.x)[4]
    return spoiled(objective, 1, lambda layer, Ws, trace, dy, uses, dx: (
        uses, dy * (1 - y ** 2))).grad(theta)


@exhibit("G17", "microsoft/onnxruntime#18873", "the mask of another relu",
         "gradient", lambda: points.equal_widths("ReLU"), ("slope of another layer",), seen=True)
def mask_of_another(objective, theta):
    """The first layer's, in the second."""
    s = objective.net.forward(theta, objective.x)[1]
    return spoiled(objective, 3, lambda layer, Ws, trace, dy, uses, dx: (
        uses, dy * (s > 0))).grad(theta)


@exhibit("G21", "tensorflow/tensorflow#4886", "ties of a maximum share the gradient",
         "gradient", lambda: points.pooled(ties=True), ("ties shared",), CONVENTION)
def shared_ties(objective, theta):
    """1/k each."""
    return spoiled(objective, 1, _to_ties(lambda hit: hit / hit.sum(-1, keepdims=True))
                   ).grad(theta)


@exhibit("G21b", "Theano/Theano#4568", "all ties of a maximum get the whole gradient",
         "gradient", lambda: points.pooled(ties=True), ("ties counted",))
def counted_ties(objective, theta):
    """1 each."""
    return spoiled(objective, 1, _to_ties(lambda hit: hit)).grad(theta)


def _to_ties(shares):
    def back(layer, Ws, trace, dy, uses, dx):
        windows = trace[0].reshape(11, 2, 3, 3)
        hit = (windows == windows.max(-1, keepdims=True)).astype(float)
        return uses, (shares(hit) * dy[..., None]).reshape(11, 2, 9)
    return back


@exhibit("G23", "kaldi-asr/kaldi#2814", "dropout divides by p, not by 1 - p",
         "gradient", points.dropped, ("dropout over p",))
def other_probability(objective, theta):
    """x/p where the mask holds."""
    return with_layers(objective, lambda i, layer: Dropout(layer.mask, 1 - layer.p)
                       if hasattr(layer, "mask") else layer).grad(theta)


@exhibit("G23c", "CSTR-Edinburgh/mlpractical#32", "dropout scales twice",
         "gradient", points.dropped, ("dropout twice",))
def scaled_twice(objective, theta):
    """x/(1 - p)^2."""
    return with_layers(objective, lambda i, layer: Dropout(layer.mask, 1 - (1 - layer.p) ** 2)
                       if hasattr(layer, "mask") else layer).grad(theta)


@exhibit("G23b", "kaldi-asr/kaldi#3890", "dropout's slope recovered as output by input",
         "gradient", points.dropped_at_rest, ("mask recovered by division",))
def recovered_mask(objective, theta):
    """g where x = 0, dropped or not."""
    def back(layer, Ws, trace, dy, uses, dx):
        x, y = trace
        return uses, dy * np.where(x == 0, 1, y / np.where(x == 0, 1, x))
    return spoiled(objective, 1, back).grad(theta)


@exhibit("G25", "karpathy/micrograd#2", "a value used twice keeps the last gradient alone",
         "gradient", points.skipping, ("last branch alone",))
def overwritten_node(objective, theta):
    """dx of the branch, without that of the skip."""
    return spoiled(objective, 1, lambda layer, Ws, trace, dy, uses, dx: (
        uses, dx - dy)).grad(theta)


@exhibit("G25b", "karpathy/micrograd#2", "or one of them twice",
         "gradient", points.skipping, ("first branch twice",))
def counted_twice(objective, theta):
    """dx with dy twice."""
    return spoiled(objective, 1, lambda layer, Ws, trace, dy, uses, dx: (
        uses, dx + dy)).grad(theta)


@exhibit("G27", "torch/DEPRECEATED-torch7-distro#156", "a shared matrix gets one use's gradient",
         "gradient", points.shared, ("tied weights used once: first",))
def one_use(objective, theta):
    """The first use's."""
    return spoiled(objective, 3, lambda layer, Ws, trace, dy, uses, dx: (
        [Use(use.x, use.g * 0, use.bias) for use in uses], dx)).grad(theta)


@exhibit("G29", "elixir-nx/axon#646", "Jacobians of the steps multiplied in forward order",
         "gradient", points.recurrent, ("steps in forward order",), seen=True)
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
         "gradient", points.attentive, ("mask dropped backwards",))
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
         "gradient", points.spread, ("stride and dilation exchanged backwards",))
def exchanged_steps(objective, theta):
    """x at 5 t + 2 k, where it is at 2 t + 5 k; 0 outside."""
    def back(layer, Ws, trace, dy, uses, dx):
        x = np.pad(trace[0], ((0, 0), (0, 0), (0, 8)))
        at = 5 * np.arange(5)[:, None] + 2 * np.arange(3)                    # (T, k)
        p = x[:, :, at].transpose(0, 2, 1, 3).reshape(11, 5, 6)
        return [Use(p, dy.transpose(0, 2, 1), True)], dx
    return spoiled(objective, 0, back).grad(theta)


@exhibit("G47b", "tracel-ai/burn#4916", "the height of the kernel used for its width",
         "gradient", points.image, ("kernel cut to a square",))
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
