"""IDX files are read exactly, and every lie in a header is named together with the path."""

import gzip
import struct

import numpy as np
import pytest

from reference.problems import load_idx, mnist

TYPES = {"u1": 0x08, "i1": 0x09, ">i2": 0x0B, ">i4": 0x0C, ">f4": 0x0D, ">f8": 0x0E}


def idx_bytes(array, dtype="u1"):
    """The IDX form of an array, written from the format's definition."""
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, TYPES[dtype], array.ndim]) + sizes + array.astype(dtype).tobytes()


def write(path, data):
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("dtype", TYPES)
def test_what_was_written_comes_back(tmp_path, dtype, pack):
    array = np.arange(-12, 12).reshape(2, 3, 4).astype(dtype)
    read = load_idx(write(tmp_path / "a", pack(idx_bytes(array, dtype))))
    assert np.array_equal(read, array) and read.shape == array.shape
    assert read.dtype == np.dtype(dtype).newbyteorder("=") and read.flags.writeable


GOOD = idx_bytes(np.arange(6).reshape(2, 3))
BAD = {
    "empty": (b"", "begins with"),
    "wrong magic": (b"\x01" + GOOD[1:], "begins with"),
    "unknown type": (b"\0\0\x0a" + GOOD[3:], "begins with"),
    "rank 0": (b"\0\0\x08\0\x01", "begins with"),
    "ends in the header": (GOOD[:7], "within the 2 sizes"),
    "too short": (GOOD[:-1], "declares 6 bytes of data, but 5 are there"),
    "too long": (GOOD + b"\0", "declares 6 bytes of data, but more are there"),
    "huge": (b"\0\0\x08\x02" + b"\xff" * 8 + b"\0" * 6, "declares 18446744065119617025 bytes"),
    "huge, but for a zero": (b"\0\0\x08\x04" + b"\0" * 4 + b"\xff" * 12, "cannot be read"),
    "a gzip cut off": (gzip.compress(GOOD)[:-9], "end-of-stream"),
    "a gzip damaged": (gzip.compress(GOOD)[:-8] + b"\0" * 8, "CRC"),
    "a gzip damaged within": (gzip.compress(GOOD)[:12] + b"\xff" * 20, "cannot be read"),
}


@pytest.mark.parametrize("data, reason", BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_refused_by_path_and_reason(tmp_path, data, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        load_idx(write(tmp_path / "bad-file", data))
    assert "bad-file" in str(caught.value)


def test_the_cap_can_be_chosen(tmp_path):
    path = write(tmp_path / "a", GOOD)
    assert load_idx(path, max_bytes=6).size == 6
    with pytest.raises(ValueError, match="6 bytes, over the 5 allowed"):
        load_idx(path, max_bytes=5)


def mnist_files(tmp_path, images, labels, prefix="train", dtype="u1"):
    write(tmp_path / f"{prefix}-images-idx3-ubyte", idx_bytes(images, dtype))
    write(tmp_path / f"{prefix}-labels-idx1-ubyte.gz", gzip.compress(idx_bytes(labels)))
    return tmp_path


IMAGES = np.arange(2 * 784).reshape(2, 28, 28) % 256


@pytest.mark.parametrize("split, prefix", [("train", "train"), ("test", "t10k")])
def test_mnist_reads_plain_and_gzipped_files_side_by_side(tmp_path, split, prefix):
    x, y = mnist(mnist_files(tmp_path, IMAGES, np.array([9, 0]), prefix), split)
    assert np.array_equal(x, IMAGES.reshape(2, 784) / 255) and x.min() == 0 and x.max() == 1
    assert y.tolist() == [9, 0] and x.dtype == np.float64 and y.dtype == np.int64


def test_mnist_names_what_does_not_fit(tmp_path):
    with pytest.raises(ValueError, match="split='validation'"):
        mnist(tmp_path, "validation")
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte"):
        mnist(tmp_path)
    with pytest.raises(ValueError, match=r"\(2, 28, 27\)"):
        mnist(mnist_files(tmp_path, IMAGES[:, :, 1:], np.array([1, 2])))
    with pytest.raises(ValueError, match="float32"):
        mnist(mnist_files(tmp_path, IMAGES, np.array([1, 2]), dtype=">f4"))
    with pytest.raises(ValueError, match=r"\(3,\).*\(2,\)"):
        mnist(mnist_files(tmp_path, IMAGES, np.array([1, 2, 3])))
    with pytest.raises(ValueError, match="label 10"):
        mnist(mnist_files(tmp_path, IMAGES, np.array([1, 10])))
