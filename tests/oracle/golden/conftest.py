"""One small pack for all tests of packs: reading it changes nothing."""

import pytest

import reference as ref


@pytest.fixture(scope="session")
def pack(tmp_path_factory):
    """The folder of a pack of two cases."""
    folder = tmp_path_factory.mktemp("golden") / "pack"
    ref.golden.write(folder, ["dense", "batchnorm"])
    return folder
