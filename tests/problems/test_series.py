"""The chaotic series follows its recurrence to the last bit; texts become codes and back."""

from fractions import Fraction

import numpy as np
import pytest

from reference.problems import characters, load_text, mackey_glass
from reference.problems.series import PARAGRAPH, steps


def test_the_series_is_a_prefix_of_itself_and_of_known_range():
    x = mackey_glass(200)
    assert np.array_equal(mackey_glass(50), x[:50]) and mackey_glass(1) == x[0]
    assert 0.3 < x.min() and x.max() < 1.4          # the attractor for a delay of 17
    assert len(np.unique(x)) == 200                 # and no cycle


def test_the_recurrence_is_the_formula():
    """With 60 steps between values the recurrence is hidden; its first steps are exact here."""
    late, x = Fraction(1.2), [1.2]
    for _ in range(5):
        slope = Fraction(2, 10) * late / (1 + late ** 10) - Fraction(1, 10) * Fraction(x[-1])
        x.append(float(Fraction(x[-1]) + Fraction(1, 10) * slope))
    dense = _recurrence(5)
    assert np.allclose(dense, x, rtol=20 * 2.3e-16) and not np.allclose(dense, 1.2, rtol=1e-3)


def test_values_are_every_60th_step_behind_the_first_10_000():
    assert np.array_equal(mackey_glass(4), _recurrence(10_000 + 180)[10_000::60])


def _recurrence(n):
    """x_0, ..., x_n by the recurrence, with a table instead of a list that grows."""
    x = np.full(n + 171, 1.2)
    for k in range(170, n + 170):
        late = float(x[k - 170])
        two = late * late
        four = two * two
        x[k + 1] = x[k] + 0.1 * (0.2 * late / (1 + four * four * two) - 0.1 * float(x[k]))
    return x[170:]


def test_chaos_neighbours_part():
    """Histories 1e-9 apart stay so at first and are unlike each other in the end."""
    history, other = [0.9] * 171, [0.9 + 1e-9] * 171
    for _ in range(60_000):
        for h in (history, other):
            late = h[-171]
            h.append(h[-1] + 0.1 * (0.2 * late / (1 + late ** 10) - 0.1 * h[-1]))
    apart = np.abs(np.subtract(history, other))
    assert apart[171:2000].max() < 1e-6 and apart[-10_000:].max() > 0.05


def test_pieces_and_what_follows():
    x, y = steps(np.arange(12), 5)
    assert x.tolist() == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]] and (y == x + 1).all()
    assert steps(np.arange(10), 5)[0].shape == (1, 5)        # the last would have no next
    with pytest.raises(ValueError, match="5 values.*at least 6"):
        steps(np.arange(5), 5)


def test_codes_spell_the_text():
    for text in (PARAGRAPH, "abba", "Ünïcödé \U0001f600 aß"):
        codes, alphabet = characters(text)
        assert "".join(alphabet[c] for c in codes) == text and list(alphabet) == sorted(set(text))
    for bad, error in (("", ValueError), ("aaa", ValueError), (b"ab", TypeError)):
        with pytest.raises(error):
            characters(bad)


def test_a_text_file_is_read_or_named(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("grün\r\nblau".encode())
    assert load_text(path) == "grün\nblau"
    with pytest.raises(ValueError, match=r"a\.txt has 11 bytes, over the 4"):
        load_text(path, max_bytes=4)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"a\.txt is not UTF-8"):
        load_text(path)
    with pytest.raises(FileNotFoundError):
        load_text(tmp_path / "none.txt")


@pytest.mark.parametrize("n", [0, 1.0, -2, True])
def test_a_number_of_values_that_is_none_is_refused(n):
    with pytest.raises(ValueError, match="whole number"):
        mackey_glass(n)
