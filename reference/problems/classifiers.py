"""Classifiers of images by softmax cross-entropy: dense, with dropout, convolutional."""

from ..network.affine import Dense
from ..network.branches import Residual
from ..network.compose import Sequential
from ..network.convolution import Conv2d
from ..network.elementwise import ReLU, Sigmoid, Tanh
from ..network.initial import glorot, he, sparse
from ..network.losses import CrossEntropy
from ..network.padding import Flatten
from ..network.pooling import AdaptiveAvgPool2d
from .digits import digits
from .idx import mnist
from .pictures import cifar10
from .training import pose

_COUNTS = {"small": (10_000, 2_000), "paper": (None, None)}
_BUNDLED = " Here 200 bundled digits of 8 x 8 pixels, and fewer units."
_PART = " Here 10000 images, and fewer units."


def chain(units, activation):
    """Dense layers with the activation between them."""
    pairs = [layer for pair in zip(units, units[1:]) for layer in (Dense(*pair), activation())]
    return Sequential(*pairs[:-1])


def _bundled(shape=(64,)):
    x, y = digits(300)
    x = x.reshape(-1, *shape)
    return (x[:200], y[:200]), (x[200:], y[200:])


def _idx(folder, size):
    """((x, y), (x, y)) of MNIST or its kin; the bundled digits where there is no folder."""
    if folder is None:
        return _bundled()
    return tuple(tuple(a[:n] for a in mnist(folder, split))
                 for split, n in zip(("train", "test"), _COUNTS[size]))


_SIGMOID = {"tiny": (64, 20, 12, 10), "small": (784, 128, 64, 32, 10),
            "paper": (784, 512, 128, 32, 10)}


def mnist_classifier(size, folder, dtype):
    """784-512-128-32-10, sigmoid."""
    note = ("MNIST classifier of [CCC18]: 784-512-128-32-10, sigmoid, batch 500. Start: Glorot's, "
            "ours. It stands in for the deep classifiers of [WLX13], whose speech is not public."
            + {"tiny": _BUNDLED, "small": _PART, "paper": ""}[size])
    return pose("mnist-classifier", size, dtype, chain(_SIGMOID[size], Sigmoid), CrossEntropy(),
                *_idx(folder, size), 50 if size == "tiny" else 500, note, scheme=glorot)


def fashion_classifier(size, folder, dtype):
    """The network of mnist-classifier on clothes."""
    note = ("Fashion-MNIST [XRV17] in place of MNIST, all else as mnist-classifier: the task is of "
            "none of the papers." + {"tiny": _BUNDLED, "small": _PART, "paper": ""}[size])
    return pose("fashion-classifier", size, dtype, chain(_SIGMOID[size], Sigmoid), CrossEntropy(),
                *_idx(folder, size), 50 if size == "tiny" else 500, note, scheme=glorot)


_RECTIFIED = {"tiny": (64, 20, 20, 10), "small": (784, 200, 200, 10),
              "paper": (784, 1200, 1200, 10)}


def mnist_dropout(size, folder, dtype):
    """784-1200-1200-10, ReLU; each input of a dense layer is dropped with 0.2, 0.5, 0.5."""
    note = ("MNIST with dropout after [Kir13]: 784-1200-1200-10, ReLU, batch 1000. Objectives have "
            "no masks: task.redraw(batch, rng) puts them on, drawn per step and example. The rates "
            "0.2 of pixels and 0.5 of units are those customary since [SHK14]; start: Martens' "
            "sparse one [Mar10], whose biases are 0: where a mask drops all of a unit's inputs, it "
            "is at the kink of ReLU, with slope 0."
            + {"tiny": _BUNDLED, "small": _PART, "paper": ""}[size])
    return pose("mnist-dropout", size, dtype, chain(_RECTIFIED[size], ReLU), CrossEntropy(),
                *_idx(folder, size), 50 if size == "tiny" else 1000, note, scheme=sparse,
                drops=(0.2, 0.5, 0.5))


def digit_classifier(size, folder, dtype):
    """64-16-10, tanh."""
    x, y = digits()
    n, n_test = {"tiny": (200, 100), "small": (1000, 300), "paper": (1500, 297)}[size]
    note = f"{n} bundled digits of 8 x 8 pixels [AK98], 64-16-10, tanh; of none of the papers."
    return pose("digits", size, dtype, chain((64, 16, 10), Tanh), CrossEntropy(),
                (x[:n], y[:n]), (x[-n_test:], y[-n_test:]), min(100, n // 4), note, scheme=glorot)


def residual(channels, widths, blocks):
    """Stages of residual blocks at each width, the images halved between stages, then averaged."""
    layers = [Conv2d(channels, widths[0], 3, padding=1), ReLU()]
    for before, width in zip((None, *widths), widths):
        if before:
            layers += [Conv2d(before, width, 3, stride=2, padding=1), ReLU()]
        for _ in range(blocks):
            layers += [Residual(Conv2d(width, width, 3, padding=1), ReLU(),
                                Conv2d(width, width, 3, padding=1)), ReLU()]
    return Sequential(*layers, AdaptiveAvgPool2d(1), Flatten(), Dense(widths[-1], 10))


_RESIDUAL = {"tiny": ((3, 4), 1, 20), "small": ((8, 16), 1, 100), "paper": ((16, 32, 64), 3, 1000)}


def mnist_resnet(size, folder, dtype):
    """The small network of cifar-resnet on MNIST."""
    widths, blocks, batch = _RESIDUAL[size]
    sides = (1, 8, 8) if folder is None else (1, 28, 28)
    train, test = ((x.reshape(-1, *sides)[:n], y[:n]) for (x, y), n in zip(
        _idx(folder, size), (2_000, 1_000) if size == "small" else (None, None)))
    note = ("The residual network of cifar-resnet on images of MNIST, for who has no CIFAR-10."
            + {"tiny": " Here 200 bundled digits of 8 x 8 pixels, widths 3 and 4, one block each.",
               "small": " Here 2000 images, widths 8 and 16, one block each.", "paper": ""}[size])
    return pose("mnist-resnet", size, dtype, residual(1, widths, blocks), CrossEntropy(),
                train, test, batch, note, scheme=he)


def cifar_resnet(size, folder, dtype):
    """Residual blocks of two 3 x 3 convolutions at widths 16, 32, 64."""
    widths, blocks, batch = _RESIDUAL[size]
    if folder is None:
        channels, (train, test) = 1, _bundled((1, 8, 8))
    else:
        n, n_test = {"small": (2_000, 1_000), "paper": (None, None)}[size]
        channels, train, test = 3, cifar10(folder, "train", n), cifar10(folder, "test", n_test)
    note = ("Residual network on CIFAR-10 [Kri09] after [ZXB17], of which the widths, depth and "
            "batch are not known: widths 16, 32, 64 with three blocks each [HZR16], no "
            "normalisation, no augmentation, changes of width by a strided convolution without a "
            "shortcut, batch 1000, start by He: ours."
            + {"tiny": " Here 200 bundled digits of 8 x 8 pixels, widths 3 and 4, one block each.",
               "small": " Here 2000 images, widths 8 and 16, one block each.", "paper": ""}[size])
    return pose("cifar-resnet", size, dtype, residual(channels, widths, blocks), CrossEntropy(),
                train, test, batch, note, scheme=he)
