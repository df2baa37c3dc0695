"""Every task: what it says it is, with a gradient that a second route confirms."""

import numpy as np
import pytest
from scipy import io

import reference as ref
from reference.problems import TASKS, task
from reference.problems.sources import VARIABLE
from reference.problems.tasks import FILES
from tests.problems.test_idx import idx_bytes
from tests.problems.test_pictures import cifar_files


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)


def started(name, dtype="float64"):
    chosen = task(name, "tiny", dtype=dtype)
    return chosen, chosen.initial(np.random.default_rng(0))


def agrees(objective, theta, gradient):
    """g . v = Im L(theta + i h v)/h: the complex step through the loss alone."""
    v = np.random.default_rng(1).standard_normal(theta.size)
    step = objective.value(theta + 1e-20j * v).imag / 1e-20
    # the roundings of a sum of P products and of a few layers: some tens of eps
    return abs(step - gradient @ v) < 100 * 2.3e-16 * np.linalg.norm(gradient) * np.linalg.norm(v)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_begins_with_a_finite_loss_and_a_gradient_that_a_second_route_confirms(name):
    chosen, theta = started(name)
    batch = chosen.train.batch(slice(0, chosen.batch))
    g = batch.grad(theta)
    assert np.isfinite(chosen.train.value(theta)) and np.isfinite(chosen.test.value(theta))
    assert g.shape == theta.shape and agrees(batch, theta, g)
    assert not agrees(batch, theta, g + 1e-9 * np.linalg.norm(g) / theta.size ** 0.5)
    assert chosen.name == name and chosen.size == "tiny" and len(chosen.note) > 40
    assert chosen.train.net is chosen.test.net and 1 <= chosen.batch <= chosen.train.N


@pytest.mark.parametrize("name", TASKS)
def test_single_precision_is_the_same_task_and_stays_single(name):
    double, theta = started(name)
    single, narrow = started(name, "float32")
    assert narrow.dtype == np.float32 and np.array_equal(narrow, theta.astype(np.float32))
    L = single.train.value(narrow)
    assert L.dtype == np.float32 and single.train.grad(narrow).dtype == np.float32
    assert np.isclose(L, double.train.value(theta), rtol=100 * 1.2e-7)
    assert single.train.x.dtype == (np.int64 if name == "text" else np.float32)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_the_same_when_it_is_made_again(name):
    (one, theta), (two, again) = started(name), started(name)
    for a, b in (one.train, two.train), (one.test, two.test):
        assert np.array_equal(a.x, b.x) and np.array_equal(a.y, b.y)
    assert np.array_equal(theta, again)


@pytest.mark.parametrize("name", [name for name in TASKS if "autoencoder" in name])
def test_autoencoders_answer_their_own_input_through_a_narrow_linear_code(name):
    chosen, theta = started(name)
    assert chosen.train.y is chosen.train.x
    layers = chosen.train.net.layers
    sides = [layer.shape for layer in layers if isinstance(layer, ref.Dense)]
    code = min(range(len(sides)), key=lambda k: sides[k][0])
    assert [O for O, _ in sides[:code + 1]] == [I - 1 for _, I in sides[code + 1:]][::-1]
    at = [k for k, layer in enumerate(layers) if isinstance(layer, ref.Dense)][code]
    assert isinstance(layers[at + 1], ref.Dense) and isinstance(layers[-1], ref.Dense)


def test_networks_of_paper_size_are_those_of_the_papers():
    from reference.problems import autoencoders, classifiers
    P = {name: autoencoders.mirror(*table["paper"][0]).layout.size for name, table in (
        ("mnist", autoencoders._MNIST), ("curves", autoencoders._CURVES),
        ("faces", autoencoders._FACES))}
    # sums of O (I + 1) over the layers, both ways
    assert P == {"mnist": 2837314, "curves": 842340, "faces": 7537655}
    chain = classifiers.chain
    assert chain(classifiers._SIGMOID["paper"], ref.Sigmoid).layout.size == 472042
    assert chain(classifiers._RECTIFIED["paper"], ref.ReLU).layout.size == 2395210


def test_dropout_draws_masks_for_each_batch_and_keeps_the_parameters():
    chosen, theta = started("mnist-dropout")
    batch, rng = chosen.train.batch(np.arange(20)), np.random.default_rng(0)
    one, two = chosen.redraw(batch, rng), chosen.redraw(batch, rng)
    assert one.net.layout == batch.net.layout and one.x is batch.x
    masks = [[layer.mask for layer in each.net.layers if isinstance(layer, ref.Dropout)]
             for each in (one, two)]
    assert [mask.shape for mask in masks[0]] == [(20, 64), (20, 20), (20, 20)]
    assert all((a != b).any() for a, b in zip(*masks))
    assert one.value(theta) != two.value(theta) != batch.value(theta)
    # the sparse start has biases 0 and masked units exactly at the kink of ReLU, where a complex
    # step falls to either side by products of two imaginary parts: leave it first
    away = theta + 0.01 * rng.standard_normal(theta.size)
    assert agrees(one, away, one.grad(away)) and not agrees(one, theta, one.grad(theta))
    again = chosen.redraw(one, np.random.default_rng(5))       # masks are replaced, not added
    assert len(again.net.layers) == len(one.net.layers)
    kept = chosen.redraw(chosen.train, rng).net.layers[0].mask.mean()
    assert abs(kept - 0.8) < 5 * (0.16 / (200 * 64)) ** 0.5    # five standard deviations


