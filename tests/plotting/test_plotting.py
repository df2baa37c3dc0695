"""What is drawn: lines where the layers part, bars as high as residuals, words on the axes."""

import numpy as np
import pytest

import reference as ref
from reference import plotting
from reference.network.layout import Layout
from reference.plotting.style import look

LAYOUT = Layout(((2, 3), (1, 4), (5, 2)))
M = np.arange(400.0).reshape(20, 20) - 100


def lines(axes):
    """Where vertical lines stand."""
    return sorted({line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1})


def words(axes):
    return [axes.get_xlabel(), axes.get_ylabel(), axes.get_title()]


def test_parts_of_equal_size_are_told_by_lines():
    axes = plotting.heat_map(M / 300, "abcd")
    assert lines(axes) == [5, 10, 15]
    assert [t.get_text() for t in axes.get_xticklabels()] == list("abcd")
    assert list(axes.get_xticks()) == [2.5, 7.5, 12.5, 17.5]
    assert np.array_equal(axes.images[0].get_array(), M / 300)


def test_parts_of_unequal_sizes_are_told_by_lines():
    axes = plotting.heat_map(M / 300, {"first": 6, "second": 4, "third": 10})
    assert lines(axes) == [6, 10] and list(axes.get_xticks()) == [3, 8, 15]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["first", "second", "third"]
    with pytest.raises(ValueError, match=r"19 entries but M has shape \(20, 20\)"):
        plotting.heat_map(M, {"first": 6, "second": 13})


def test_matrices_side_by_side_are_relative_to_the_first_and_parted_by_layers():
    axes = plotting.heat_maps({"one": M, "two": 2 * M}, LAYOUT)
    assert axes.shape == (1, 2) and [a.get_title() for a in axes[0]] == ["one", "two"]
    assert all(lines(a) == [6, 10] for a in axes[0])
    for ax, factor in zip(axes[0], (1, 2)):
        assert np.allclose(ax.images[0].get_array(), factor * M / 299)
    colorbar = axes[0, 0].figure.axes[-1]
    assert "largest of one" in colorbar.get_ylabel()
    assert plotting.heat_maps({"zero": 0 * M}, LAYOUT)[0, 0].images[0].get_array().max() == 0
    with pytest.raises(ValueError):
        plotting.heat_maps({"one": M}, LAYOUT, axes)                 # two axes


def test_spectra_are_drawn_with_their_signs_and_in_size():
    signed, sizes = plotting.spectrum({"A": np.array([-2.0, 3.0, 0.0, 1.0]), "B": np.ones(4)})
    assert np.array_equal(signed.lines[0].get_ydata(), [3, 1, 0, -2])
    texts = [t.get_text() for t in signed.get_legend().get_texts()]
    assert texts == ["A: 1 negative", "B: 0 negative"]
    drawn = [(list(line.get_ydata()), line.get_linestyle()) for line in sizes.lines[:2]]
    assert drawn == [([3, 1], "-"), ([2], ":")]
    assert all(all(words(axes)) for axes in (signed, sizes))
    assert signed.get_yscale() == "symlog" and sizes.get_yscale() == "log"
    plotting.spectrum({"zero": np.zeros(3)})


def test_the_density_is_drawn_over_all_eigenvalues():
    values = np.linspace(-1, 3, 20)
    found = ref.spectral_density(np.diag(values), np.random.default_rng(0), 3, 20)
    axes = plotting.density(found, values, 0.1)
    x, y = axes.lines[0].get_data()
    assert abs(y.sum() * (x[1] - x[0]) - 20) < 0.1                     # P, up to the tails
    assert abs(sum(bar.get_height() * bar.get_width() for bar in axes.patches) - 20) < 1e-9
    assert all(words(axes)) and axes.get_yscale() == "log"


def test_bars_are_as_high_as_the_residuals_and_stand_by_layers():
    axes = plotting.kron_residuals({"K-FAC": [0.5, 0.25], "other": [0.4, 0.2]})
    assert [bar.get_height() for bar in axes.patches] == [0.5, 0.25, 0.4, 0.2]
    centres = [bar.get_x() + bar.get_width() / 2 for bar in axes.patches]
    assert np.allclose(centres, [0.8, 1.8, 1.2, 2.2])
    assert [t.get_text() for t in axes.get_xticklabels()] == ["W1", "W2"] and all(words(axes))


