"""Cards: what is not known is said so, and two cards show only what differs."""

import json
from pathlib import Path

import pytest

from reference.__main__ import main
from reference.oracle.conventions import CONVENTIONS, convention
from reference.oracle.conventions.card import card, differing, markdown, rows


@pytest.mark.parametrize("name", CONVENTIONS)
def test_a_card_is_half_a_page(name):
    text = card(convention(name))
    assert 12 <= text.count("\n") + 1 <= 36 and max(map(len, text.split("\n"))) <= 118


def test_unknown_fields_are_printed_as_not_known():
    told = dict(rows(convention("nngeometry")))
    assert told["loss"] == told["damping"] == told["Fisher"] == "not known"


def test_two_cards_show_the_rows_that_differ():
    one, two = convention("curvlinops"), convention("kfac-pytorch")
    labels = [label for label, *_ in differing(one, two)]
    assert "Fisher" in labels and "weight" not in labels
    assert differing(one, one) == []
    assert markdown(one, two).count("\n") == len(labels) + 1


def test_the_command_prints_cards(capsys):
    assert main(["conventions", "curvlinops", "kfc"]) == 0
    assert "Omega" in capsys.readouterr().out
    assert main(["conventions", "jax", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["weight"] == "(in, out)"
    assert main(["conventions", "jax", "--markdown"]) == 0
    assert capsys.readouterr().out.startswith("|  | JAX and Flax |")
    assert main(["conventions"]) == 0
    assert capsys.readouterr().out.count("certainty") == len(CONVENTIONS)


def test_an_unknown_name_is_refused(capsys):
    assert main(["conventions", "theano"]) == 2
    assert "no convention 'theano'" in capsys.readouterr().err


def generated(page):
    return page.partition("<!-- generated: begin -->")[2].partition("<!-- generated: end -->")[0]


def test_the_page_of_the_site_is_what_the_command_prints(capsys):
    page = (Path(__file__).parents[3] / "docs" / "17-conventions.md").read_text("utf-8")
    main(["conventions", "--markdown"])
    printed = capsys.readouterr().out.strip()
    assert generated(page).strip() == printed
    assert generated(page.replace("| 1/2 |", "| 1 |", 1)).strip() != printed
