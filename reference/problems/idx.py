"""A reader for IDX files, the form of MNIST and its kin: 0 0 type rank, sizes, numbers, big-endian.

The header is checked against a cap and against the length of the file before a number is read.
"""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from .files import CAP

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_SPLITS = {"train": "train", "test": "t10k"}


def load_idx(path, max_bytes: int = CAP) -> np.ndarray:
    """The array of an IDX file, plain or gzipped, in its declared shape and native byte order.

    Parameters
    ----------
    path : path-like
    max_bytes : int
        The largest size in bytes that the header may declare.

    Returns
    -------
    array : of uint8, int8, int16, int32, float32 or float64, whichever the file declares

    Raises
    ------
    ValueError
        If the file is not IDX, declares more than `max_bytes`, or holds more or less than declared.
    """
    with _open_plain_or_gzip(path) as stream:
        try:
            return _read_idx(stream, max_bytes)
        except (ValueError, EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path} cannot be read as an IDX file: {error}.") from error


def _open_plain_or_gzip(path):
    """Gzip is known by its first two bytes, not by the name."""
    with open(path, "rb") as stream:
        zipped = stream.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if zipped else open(path, "rb")


def _read_idx(stream, max_bytes):
    dtype, shape = _idx_header(stream)
    size = dtype.itemsize * math.prod(shape)
    if size > max_bytes:
        raise ValueError(f"its shape {shape} declares {size} bytes, over the {max_bytes} allowed")
    data = stream.read(size + 1)                     # one more, to notice what should not be there
    if len(data) != size:
        found = "more" if len(data) > size else len(data)
        raise ValueError(f"its shape {shape} declares {size} bytes of data, but {found} are there")
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _idx_header(stream):
    """(dtype, shape) of an IDX stream."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or magic[3] == 0:
        raise ValueError(f"it begins with {magic!r}, not with 0, 0, a known type and a rank")
    sizes = stream.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise ValueError(f"it ends within the {magic[3]} sizes of its header")
    return np.dtype(_TYPES[magic[2]]), tuple(np.frombuffer(sizes, ">u4").tolist())


def mnist(directory, split: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """x (N, 784) = pixel / 255 in [0, 1], row by row, and y (N,) in 0..9, from MNIST's four files.

    Parameters
    ----------
    directory : path-like
        Holds `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the two `t10k-` files, each
        plain or with `.gz`. Data sets in the same form (Fashion-MNIST, KMNIST) do as well.
    split : "train" or "test"

    Returns
    -------
    x : (N, 784) float64
    y : (N,) int64

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If a file is damaged, or images and labels do not belong together.
    """
    if split not in _SPLITS:
        raise ValueError(f"split={split!r}; write 'train' or 'test'.")
    images_path = _plain_or_gz(directory, f"{_SPLITS[split]}-images-idx3-ubyte")
    labels_path = _plain_or_gz(directory, f"{_SPLITS[split]}-labels-idx1-ubyte")
    images, labels = load_idx(images_path), load_idx(labels_path)
    if images.dtype != np.uint8 or images.shape[1:] != (28, 28):
        raise ValueError(f"{images_path} holds {images.dtype} {images.shape}, "
                         "but images are uint8 (N, 28, 28).")
    if labels.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise ValueError(f"{labels_path} holds {labels.dtype} {labels.shape}, but the images "
                         f"{images_path} need uint8 {images.shape[:1]}.")
    if (labels > 9).any():
        raise ValueError(f"{labels_path} holds the label {labels.max()}; a digit is 0 to 9.")
    return images.reshape(-1, 784) / 255, labels.astype(np.int64)


def _plain_or_gz(directory, name):
    paths = [Path(directory) / name, Path(directory) / f"{name}.gz"]
    for path in paths:
        if path.is_file():
            return path
    raise FileNotFoundError(f"Neither {paths[0]} nor {paths[1].name} beside it exists; "
                            "name the directory that holds the four MNIST files.")
