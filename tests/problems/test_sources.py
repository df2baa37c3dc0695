"""Files are looked for where the page says; what is missing is named, with what to do."""

import sys
from types import SimpleNamespace

import pytest

from reference.problems import SOURCES, fetch, locate
from reference.problems.sources import VARIABLE


@pytest.fixture
def unset(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)


def fill(folder, name, suffix=""):
    folder.mkdir(parents=True)
    for file in SOURCES[name].files:
        (folder / f"{file}{suffix}").write_bytes(b"")
    return folder


@pytest.mark.parametrize("name", SOURCES)
def test_files_are_found_in_the_folder_given_or_under_the_variable(
        tmp_path, unset, monkeypatch, name):
    folder = fill(tmp_path / "D" / SOURCES[name].folder, name)
    found = folder / SOURCES[name].files[0] if len(SOURCES[name].files) == 1 else folder
    assert locate(name, folder) == found
    monkeypatch.setenv(VARIABLE, str(tmp_path / "D"))
    assert locate(name) == found


def test_one_file_may_have_any_name_and_several_may_be_gzipped(tmp_path, unset):
    path = tmp_path / "my.txt"
    path.write_text("ab")
    assert locate("text", path) == path
    assert locate("mnist", fill(tmp_path / "zipped", "mnist", ".gz")) == tmp_path / "zipped"


def test_nothing_named_and_nothing_there_say_what_to_do(tmp_path, unset, monkeypatch):
    with pytest.raises(FileNotFoundError, match=f"{VARIABLE} is not set.*fetch.'mnist', 'D'"):
        locate("mnist")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(FileNotFoundError, match="fashion-mnist does not hold train-images-idx3-"):
        locate("fashion-mnist")                         # never MNIST's files of the same names
    folder = fill(tmp_path / "cifar-10-batches-bin", "cifar-10")
    (folder / "data_batch_4.bin").unlink()
    with pytest.raises(FileNotFoundError, match="does not hold data_batch_4.bin. Get data_batch_1"):
        locate("cifar-10")
    with pytest.raises(FileNotFoundError, match="nowhere does not hold newfaces_rot_single.mat"):
        locate("faces", tmp_path / "nowhere")


def test_fetch_pins_every_file_of_a_set(tmp_path, monkeypatch):
    asked = []

    def retrieve(url, known_hash, fname, path):
        asked.append((url, known_hash, path / fname))
    monkeypatch.setitem(sys.modules, "pooch", SimpleNamespace(retrieve=retrieve))
    assert fetch("mnist", tmp_path) == tmp_path / "mnist"
    assert [path.name for _, _, path in asked] == [f"{file}.gz" for file in SOURCES["mnist"].files]
    for url, digest, path in asked:
        assert url.startswith("https://") and url.endswith(path.name)
        kind, _, code = digest.partition(":")
        assert kind == "sha256" and len(code) == 64 and int(code, 16)
    assert len({digest for _, digest, _ in asked}) == 4


def test_fetch_refuses_what_it_could_not_check(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)     # importing it fails
    for name in set(SOURCES) - {"mnist"}:
        with pytest.raises(ValueError, match=f"{name} is not fetched: no SHA-256"):
            fetch(name, tmp_path)
    with pytest.raises(ValueError, match="no data set 'imagenet'; choose one of mnist"):
        fetch("imagenet", tmp_path)
    with pytest.raises(ImportError, match="pip install"):
        fetch("mnist", tmp_path)
    assert list(tmp_path.iterdir()) == []
