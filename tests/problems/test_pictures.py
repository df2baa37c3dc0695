"""CIFAR-10 and patches of faces are read exactly, and damaged files are named."""

import numpy as np
import pytest
from scipy import io

from reference.problems import cifar10, faces

RECORDS = np.random.default_rng(0).integers(0, 256, (11, 3073), dtype=np.uint8)
RECORDS[:, 0] %= 10


def cifar_files(tmp_path, records=RECORDS):
    for k in range(5):
        records[2 * k:2 * k + 2].tofile(tmp_path / f"data_batch_{k + 1}.bin")
    records[10:].tofile(tmp_path / "test_batch.bin")
    return tmp_path


def test_records_are_labels_and_planes_of_colours(tmp_path):
    x, y = cifar10(cifar_files(tmp_path))
    assert x.shape == (10, 3, 32, 32) and y.tolist() == RECORDS[:10, 0].tolist()
    assert x.dtype == np.float64 and y.dtype == np.int64
    n, colour, row, column = 7, 2, 5, 30
    assert x[n, colour, row, column] == RECORDS[n, 1 + 1024 * colour + 32 * row + column] / 255
    x_test, y_test = cifar10(tmp_path, "test")
    assert np.array_equal(x_test.reshape(1, -1), RECORDS[10:, 1:] / 255) and len(y_test) == 1
    assert np.array_equal(cifar10(tmp_path, n=3)[0], x[:3])


@pytest.mark.parametrize("size", [0, 3072, 3074, 100])
def test_a_file_of_another_size_is_refused_by_path(tmp_path, size):
    cifar_files(tmp_path)
    (tmp_path / "data_batch_3.bin").write_bytes(b"\1" * size)
    with pytest.raises(ValueError, match=f"data_batch_3.bin has {size} bytes.*3073"):
        cifar10(tmp_path)


def test_labels_and_splits_and_missing_files(tmp_path):
    wrong = RECORDS.copy()
    wrong[4, 0] = 10
    with pytest.raises(ValueError, match="data_batch_3.bin holds the label 10"):
        cifar10(cifar_files(tmp_path, wrong))
    with pytest.raises(ValueError, match="split='t10k'"):
        cifar10(tmp_path, "t10k")
    (tmp_path / "test_batch.bin").unlink()
    with pytest.raises(FileNotFoundError, match="test_batch.bin"):
        cifar10(tmp_path, "test")


PATCHES = np.random.default_rng(1).standard_normal((625, 6)).astype(np.float32)


@pytest.mark.parametrize("form, compress", [("4", False), ("5", False), ("5", True)])
def test_columns_of_a_matlab_file_are_patches(tmp_path, form, compress):
    path = tmp_path / "a.mat"
    io.savemat(path, {"other": np.eye(2), "newfaces_single": PATCHES}, format=form,
               do_compression=compress)
    x = faces(path)
    assert np.array_equal(x, PATCHES.T) and x.dtype == np.float32 and x.flags.c_contiguous


BAD = {
    "another name": ({"faces": PATCHES}, "'faces'.*newfaces_single"),
    "rows": ({"newfaces_single": PATCHES.T}, r"\(625, N\)"),
    "integers": ({"newfaces_single": np.ones((625, 2), np.uint8)}, "uint8.*single or double"),
    "none": ({"newfaces_single": np.ones((625, 0))}, r"\(625, N\)"),
    "objects": ({"newfaces_single": {"a": 1}}, "struct.*single or double"),
}


@pytest.mark.parametrize("held, reason", BAD.values(), ids=BAD)
def test_another_layout_is_refused_by_path(tmp_path, held, reason):
    io.savemat(tmp_path / "bad.mat", held)
    with pytest.raises(ValueError, match=reason) as caught:
        faces(tmp_path / "bad.mat")
    assert "bad.mat" in str(caught.value)


def test_damage_is_refused_and_a_cap_can_be_chosen(tmp_path):
    path = tmp_path / "bad.mat"
    io.savemat(path, {"newfaces_single": PATCHES}, do_compression=True)
    with pytest.raises(ValueError, match="declares 15000 bytes, over the 14999"):
        faces(path, max_bytes=14999)
    whole = path.read_bytes()
    zeroed = whole[:300] + b"\0" * 40 + whole[340:]
    for damaged in (b"", b"hello", whole[:200], whole[:-50], zeroed):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="bad.mat cannot be read"):
            faces(path)
    with pytest.raises(FileNotFoundError):
        faces(tmp_path / "none.mat")