def test_what_cannot_be_drawn_is_refused():
    hole, values = np.where(M == 5, np.nan, M), np.linspace(-1, 3, 20)
    found = ref.spectral_density(np.diag(values), np.random.default_rng(0), 3, 20)
    for draw, error, words in [
            (lambda: plotting.heat_map(M, []), ValueError, "parts is empty"),
            (lambda: plotting.heat_map(hole, "abcd"), ValueError, r"M\[5, 5\] = nan"),
            (lambda: plotting.heat_map([[1.0]], "a"), TypeError, "M is a list"),
            (lambda: plotting.heat_map(M[:0, :0], "a"), ValueError, "M is empty"),
            (lambda: plotting.heat_map(M[:, :4], "a"), ValueError, r"M has shape \(20, 4\)"),
            (lambda: plotting.heat_map(1j * M, "a"), ValueError, "M holds complex128"),
            (lambda: plotting.heat_maps({}, LAYOUT), ValueError, "matrices is empty"),
            (lambda: plotting.heat_maps({"A": M[0]}, LAYOUT), ValueError, r"A has shape \(20,\)"),
            (lambda: plotting.heat_maps({"A": hole}, LAYOUT), ValueError, "A has 1 entries"),
            (lambda: plotting.spectrum({}), ValueError, "eigenvalues is empty"),
            (lambda: plotting.spectrum({"A": values * np.nan}), ValueError, "A has 20"),
            (lambda: plotting.spectrum({"A": values[:0]}), ValueError, "A is empty"),
            (lambda: plotting.spectrum({"A": M}), ValueError, r"pass a vector \(P,\)"),
            (lambda: plotting.density(found, values[:0], 0.1), ValueError, "is empty"),
            (lambda: plotting.density(found, values, 1e-9), ValueError, "width is 1e-09 for"),
            (lambda: plotting.density(found, values, 0), ValueError, "a positive number"),
            (lambda: plotting.density(found, [1.0], 0.1), TypeError, "eigenvalues is a list"),
            (lambda: plotting.density(found, values * np.nan, 0.1), ValueError, "not finite"),
            (lambda: plotting.kron_residuals({}), ValueError, "residuals is empty"),
            (lambda: plotting.kron_residuals({"a": []}), ValueError, "of each name is empty"),
            (lambda: plotting.kron_residuals({"a": [0.1, 0.2], "b": [0.1]}), ValueError,
             r"\[1, 2\] entries")]:
        with pytest.raises(error, match=words):
            draw()


def test_losses_are_drawn_against_epochs_and_seconds_full_and_dashed():
    columns = {"epoch": np.arange(3.0), "seconds": np.array([0, 0.5, 2]),
               "train_loss": np.array([3, 2, 1.0]), "test_loss": np.array([3, 2.5, 2])}
    figure = plotting.losses({"a": columns, "b": {**columns, "train_loss": np.ones(3)}}, "task")
    left, right = figure.axes
    assert np.array_equal(left.lines[0].get_xdata(), columns["epoch"])
    assert np.array_equal(right.lines[1].get_xdata(), columns["seconds"])
    assert np.array_equal(right.lines[1].get_ydata(), columns["test_loss"])
    assert [line.get_linestyle() for line in left.lines] == ["-", "--"] * 2
    assert [text.get_text() for text in left.get_legend().texts] == ["a", "b"]
    assert left.get_yscale() == "log" and left.get_xlabel() and right.get_xlabel()
    with pytest.raises(ValueError, match="runs is empty"):
        plotting.losses({})


def test_results_are_drawn_as_medians_and_ranges_of_the_seeds():
    def columns(*losses):
        return {"epoch": np.arange(3), "seconds": np.arange(3) / 2, "test_loss": np.array(losses),
                "train_loss": np.array(losses)}
    runs = {"sgd": [(columns(9.0, 5, 3), False), (columns(9.0, 4, 1), False),
                    (columns(9.0, 6, 2), False)],
            "adam": [(columns(9.0, 8, 8), True), ({}, True), (columns(9.0, 8, 8), False)]}
    figure = plotting.results(runs, ["sgd", "kfac", "adam"], "a task", 1.0)
    panels = figure.axes
    assert [axes.get_yscale() for axes in panels] == ["log"] * 3
    (sgd, adam, *_), (_, third, *_) = panels[0].lines, panels[1].lines
    assert list(sgd.get_ydata()) == [9, 5, 2] and list(sgd.get_xdata()) == [0, 1, 2]
    assert list(third.get_xdata()) == [0, 0.5, 1]
    assert adam.get_color() == look(2)["color"] != sgd.get_color()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["sgd", "adam"]
    with pytest.raises(ValueError, match="runs is empty"):
        plotting.results({}, [])
    none = plotting.results({"sgd": [(columns(*[np.nan] * 3), True)]}, ["sgd"])
    assert not none.axes[0].lines                                       # diverged from the start
