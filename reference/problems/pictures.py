"""Readers for the binary files of CIFAR-10 and for the face patches: sizes first, numbers then."""

from pathlib import Path

import numpy as np
from scipy import io

from .files import CAP

_RECORD = 1 + 3 * 32 * 32               # bytes: a label, then red, green and blue, row by row
_SPLITS = {"train": tuple(f"data_batch_{k}.bin" for k in range(1, 6)), "test": ("test_batch.bin",)}
_PATCHES, _PIXELS = "newfaces_single", 625


def cifar10(directory, split: str = "train", n: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """x (N, 3, 32, 32) = pixel / 255 in [0, 1] and y (N,) in 0..9, from the binary version [Kri09].

    Parameters
    ----------
    directory : path-like
        Holds `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`, of 3073 bytes per
        image: the label, and 1024 pixels each of red, green and blue, row by row.
    split : "train" or "test"
    n : int, optional
        The first n images; all if omitted.

    Returns
    -------
    x : (N, 3, 32, 32) float64
    y : (N,) int64

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If a file is no whole number of records, too large, or holds a label above 9.
    """
    if split not in _SPLITS:
        raise ValueError(f"split={split!r}; write 'train' or 'test'.")
    paths = [Path(directory) / name for name in _SPLITS[split]]
    records = np.concatenate([_records(path) for path in paths])[:n]
    return records[:, 1:].reshape(-1, 3, 32, 32) / 255, records[:, 0].astype(np.int64)


def _records(path):
    """Bytes (N, 3073) of one file."""
    size = path.stat().st_size
    if size == 0 or size % _RECORD or size > CAP:
        raise ValueError(f"{path} has {size} bytes, not a whole number of records of {_RECORD} "
                         f"(at most {CAP} bytes); unpack the binary version of CIFAR-10 again.")
    records = np.fromfile(path, np.uint8).reshape(-1, _RECORD)
    if (records[:, 0] > 9).any():
        raise ValueError(f"{path} holds the label {records[:, 0].max()}, but classes are 0 to 9; "
                         "unpack the binary version of CIFAR-10 again.")
    return records


def faces(path, max_bytes: int = CAP) -> np.ndarray:
    """x (N, 625): patches of faces, 25 x 25 pixels, from the columns of a MATLAB file [Mar10].

    Parameters
    ----------
    path : path-like
        A MATLAB file of version 4 to 7 (not 7.3) whose variable `newfaces_single` (625, N) is of
        type single or double: the layout of newfaces_rot_single.mat, N = 165600.
    max_bytes : int
        The largest size that the variable may declare.

    Returns
    -------
    x : (N, 625) float32 or float64, as the file has it

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged, declares too much, or has no such variable.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; name the file newfaces_rot_single.mat.")
    try:
        declared = {name: (shape, kind) for name, shape, kind in io.whosmat(path)}
        _require_patches(declared, max_bytes)
        patches = io.loadmat(path, variable_names=[_PATCHES])[_PATCHES]
    except Exception as error:          # a damaged file raises nearly anything
        raise ValueError(f"{path} cannot be read as patches of faces: {error}") from error
    return np.ascontiguousarray(patches.T)


def _require_patches(declared, max_bytes):
    shape, kind = declared.get(_PATCHES, ((), "nothing"))
    if kind not in ("single", "double") or len(shape) != 2 or shape[0] != _PIXELS or not shape[1]:
        raise ValueError(f"its variables are {declared}; {_PATCHES} ({_PIXELS}, N) of single or "
                         "double is needed.")
    size = shape[0] * shape[1] * (4 if kind == "single" else 8)
    if size > max_bytes:
        raise ValueError(f"{_PATCHES} declares {size} bytes, over the {max_bytes} allowed.")
