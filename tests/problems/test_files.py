"""npz files come back as they went; a hostile one is named and never believed or unpickled."""

import io
import struct
import zipfile

import numpy as np
import pytest

from reference.problems import load_npz, replacing, save_npz

ARRAYS = {
    "f": np.linspace(0, 1, 6).reshape(2, 3), "i": np.arange(3), "c": np.array([1 + 2j]),
    "scalar": np.float64(0.1), "empty": np.zeros((0, 4)),
    "flag": np.array(True), "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "longdouble": np.longdouble(1) / 3, "strided": np.arange(10)[::-2],
}


def test_what_was_saved_comes_back_bit_by_bit(tmp_path):
    save_npz(tmp_path / "a.npz", **ARRAYS)
    for name, array in load_npz(tmp_path / "a.npz", ARRAYS).items():
        assert array.dtype == ARRAYS[name].dtype and np.array_equal(array, ARRAYS[name])


def test_numpy_reads_what_was_saved_and_the_other_way_round(tmp_path):
    save_npz(tmp_path / "ours.npz", f=ARRAYS["f"])
    np.savez(tmp_path / "theirs.npz", f=ARRAYS["f"])
    with np.load(tmp_path / "ours.npz") as ours:
        assert np.array_equal(ours["f"], ARRAYS["f"])
    assert np.array_equal(load_npz(tmp_path / "theirs.npz", ["f"])["f"], ARRAYS["f"])


def test_equal_arrays_give_equal_bytes(tmp_path):
    for name in "ab":
        save_npz(tmp_path / name, **ARRAYS)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_only_the_named_members_are_opened(tmp_path):
    np.savez(tmp_path / "a.npz", good=np.ones(2), evil=np.array([print], dtype=object))
    assert list(load_npz(tmp_path / "a.npz", ["good"])) == ["good"]


# ---- hostile files ----

def npy(header, data=b""):
    """An npy file of version (1, 0) with any header at all."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def described(descr, shape):
    return f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}}}"


def pickled():
    stream = io.BytesIO()
    np.save(stream, np.array([{"a": 1}], dtype=object))
    return stream.getvalue()


HOSTILE = {
    "pickle": (pickled(), "object.*no pickles"),
    "pickle in a record": (npy(described([("a", "|O")], (1,))), "no pickles"),
    "numbers of no size": (npy(described("|S0", (10**12,))), r"dtype is \|S0"),
    "text": (npy(described("<U4", (1,)), b"\0" * 16), "numbers and booleans are read"),
    "void": (npy(described("|V0", (10**12,))), "numbers and booleans are read"),
    "huge shape": (npy(described("<f8", (10**12,)), b"\0" * 8), "8000000000000 bytes; 8 are there"),
    "overflowing shape": (npy(described("<f8", (2**62, 4)), b""), "0 are there"),
    "negative shape": (npy(described("<f8", (-1, -1)), b"\0" * 8), "declares float64"),
    "too short": (npy(described("<f8", (2,)), b"\0" * 15), "16 bytes; 15 are there"),
    "too long": (npy(described("<f8", (2,)), b"\0" * 17), "16 bytes; 17 are there"),
    "no npy": (b"hello", "cannot be read"),
    "empty": (b"", "cannot be read"),
    "future version": (b"\x93NUMPY\x09\x00" + b"\0" * 20, "version"),
    "header is code": (npy("__import__('os').abort()"), "cannot be read"),
    "header nests": (npy("(" * 5000), "cannot be read"),
    "header too long": (npy(" " * 60000), "cannot be read"),
}


@pytest.mark.parametrize("data, reason", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_member_is_refused_by_path_and_name(tmp_path, data, reason):
    with zipfile.ZipFile(tmp_path / "bad.npz", "w") as archive:
        archive.writestr("a.npy", data)
    with pytest.raises(ValueError, match=reason) as caught:
        load_npz(tmp_path / "bad.npz", ["a"])
    assert "bad.npz" in str(caught.value) and "'a'" in str(caught.value)


def test_large_arrays_of_floats_are_stored_and_others_deflated(tmp_path):
    digits = np.random.default_rng(0).random(2 ** 17)                        # 1 MiB
    save_npz(tmp_path / "a.npz", large=digits, small=digits[:-1], whole=np.arange(2 ** 18))
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        kinds = [info.compress_type for info in archive.infolist()]
    assert kinds == [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED]
    assert (load_npz(tmp_path / "a.npz", ["large"])["large"] == digits).all()


def test_a_member_that_declares_too_much_is_not_inflated(tmp_path):
    save_npz(tmp_path / "bomb.npz", a=np.zeros(10**6, int))
    assert (tmp_path / "bomb.npz").stat().st_size < 10**5
    with pytest.raises(ValueError, match="declares 8000128 bytes, more than the 1000 allowed"):
        load_npz(tmp_path / "bomb.npz", ["a"], max_bytes=1000)


def test_a_bomb_that_declares_little_is_cut_off(tmp_path):
    with zipfile.ZipFile(tmp_path / "lying.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", npy(described("<f8", (10**6,)), b"\0" * 8 * 10**6))
        true = struct.pack("<I", archive.getinfo("a.npy").file_size)
    data = (tmp_path / "lying.npz").read_bytes()
    assert data.count(true) == 2
    (tmp_path / "lying.npz").write_bytes(data.replace(true, struct.pack("<I", 500)))
    with pytest.raises(ValueError, match="lying.npz.*'a'.*CRC"):
        load_npz(tmp_path / "lying.npz", ["a"], max_bytes=1000)


def test_a_flipped_bit_is_noticed(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", npy(described("<f8", (2,)), b"\0" * 15 + b"\1"))
    data = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(data.replace(b"\0" * 15 + b"\1", b"\0" * 15 + b"\3"))
    with pytest.raises(ValueError, match="CRC"):
        load_npz(tmp_path / "a.npz", ["a"])


def test_a_missing_member_and_a_file_that_is_no_zip_are_named(tmp_path):
    save_npz(tmp_path / "a.npz", x=np.ones(1))
    with pytest.raises(ValueError, match=r"a.npz, member 'y'.*x.npy"):
        load_npz(tmp_path / "a.npz", ["y"])
    (tmp_path / "b.npz").write_bytes(b"not a zip file")
    with pytest.raises(ValueError, match="b.npz is not an npz file"):
        load_npz(tmp_path / "b.npz", ["y"])


# ---- writing ----

def test_objects_are_not_written_and_the_old_file_stays(tmp_path):
    path = tmp_path / "a.npz"
    save_npz(path, x=np.ones(1))
    with pytest.raises(ValueError, match="a.npz, member 'bad': dtype object"):
        save_npz(path, x=np.zeros(1), bad=np.array([None]))
    assert load_npz(path, ["x"])["x"] == 1 and list(tmp_path.iterdir()) == [path]


def test_text_is_not_written_and_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ValueError, match="member 'name': dtype <U4 is not written"):
        save_npz(tmp_path / "a.npz", name=np.array(["tanh"]))
    with pytest.raises(FileNotFoundError, match="there is no folder .*nowhere; make it first"):
        save_npz(tmp_path / "nowhere" / "a.npz", x=np.ones(1))


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, interruption):
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(interruption), replacing(path) as stream:
        stream.write(b"half of the n")
        raise interruption
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_members_may_have_any_name(tmp_path):
    save_npz(tmp_path / "a.npz", path=np.ones(1), file=np.ones(2), allow_pickle=np.ones(3))
    assert load_npz(tmp_path / "a.npz", ["path", "file", "allow_pickle"])["file"].size == 2