def test_without_dropout_nothing_is_redrawn():
    chosen, _ = started("digits")
    assert chosen.redraw(chosen.train, np.random.default_rng(0)) is chosen.train
    with pytest.raises(TypeError, match="default_rng"):
        chosen.redraw(chosen.train, 0)


def test_sequences_are_one_step_ahead():
    series, _ = started("chaotic-series")
    assert series.train.x.shape == (8, 16, 1)
    assert np.array_equal(series.train.x[:, 1:], series.train.y[:, :-1])
    assert np.array_equal(series.train.y[:-1, -1], series.train.x[1:, 0])
    text, theta = started("text")
    assert np.array_equal(text.train.x[:, 1:], text.train.y[:, :-1])
    assert text.train.x.dtype.kind == "i" and text.train.reduction == "mean over labels"
    assert abs(text.train.value(theta) - np.log(text.train.net.layers[0].size)) < 0.3


def test_pixels_are_averaged_and_read_row_by_row():
    chosen, _ = started("sequential-mnist")
    x, _ = ref.problems.digits(1)
    image = x.reshape(8, 8)
    assert chosen.train.x.shape == (200, 16, 1)
    assert chosen.train.x[0, 6, 0] == image[2:4, 4:6].mean()   # row 1, column 2 of 4 x 4


# ---- from files ----

def files(tmp_path, n=12):
    """Small files in the form of each data set, as REFERENCE_DATA wants them."""
    rng = np.random.default_rng(0)
    for folder in ("mnist", "fashion-mnist"):
        (tmp_path / folder).mkdir()
        for split in ("train", "t10k"):
            images, labels = rng.integers(0, 256, (n, 28, 28)), rng.integers(0, 10, n)
            for name, array in (("images-idx3", images), ("labels-idx1", labels)):
                (tmp_path / folder / f"{split}-{name}-ubyte").write_bytes(idx_bytes(array))
    (tmp_path / "cifar-10-batches-bin").mkdir()
    cifar_files(tmp_path / "cifar-10-batches-bin")
    (tmp_path / "faces").mkdir()
    io.savemat(tmp_path / "faces" / "newfaces_rot_single.mat",
               {"newfaces_single": rng.standard_normal((625, 5)).astype(np.float32)})
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "input.txt").write_text("to be or not to be. " * 40)
    return tmp_path


@pytest.mark.parametrize("name", sorted(set(FILES) - {"faces-autoencoder"}))
def test_small_tasks_read_their_files(tmp_path, monkeypatch, name):
    monkeypatch.setenv(VARIABLE, str(files(tmp_path)))
    chosen = task(name, dtype="float32")
    theta = chosen.initial(np.random.default_rng(0))
    L = chosen.train.batch(slice(0, 4)).value(theta)
    assert np.isfinite(L) and L.dtype == np.float32 and chosen.batch <= chosen.train.N
    if name == "mnist-autoencoder":
        assert abs(L - 784 * np.log(2)) < 10       # logits near 0 to begin with


def test_faces_need_as_many_patches_as_the_size_and_take_both_ends(tmp_path, monkeypatch):
    from reference.problems import autoencoders
    folder = files(tmp_path) / "faces"
    with pytest.raises(ValueError, match="rot_single.mat holds 5 patches; 10000 to train"):
        task("faces-autoencoder", "small", folder)
    monkeypatch.setitem(autoencoders._FACES, "small", ((625, 7, 3), 3, 1, 500))
    chosen = task("faces-autoencoder", "small", folder)
    whole = ref.problems.faces(folder / "newfaces_rot_single.mat")
    assert np.array_equal(chosen.train.x, whole[:3]) and np.array_equal(chosen.test.x, whole[4:])
    assert chosen.batch == 3


def test_a_text_of_ones_own_is_read_in_any_size(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("abcd" * 30)
    assert task("text", "tiny", path).train.net.layers[0].size == 4
    path.write_text("abcd" * 5)
    with pytest.raises(ValueError, match="mine.txt has 20 characters; 33 at least"):
        task("text", "tiny", path)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("size", ["small", "paper"])
def test_without_its_files_a_task_names_them_and_says_what_to_do(tmp_path, name, size):
    with pytest.raises(FileNotFoundError, match=f"{VARIABLE} is not set.*data="):
        task(name, size)
    if name != "text":
        with pytest.raises(FileNotFoundError, match=f"{tmp_path.name} does not hold .*{VARIABLE}"):
            task(name, size, tmp_path)


def test_wrong_names_are_answered_with_the_right_ones(tmp_path):
    for arguments, answer in ((("mnist",), "no task 'mnist'; choose one of mnist-autoencoder"),
                              (("digits", "large"), "no size 'large'; choose one of tiny"),
                              (("digits", "tiny", None, "float16"), "choose one of float32"),
                              (("digits", "small", tmp_path), "reads no files; leave data out"),
                              (("mnist-classifier", "tiny", tmp_path), "reads no files")):
        with pytest.raises(ValueError, match=answer):
            task(*arguments)
