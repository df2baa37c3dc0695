"""The bundled images are the published ones, exactly."""

import numpy as np
import pytest

from reference.problems import digits


def test_pixels_are_sixteenths_and_labels_are_digits():
    x, y = digits()
    assert x.shape == (1797, 64) and x.dtype == np.float64 and np.isin(16 * x, np.arange(17)).all()
    assert y.shape == (1797,) and y.dtype == np.int64
    # counts per class, as documented for the test file of the source
    assert np.bincount(y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_n_gives_the_first_n_in_file_order():
    x, y = digits()
    for n in (1, 7, 1797):
        head, labels = digits(n)
        assert np.array_equal(head, x[:n]) and np.array_equal(labels, y[:n])
    assert np.array_equal(16 * x[0, :8], [0, 0, 5, 13, 9, 1, 0, 0])


def test_scikit_learn_has_the_same_images():
    bunch = pytest.importorskip("sklearn.datasets").load_digits()
    x, y = digits()
    assert np.array_equal(16 * x, bunch.data) and np.array_equal(y, bunch.target)


@pytest.mark.parametrize("n", [0, -1, 1798])
def test_a_number_of_images_that_is_not_there_is_refused_by_value(n):
    with pytest.raises(ValueError, match=f"n={n}.*1797"):
        digits(n)


def test_callers_do_not_share_arrays():
    digits(2)[0][:] = -1
    assert digits(2)[0].min() == 0
