"""One small pack for all tests of packs, copies of it to be spoiled, and files from strangers."""

import json
import shutil

import pytest

import reference as ref


@pytest.fixture(scope="session")
def pack(tmp_path_factory):
    """The folder of a pack of two cases."""
    folder = tmp_path_factory.mktemp("golden") / "pack"
    ref.golden.write(folder, ["dense", "batchnorm"])
    return folder


@pytest.fixture
def copy(pack, tmp_path):
    """A pack of its own, to be spoiled."""
    return shutil.copytree(pack, tmp_path / "copy")


@pytest.fixture
def changed(copy):
    """Change the copy's manifest in place by a function."""
    def run(change):
        path = copy / "manifest.json"
        manifest = json.loads(path.read_text("utf-8"))
        change(manifest)
        path.write_text(json.dumps(manifest), "utf-8")
    return run


@pytest.fixture
def outcome(pack, tmp_path, monkeypatch):
    """What check says of a file's bytes: a Checked, or the text of the refusal; nothing is left."""
    monkeypatch.chdir(tmp_path)
    results = tmp_path / "results"
    results.mkdir()

    def run(name, data):
        (results / name).write_bytes(data)
        before = sorted(p for p in tmp_path.rglob("*"))
        try:
            found = ref.golden.check(pack, results)
        except ValueError as refusal:
            found = str(refusal)
            assert found.count("\n") == 0 and len(found) < 600
        assert sorted(p for p in tmp_path.rglob("*")) == before
        return found
    return run
