"""Autoencoders: rectified linear units, linear code and linear output, mirrored [GRB20].

The mirror image of 784-1000-500-250-30 is 784-1000-500-250-30-250-500-1000-784.
"""

import numpy as np

from ..network.affine import Dense
from ..network.compose import Sequential
from ..network.elementwise import ReLU
from ..network.losses import BinaryCrossEntropy, SquaredError
from .curves import curves
from .digits import digits
from .idx import mnist
from .pictures import faces
from .training import pose

_MNIST = {
    "tiny": ((64, 30, 12), None, None, 50),
    "small": ((784, 250, 100, 50, 20), 10_000, 2_000, 500),
    "paper": ((784, 1000, 500, 250, 30), None, None, 1000),
}
_CURVES = {
    "tiny": ((64, 30, 12, 6), 200, 100, 50),
    "small": ((784, 200, 100, 50, 25, 6), 4_000, 1_000, 500),
    "paper": ((784, 400, 200, 100, 50, 25, 6), 20_000, 10_000, 1000),
}
_FACES = {
    "tiny": ((64, 40, 20, 12), None, None, 50),
    "small": ((625, 400, 200, 100, 30), 10_000, 4_000, 500),
    "paper": ((625, 2000, 1000, 500, 30), 103_500, 41_400, 1000),
}


def mirror(*units):
    """D-...-code-...-D: dense layers with ReLU between them, none after the code and the output."""
    return Sequential(*_ramp(units), *_ramp(units[::-1]))


def _ramp(units):
    layers = [layer for pair in zip(units, units[1:]) for layer in (Dense(*pair), ReLU())]
    return layers[:-1]


def mnist_autoencoder(size, folder, dtype):
    """MNIST, binary cross-entropy on logits summed over pixels, mean over cases."""
    units, *counts, batch = _MNIST[size]
    if folder is None:
        x, x_test = _bundled()
    else:
        x, x_test = (mnist(folder, split)[0][:n] for split, n in zip(("train", "test"), counts))
    note = ("MNIST autoencoder of [GRB20]: 784-1000-500-250-30-mirror, ReLU, linear code, binary "
            "cross-entropy on logits; begins near 784 log 2 = 543. Start: PyTorch's default. "
            + {"tiny": "Here the bundled digits of 8 x 8 pixels, 64-30-12-mirror.",
               "small": "Here 10000 images and 784-250-100-50-20-mirror.",
               "paper": "Weight decay 1e-5 is the optimiser's there, not the objective's."}[size])
    return pose("mnist-autoencoder", size, dtype, mirror(*units), BinaryCrossEntropy(),
                (x, x), (x_test, x_test), batch, note)


def curves_autoencoder(size, folder, dtype):
    """Curves of six numbers each through a code of six, binary cross-entropy as for MNIST."""
    units, n, n_test, batch = _CURVES[size]
    rng = np.random.default_rng(0)      # data are the same for ever
    side = round(units[0] ** 0.5)
    x, x_test = curves(rng, n, side), curves(rng, n_test, side)
    note = ("CURVES autoencoder of [GRB20]: 784-400-200-100-50-25-6-mirror, ReLU, linear code, "
            "binary cross-entropy on logits. The images are drawn by problems.curves, not those "
            "of [HS06], so losses compare within this project alone."
            + {"tiny": " Here 8 x 8 pixels, 64-30-12-6-mirror.",
               "small": " Here 4000 images, one layer less.", "paper": ""}[size])
    return pose("curves-autoencoder", size, dtype, mirror(*units), BinaryCrossEntropy(),
                (x, x), (x_test, x_test), batch, note)


def faces_autoencoder(size, file, dtype):
    """Patches of faces, half the squared error summed over pixels, mean over cases."""
    units, n, n_test, batch = _FACES[size]
    if file is None:
        x, x_test = _bundled()
    else:
        x, x_test = _ends(faces(file), file, n, n_test)
    note = ("FACES autoencoder of [GRB20]: 625-2000-1000-500-30-mirror, ReLU, linear code, half "
            "the squared error. Of newfaces_rot_single.mat the first 103500 columns train and the "
            "last 41400 test, as the public code to [Mar10] cuts it; the layout is assumed."
            + {"tiny": " Here the bundled digits of 8 x 8 pixels, 64-40-20-12-mirror.",
               "small": " Here 10000 and 4000 of them, 625-400-200-100-30-mirror.",
               "paper": ""}[size])
    return pose("faces-autoencoder", size, dtype, mirror(*units), SquaredError(),
                (x, x), (x_test, x_test), batch, note)


def _ends(x, file, n, n_test):
    """The first n and the last n_test rows."""
    if len(x) < n + n_test:
        raise ValueError(f"{file} holds {len(x)} patches; {n} to train and {n_test} to test are "
                         "needed: take another size, or the whole file.")
    return x[:n], x[-n_test:]


def _bundled():
    """The first 200 bundled digits, and the next 100."""
    x, _ = digits(300)
    return x[:200], x[200:]
