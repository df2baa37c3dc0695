"""The glossary: in order, short, each word with where it is computed or explained; links land."""

import re
from pathlib import Path

import pytest

from tests.test_docs import CODE, LINK, broken_links, broken_names, unknown_keys

DOCS = Path(__file__).parents[1] / "docs"
GLOSSARY = (DOCS / "glossary.md").read_text("utf-8")
PAGES = sorted([*DOCS.glob("*.md"), *(DOCS / "recipes").glob("*.md")])
ENTRY = re.compile(r"^\*\*([^*]+?)\.?\*\*(.*)$", re.MULTILINE)


def anchors(page):
    """What links to headings are called: lower case, hyphens for spaces, no punctuation."""
    headings = re.findall(r"^#+ (.*)$", CODE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def lost(text, folder):
    """Links to headings that are not there."""
    found = []
    for link in LINK.findall(CODE.sub("", text)):
        name, mark, anchor = link.partition("#")
        page = folder / name if name else None
        if mark and "://" not in link and page and page.suffix == ".md" and page.exists():
            found += [] if anchor in anchors(page) else [link]
    return found


def wrong_entries(text):
    """Words without a place to read on, longer than two sentences, or out of order."""
    entries = ENTRY.findall(text)
    words = [word.casefold() for word, _ in entries]
    late = [word for word, before in zip(words[1:], words) if word < before]
    lone = [word for word, rest in entries if "`" not in rest and "](" not in rest]
    long = [word for word, rest in entries if len(re.findall(r"[.:;] ", rest + " ")) > 5]
    return late + lone + long


def test_the_glossary_is_in_order_and_each_word_leads_on():
    assert len(ENTRY.findall(GLOSSARY)) >= 60
    assert wrong_entries(GLOSSARY) == []
    assert broken_names(GLOSSARY) + broken_links(GLOSSARY, DOCS) + unknown_keys(GLOSSARY) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_to_headings_land(page):
    assert lost(page.read_text("utf-8"), page.parent) == []


def test_a_wrong_glossary_is_reported():
    text = ("**Beta**, b. A word: `ref.hvp`.\n\n**Alpha.** Too early: [here](2-network.md#nowhere).\n"
            "\n**Gamma.** Leads nowhere.\n")
    assert wrong_entries(text) == ["alpha", "Gamma"]
    assert lost(text, DOCS) == ["2-network.md#nowhere"]
    assert lost("[a](2-network.md#the-objective) [b](https://example.org#c)", DOCS) == []
