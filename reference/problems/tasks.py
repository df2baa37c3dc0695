"""The problems that the papers train on, by name and in three sizes.

| name | data | network |
|---|---|---|
| mnist-autoencoder | MNIST | 784-1000-500-250-30-mirror, ReLU [GRB20] |
| curves-autoencoder | drawn curves | 784-400-200-100-50-25-6-mirror, ReLU [GRB20] |
| faces-autoencoder | patches of faces | 625-2000-1000-500-30-mirror, ReLU [GRB20] |
| mnist-classifier | MNIST | 784-512-128-32-10, sigmoid [CCC18] |
| mnist-dropout | MNIST | 784-1200-1200-10, ReLU, dropout [Kir13] |
| fashion-classifier | Fashion-MNIST | 784-512-128-32-10, sigmoid |
| mnist-resnet | MNIST | residual blocks of convolutions |
| cifar-resnet | CIFAR-10 | residual blocks of convolutions [ZXB17] |
| sequential-mnist | MNIST, 7 x 7 | three LSTMs over 49 pixels [ZXB17] |
| chaotic-series | Mackey-Glass | RNN, one step ahead [CS99] |
| text | any text | embedding, LSTM, next character |
| digits | the bundled digits | 64-16-10, tanh |
"""

from .autoencoders import curves_autoencoder, faces_autoencoder, mnist_autoencoder
from .classifiers import (cifar_resnet, digit_classifier, fashion_classifier, mnist_classifier,
                          mnist_dropout, mnist_resnet)
from .sequences import chaotic_series, sequential_mnist, text
from .sources import locate
from .training import SIZES, Task

TASKS = {                               # name -> maker(size, where its files are or None, dtype)
    "mnist-autoencoder": mnist_autoencoder,
    "curves-autoencoder": curves_autoencoder,
    "faces-autoencoder": faces_autoencoder,
    "mnist-classifier": mnist_classifier,
    "mnist-dropout": mnist_dropout,
    "fashion-classifier": fashion_classifier,
    "mnist-resnet": mnist_resnet,
    "cifar-resnet": cifar_resnet,
    "sequential-mnist": sequential_mnist,
    "chaotic-series": chaotic_series,
    "text": text,
    "digits": digit_classifier,
}
FILES = {                               # task -> the data set of sources.SOURCES that it reads
    "mnist-autoencoder": "mnist", "mnist-classifier": "mnist", "mnist-dropout": "mnist",
    "mnist-resnet": "mnist",
    "sequential-mnist": "mnist", "fashion-classifier": "fashion-mnist",
    "cifar-resnet": "cifar-10", "faces-autoencoder": "faces", "text": "text",
}
DTYPES = ("float32", "float64")


def task(name: str, size: str = "small", data=None, dtype: str = "float64") -> Task:
    """The task of a name: `train` and `test` objectives, batch, note, and `initial(rng)`.

    Parameters
    ----------
    name : str
        Of TASKS.
    size : "tiny", "small" or "paper"
        Of bundled or made data alone and trained in seconds; in minutes; or as in the paper.
    data : path-like, optional
        The folder with the task's files, or its only file.  If omitted, they are looked for in
        the directory that the environment variable REFERENCE_DATA names, in the folders `mnist`,
        `fashion-mnist`, `cifar-10-batches-bin`, `faces` and `text`.  "tiny" reads no file but of
        "text", where one is given.
    dtype : "float32" or "float64"

    Returns
    -------
    Task

    Raises
    ------
    ValueError
        For an unknown name, size or dtype, `data` where none are read, or a damaged file.
    FileNotFoundError
        If a file is missing; the message says how to get it.

    Examples
    --------
    >>> import numpy as np
    >>> from reference.problems import task
    >>> digits = task("digits", "tiny")
    >>> theta = digits.initial(np.random.default_rng(0))
    >>> digits.train.N, digits.test.N, digits.batch, theta.shape
    (200, 100, 50, (1210,))
    """
    for what, value, choices in (("task", name, TASKS), ("size", size, SIZES),
                                 ("dtype", dtype, DTYPES)):
        if value not in choices:
            raise ValueError(f"no {what} {value!r}; choose one of {', '.join(choices)}.")
    reads = name in FILES and (size != "tiny" or (name == "text" and data is not None))
    if data is not None and not reads:
        raise ValueError(f"data={str(data)!r}, but {name} of size {size} reads no files; leave "
                         "data out.")
    return TASKS[name](size, locate(FILES[name], data) if reads else None, dtype)
