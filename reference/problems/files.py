"""A reader for npz files, and a writer that leaves either the old file or the whole new one.

A file is a claim by a stranger. What it declares (type, shape, size) is read first, held against a
cap and against what is there, and only then are the numbers read. Nothing is ever unpickled.
"""

import math
import os
import threading
import zipfile
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np

CAP = 2**30                             # bytes that a file or a member may declare, unless told
_KINDS = "biufc"                        # booleans and numbers; never text or objects
_LARGE = 2 ** 20                        # bytes
_EPOCH = (1980, 1, 1, 0, 0, 0)          # the zip format's first date: equal arrays, equal bytes
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0}


def load_npz(path, members, max_bytes: int = CAP) -> dict[str, np.ndarray]:
    """{name: array} for the named members of an npz file; other members are not even opened.

    Parameters
    ----------
    path : path-like
    members : iterable of str
        The names to read; each must be there.
    max_bytes : int
        The largest size in bytes that one member may declare.

    Returns
    -------
    arrays : dict of numeric or boolean arrays

    Raises
    ------
    ValueError
        If the file is not a zip file, or a member is missing, damaged, too large, or holds
        anything but numbers and booleans.
    """
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path} is not an npz file: {error}.") from error
    with archive:
        return {name: _load_member(archive, path, name, max_bytes) for name in members}


def _load_member(archive, path, name, max_bytes):
    try:
        return _read_npy(_member_bytes(archive, name, max_bytes))
    except Exception as error:          # a hostile header raises nearly anything
        raise ValueError(f"{path}, member {name!r}, cannot be read: {error}") from error


def _member_bytes(archive, name, max_bytes):
    """The bytes of one member, no more than the zip directory declares; zipfile checks the CRC."""
    if f"{name}.npy" not in archive.namelist():
        held = ", ".join(archive.namelist()[:20])
        raise ValueError(f"the file does not hold it, but {held or 'nothing'}.")
    info = archive.getinfo(f"{name}.npy")
    if info.file_size > max_bytes:
        raise ValueError(f"it declares {info.file_size} bytes, more than the {max_bytes} allowed.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("it is neither stored nor deflated; others inflate without a limit.")
    with archive.open(info) as stream:
        return stream.read(info.file_size + 1)       # without a size a bomb would be inflated


def _read_npy(data):
    """The array of an npy file, once dtype and size have been read from its header and believed."""
    stream = BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"its npy format version is {version}, not (1, 0) or (2, 0).")
    shape, _, dtype = _HEADERS[version](stream)
    if dtype.kind not in _KINDS or dtype.itemsize == 0:
        raise ValueError(f"its dtype is {dtype}; numbers and booleans are read, no pickles.")
    size, rest = dtype.itemsize * math.prod(shape), len(data) - stream.tell()
    if min(shape, default=0) < 0 or size != rest:
        raise ValueError(f"its header declares {dtype} {shape}, {size} bytes; {rest} are there.")
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)


def save_npz(path, /, **arrays) -> None:
    """Write the arrays to one compressed npz file, whole or not at all; equal arrays, equal bytes.

    Large arrays of floats are stored as they are: a checkpoint of 60 MB would take two seconds.

    Parameters
    ----------
    path : path-like
    **arrays : array_like
        Numbers or booleans, by member name.

    Raises
    ------
    ValueError
        If an array holds anything but numbers and booleans.
    FileNotFoundError
        If the folder does not exist.
    """
    with replacing(path) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            _write_member(archive, path, name, np.asanyarray(array))


def _write_member(archive, path, name, array):
    if array.dtype.kind not in _KINDS:
        raise ValueError(f"{path}, member {name!r}: dtype {array.dtype} is not written; "
                         "convert it to numbers or booleans.")
    info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
    digits = array.dtype.kind in "fc" and array.nbytes >= _LARGE         # which hardly compress
    info.compress_type = zipfile.ZIP_STORED if digits else zipfile.ZIP_DEFLATED
    with archive.open(info, "w", force_zip64=True) as member:
        np.lib.format.write_array(member, array, allow_pickle=False)


@contextmanager
def replacing(path):
    """A binary stream that becomes the file `path` if the block ends well, and vanishes otherwise.

    The bytes go to a temporary file in the same directory, reach the disk, and take the name in one
    step, so that no reader and no crash ever meets half a file.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path} cannot be written: there is no folder {path.parent}; "
                                "make it first.")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with open(temporary, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:            # by the name that was given, not by a temporary one
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None
    finally:
        temporary.unlink(missing_ok=True)
