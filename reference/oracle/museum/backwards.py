"""Faults of layers: their way back, or the layer itself."""

import numpy as np

from ...arrays import functions as F
from ...network.dropout import Dropout
from ...network.uses import Use
from . import points, structured
from .exhibit import CONVENTION, exhibit
from .planting import sloped, spoiled, with_layers


@exhibit("K13", "f-dangel/backpack#30", "the last window lost where the stride leaves a rest",
         "gradient", structured.strided, ("last place lost",))
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
         "gradient", structured.convolutional, ("1/(N S)", "1/(S N)"))
def divided_kernel(objective, theta):
    """1/(13 x 7)."""
    g = objective.grad(theta)
    g[:15].reshape(3, 5)[:, :-1] /= 13 * 7
    return g


@exhibit("G07", "pytorch/pytorch#1631", "a repeated index overwrites what it should add to",
         "gradient", structured.repeated, ("repeated indices overwritten",))
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
         "gradient", lambda: structured.pooled(ties=True), ("ties shared",), CONVENTION)
def shared_ties(objective, theta):
    """1/k each."""
    return spoiled(objective, 1, _to_ties(lambda hit: hit / hit.sum(-1, keepdims=True))
                   ).grad(theta)


@exhibit("G21b", "Theano/Theano#4568", "all ties of a maximum get the whole gradient",
         "gradient", lambda: structured.pooled(ties=True), ("ties counted",))
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
