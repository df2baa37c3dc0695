"""docs/references.md names the places of each source that the package cites, no more and no fewer."""

import re

from tests.test_house import KEY, ROOT, package

WHERE = r"(?:ch|sec|eq|alg|app|fig|table|theorem|algorithm)\b[^;]*"
REFERENCES = (ROOT / "docs" / "references.md").read_text("utf-8")


def places(text):
    """{key: {places}} of citations such as [MG15, sec. 6.3] and [HS52; Mar10, sec. 4.1]."""
    found = {}
    for inside in re.findall(r"(?<![\w\]])\[([^\[\]]*)\]", text):
        for key, place in re.findall(rf"(?:^|;)\s*({KEY}),\s+({WHERE})", inside):
            found.setdefault(key, set()).add(" ".join(place.split()))
    return found


def used(references):
    """{key: {places}} as the entries say: "Used: sec. 3; alg. 2."."""
    lines = re.findall(rf"^- \[({KEY})\].* Used: (.*)\.$", references, re.MULTILINE)
    return {key: set(said.split("; ")) for key, said in lines}


def test_the_places_that_are_used_are_listed():
    texts = [file.source for file in package(ROOT / "reference")]
    texts += [path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("[0-9]*.md"))]
    assert used(REFERENCES) == places("\n".join(texts))


def test_places_are_read_off_citations_and_nothing_else():
    text = "[MG15, sec. 6.3; Mar10, eq. 2] [Pea94] x[N12, 3] + y[(N13, 2)] [MG15,\nalg. 2] see [HS52; Par98, ch. 4]"
    assert places(text) == {"MG15": {"sec. 6.3", "alg. 2"}, "Mar10": {"eq. 2"}, "Par98": {"ch. 4"}}
    assert used("- [MG15] A. B. 2015. Used: sec. 6.3; alg. 2.\n- [Pea94] C.\n") == {
        "MG15": {"sec. 6.3", "alg. 2"}}
