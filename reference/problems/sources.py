"""Where the files of a data set are looked for, what to do if they are not there, and a fetcher.

Nothing is fetched unless `fetch` is called, and it keeps nothing whose SHA-256 is not the pinned
one.
"""

import os
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "REFERENCE_DATA"


@dataclass(frozen=True)
class Source:
    """The files of a data set: their folder under REFERENCE_DATA, names, origin and SHA-256.

    folder : str
    files : tuple of str, as the readers want them; each may have `.gz` appended if it is IDX
    origin : str, where a person finds them
    url : str, to which a file's name is appended; None where `fetch` refuses
    hashes : tuple of (name, SHA-256) of what `url` gives
    """

    folder: str
    files: tuple
    origin: str
    url: str | None = None
    hashes: tuple = ()

    def missing(self, folder):
        """Names of the files that are not in the folder, nor their gzipped forms."""
        return [name for name in self.files
                if not any((folder / full).is_file() for full in (name, f"{name}.gz"))]


_IDX = tuple(f"{split}-{what}-ubyte" for split in ("train", "t10k")
             for what in ("images-idx3", "labels-idx1"))

SOURCES = {
    "mnist": Source(
        "mnist", _IDX, "the MNIST database of handwritten digits [LBB98]",
        "https://storage.googleapis.com/cvdf-datasets/mnist/", (
            ("train-images-idx3-ubyte.gz",
             "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
            ("train-labels-idx1-ubyte.gz",
             "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
            ("t10k-images-idx3-ubyte.gz",
             "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
            ("t10k-labels-idx1-ubyte.gz",
             "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"))),
    "fashion-mnist": Source(
        "fashion-mnist", _IDX, "github.com/zalandoresearch/fashion-mnist, folder data/fashion"),
    "cifar-10": Source(
        "cifar-10-batches-bin", (*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"),
        "the CIFAR-10 page of A. Krizhevsky, 'binary version', unpacked by tar"),
    "faces": Source(
        "faces", ("newfaces_rot_single.mat",),
        "www.cs.toronto.edu/~jmartens/newfaces_rot_single.mat"),
    "text": Source("text", ("input.txt",), "any text in UTF-8"),
}


def locate(name, data=None):
    """The folder that holds all files of the data set `name`.

    Parameters
    ----------
    name : str
        Of SOURCES.
    data : path-like, optional
        That folder, or a file in it that takes the place of the only one.  If omitted, the folder
        of SOURCES[name] in the directory that the environment variable REFERENCE_DATA names.

    Returns
    -------
    path : pathlib.Path
        The folder; or the file, for data sets of one file.

    Raises
    ------
    ValueError
        For an unknown name.
    FileNotFoundError
        Naming what is missing where, and how to get it.
    """
    source = _source(name)
    if data is not None:
        folder = Path(data)
    elif os.environ.get(VARIABLE):
        folder = Path(os.environ[VARIABLE]) / source.folder
    else:
        raise FileNotFoundError(f"{name} is not here: data= names no folder and {VARIABLE} is not "
                                f"set. {_how(name)}")
    single = len(source.files) == 1
    if single and folder.is_file():
        return folder
    missing = source.missing(folder)
    if missing:
        raise FileNotFoundError(f"{folder} does not hold {', '.join(missing)}. {_how(name)}")
    return folder / source.files[0] if single else folder


def _source(name):
    if name not in SOURCES:
        raise ValueError(f"no data set {name!r}; choose one of {', '.join(SOURCES)}.")
    return SOURCES[name]


def _how(name):
    """What to do for the files of a data set."""
    source = SOURCES[name]
    place = (f"put them in a folder, D/{source.folder}, and set {VARIABLE}=D, or pass "
             f"data='D/{source.folder}'")
    if source.url is None:
        return f"Get {', '.join(source.files)} ({source.origin}); {place}."
    return (f"Run python -c \"import reference; reference.problems.fetch('{name}', 'D')\" and set "
            f"{VARIABLE}=D; or {place}: {', '.join(source.files)}, each plain or with .gz "
            f"({source.origin}).")


def fetch(name, directory):
    """Download the files of a data set into directory/folder, and check each one's SHA-256.

    Needs pooch: pip install "curvature-reference[data]".  Files that are there already, and are
    the right ones, are not downloaded again.

    Parameters
    ----------
    name : str
        Of SOURCES; only "mnist" has pinned hashes.
    directory : path-like
        What REFERENCE_DATA is to name.

    Returns
    -------
    folder : pathlib.Path

    Raises
    ------
    ValueError
        For an unknown name, a data set without pinned hashes, or a file with another hash.
    ImportError
        If pooch is not installed.
    """
    source = _source(name)
    if source.url is None:
        raise ValueError(f"{name} is not fetched: no SHA-256 of its files is pinned, so what came "
                         f"could not be checked. {_how(name)}")
    try:
        import pooch
    except ImportError as error:
        raise ImportError("fetch needs pooch; pip install \"curvature-reference[data]\", or "
                          f"download by hand. {_how(name)}") from error
    folder = Path(directory) / source.folder
    for file, digest in source.hashes:
        pooch.retrieve(source.url + file, f"sha256:{digest}", fname=file, path=folder)
    return folder
