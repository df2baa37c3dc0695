"""Folders of results from strangers: refused in a sentence, nothing run, nothing written, no wait.

Every file is one that a careless reader would believe; each test says what it would have done.
"""

import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest

import reference as ref
from reference.__main__ import main
from reference.oracle.golden import reading

RAN = "this_file_was_written_by_a_pickle"


class Evil:
    """Writes a file when it is unpickled."""

    def __reduce__(self):
        return open, (RAN, "w")


def npy(array, **options):
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def described(shape, dtype="<f8", data=b""):
    """An npy file that declares anything."""
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}}}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def zipped(*members):
    """The bytes of a zip file of (name, bytes)."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return stream.getvalue()


GOOD = ("value.npy", npy(1.0))


# ---- npz ----

@pytest.mark.parametrize("member, words", [
    (npy(np.array([Evil()], object), allow_pickle=True), "no pickles"),
    (pickle.dumps(Evil()), "cannot be read"), (npy(np.array(["text"])), "no pickles"),
    (npy(np.ones(3) * 1j), "complex128"), (npy(np.array([True])), "bool"),
    (described((10**12,)), "8000000000000 bytes; 0 are there"),
    (described((2**62, 4)), "are there"), (npy(np.ones(31))[:-9], "are there"),
    (npy(np.ones(31)) + b"x", "are there"), (described("__import__('os').abort()"), "cannot"),
    (b"", "cannot be read")], ids=range(11))
def test_an_array_that_is_none_is_named_and_the_others_are_judged(outcome, member, words):
    found = outcome("dense.npz", zipped(GOOD, ("gradient.npy", member)))
    reports = {row.quantity: row.report for row in found.offered}
    assert reports["gradient"].verdict == "unusable" and words in str(reports["gradient"])
    assert reports["value"].verdict == "differs" and not found.passed


@pytest.mark.parametrize("name", ["../value.npy", "/tmp/value.npy", "a/value.npy", "..\\value.npy",
                                  "value", "value.npy.npy/", "v\u202evalue.npy", ".npy", "C:x.npy"])
def test_members_of_strange_names_are_refused(outcome, name):
    assert "names are those of arrays" in outcome("dense.npz", zipped(GOOD, (name, npy(1.0))))


def test_members_of_one_name_are_refused(outcome):
    with pytest.warns(UserWarning, match="Duplicate"):
        data = zipped(GOOD, GOOD)
    assert "more than once" in outcome("dense.npz", data)


def test_a_bomb_is_not_inflated(outcome, monkeypatch):
    """A gigabyte of zeros in a megabyte would be read; here, 8 MB where 1 MB is allowed."""
    monkeypatch.setattr(reading, "NPZ_BYTES", 2**20)
    bomb = zipped(GOOD, ("gradient.npy", npy(np.zeros(2**20))))
    assert len(bomb) < 2**14
    assert "declares 8388" in outcome("dense.npz", bomb)


def test_a_bomb_that_lies_about_its_size_is_not_inflated(outcome):
    """The directory declares 300 bytes of the 8 MB: no more than these are ever read."""
    data = bytearray(zipped(("gradient.npy", npy(np.zeros(2**20)))))
    size, at = 2**23 + 128, data.rindex(b"PK\x01\x02")
    assert struct.unpack_from("<I", data, at + 24)[0] == size
    struct.pack_into("<I", data, at + 24, 300)
    row, = outcome("dense.npz", bytes(data)).offered
    assert row.quantity == "gradient" and row.report.verdict == "unusable"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_bomb_that_zipfile_would_inflate_without_a_limit_is_not(outcome, method):
    """zipfile bounds what it inflates of deflated members alone."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("gradient.npy", npy(np.ones(31)))
    row, = outcome("dense.npz", stream.getvalue()).offered
    assert "neither stored nor deflated" in str(row.report)


def test_a_file_or_a_count_above_the_cap_is_not_read(outcome, monkeypatch):
    many = zipped(*((f"a{k}.npy", b"") for k in range(1001)))
    assert "1001 members" in outcome("dense.npz", many)
    monkeypatch.setattr(reading, "NPZ_BYTES", 100)
    assert "more than the 100 allowed" in outcome("dense.npz", zipped(GOOD))


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"hello" * 99, zipped(GOOD)[:-30],
                                  zipped(GOOD)[:-1]], ids=range(5))
def test_what_is_no_zip_file_is_refused(outcome, data):
    assert "is not an npz file" in outcome("dense.npz", data)


def test_a_random_byte_anywhere_executes_and_breaks_nothing(outcome):
    """Every outcome is a refusal or a verdict; an exception of another kind fails the test."""
    data, rng = zipped(GOOD), np.random.default_rng(0)
    for _ in range(20):
        spoiled = bytearray(data)
        spoiled[rng.integers(len(data))] = rng.integers(256)
        assert outcome("dense.npz", bytes(spoiled)) is not None


# ---- what is no file ----

def test_links_pipes_and_folders_are_not_opened(pack, tmp_path):
    """A link may lead anywhere, and a pipe would be waited for."""
    secret = tmp_path / "secret.json"
    secret.write_text('{"value": 1}')
    results = tmp_path / "results"
    results.mkdir()
    place = results / "dense.json"
    for make, words in ((lambda: place.symlink_to(secret), "symbolic link"),
                        (lambda: os.mkfifo(place), "no regular file"),
                        (place.mkdir, "directory|regular|denied")):
        make()
        with pytest.raises((ValueError, OSError), match=f"(?i){words}"):
            ref.golden.check(pack, results)
        place.rmdir() if place.is_dir() and not place.is_symlink() else place.unlink()


def test_the_command_refuses_in_one_sentence_with_status_2(pack, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dense.npz").write_bytes(pickle.dumps(Evil()))
    assert main(["golden", "check", str(pack), str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and "is not an npz file" in captured.err
    assert not captured.out and [p.name for p in tmp_path.iterdir()] == ["dense.npz"]


def test_the_planted_pickle_does_write_where_it_is_believed(tmp_path, monkeypatch):
    """The counterexample: without our reader the file appears."""
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(Evil())).close()
    assert (tmp_path / RAN).exists()
