"""Every file of the tree as a page, and links to it from what stands in backticks.

`ref.hvp` leads to its entry among the functions, `reference.arrays.krylov.cg` and
`reference/curvature/kron.py: Kron.inv` to their lines in the source, [Pea94] to the references.
"""

import re

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_for_filename
from sphinx.addnodes import desc_content
from sphinx.transforms.post_transforms import SphinxPostTransform

from defined import ROOT, definition, found

NAME = re.compile(r"(?:(?:ref|reference)\.|(?=[A-Z]|[a-z]+_))([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)"
                  r"(?:[(\[].*)?")
SUFFIXES = ".py", ".cpp", ".hpp", ".js"
FILE = re.compile(r"((?:reference|tests|examples)/[\w./-]*\.(?:py|cpp|hpp|js))"
                  r"(?:: (\w+(?:\.\w+)*))?")
LESSON = re.compile(r"examples/(\d\d_\w+)\.py")
INSIDE = {"README.md": "glance.md", "CONTRIBUTING.md": "contributing.md",
          "CHANGELOG.md": "changelog.md", "examples/README.rst": "lessons/index.rst"}
OUTSIDE = re.compile(rf"\]\((?:\.\./)+({'|'.join(map(re.escape, INSIDE))})")
KEY = r"[A-Z][A-Za-z]{0,4}\d{2}"
KEYS = set(re.findall(rf"^- \[({KEY})\]", (ROOT / "docs/references.md").read_text("utf-8"), re.M))


def page(file):
    return f"source/{file.relative_to(ROOT).as_posix()}"


def address(dotted):
    """The page and line of `reference.x.y`, seen from the top of the site; None if unknown."""
    place = found(dotted)
    return place and f"{page(place[0])}.html#line-{place[1]}"


def pages(app):
    """Each file, highlighted, with a name for each line."""
    formatter = HtmlFormatter(linenos="inline", linespans="line", anchorlinenos=True,
                              lineanchors="a")
    for folder in ("reference", "examples", "tests"):
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix in SUFFIXES:
                name, code = file.relative_to(ROOT).as_posix(), file.read_text("utf-8")
                body = highlight(code, get_lexer_for_filename(name), formatter)
                yield page(file), {"title": name, "body": f"<h1>{name}</h1>{body}"}, "page.html"


class Links(SphinxPostTransform):
    """Literals that name something of the tree, and citations, as links."""

    default_priority = 500
    formats = ("html",)

    def run(self):
        for block in list(self.document.findall(nodes.literal_block)):
            text = block.astext().rstrip()                    # without the line that ends a session
            formula = block.get("language", "none") == "none" and "`ref" in text
            block.rawsource = "" if formula else text         # what differs is not highlighted
            block[:] = self.linked(text) if formula else [nodes.Text(text)]
        for literal in list(self.document.findall(nodes.literal)):
            if not within(literal, nodes.reference) and (uri := self.target(
                    literal.astext(), within(literal, desc_content))):
                link = nodes.reference("", "", internal=True, refuri=uri)
                literal.replace_self(link)
                link += literal
        for text in list(self.document.findall(nodes.Text)):
            if not within(text, nodes.reference, nodes.literal, nodes.literal_block,
                          nodes.doctest_block, nodes.title, nodes.raw, nodes.math):
                self.cite(text)

    def linked(self, formulas):
        """Lines of formulas, with links where a name stands in backticks behind one."""
        words = re.split(r"`([^`\n]+)`", formulas)
        return [nodes.reference("", word, internal=True, refuri=uri)
                if k % 2 and (uri := self.target(word)) else nodes.Text(word)
                for k, word in enumerate(words)]

    def uri(self, docname, anchor):
        relative = self.app.builder.get_relative_uri(self.env.docname, docname)
        return f"{relative}#{anchor}"

    def target(self, text, bare=False):
        """The address that a literal stands for, or None; bare names where functions are meant."""
        if (lesson := LESSON.fullmatch(text)) and f"lessons/{lesson[1]}" in self.env.all_docs:
            return self.app.builder.get_relative_uri(self.env.docname, f"lessons/{lesson[1]}")
        if file := FILE.fullmatch(text):
            parts = tuple(file[1].removesuffix(".py").removesuffix("/__init__").split("/"))
            place = definition(parts, file[2].split(".")) if file[2] else (ROOT / file[1], 1)
            return place and place[0].is_file() and self.line(place)
        if (bare or self.env.docname == "glance") and text.isidentifier():
            text = f"ref.{text}"
        if not (name := NAME.fullmatch(text)):
            return None
        if entry := self.env.domains.python_domain.objects.get(f"reference.{name[1]}"):
            return self.uri(entry.docname, entry.node_id)
        place = found(f"reference.{name[1]}")
        return place and self.line(place)

    def line(self, place):
        return self.uri(page(place[0]), f"line-{place[1]}")

    def cite(self, text):
        """[Pea94, eq. 3]: a link to the entry of docs/references.md, or that entry's name."""
        pieces = re.split(rf"(?<=\[)({KEY})|(?<=; )({KEY})(?=[,;\]])", text.astext())
        pieces = [piece for piece in pieces if piece]
        if not KEYS.intersection(pieces):
            return
        item = text.parent.parent
        if self.env.docname == "references":
            if isinstance(item, nodes.list_item) and pieces[0] == "[":
                item["ids"].append(pieces[1])
            return
        text.parent.replace(text, [
            nodes.reference("", piece, internal=True, refuri=self.uri("references", piece))
            if piece in KEYS else nodes.Text(piece) for piece in pieces])


def beside(app, docname, source):
    """Pages that lie beside docs are in the site under another name."""
    source[0] = OUTSIDE.sub(lambda link: f"](/{INSIDE[link[1]]}", source[0])


def inner(app, env, node, content):
    """Roles such as :func: of a name without an entry among the functions lead to its source."""
    where = node.get("reftarget", "").startswith("reference.") and address(node["reftarget"])
    if where:
        name, anchor = where.split(".html#")
        uri = f"{app.builder.get_relative_uri(node['refdoc'], name)}#{anchor}"
        return nodes.reference("", "", content, internal=True, refuri=uri)


def within(node, *kinds):
    while node := node.parent:
        if isinstance(node, kinds):
            return True
    return False


def setup(app):
    app.add_post_transform(Links)
    app.connect("source-read", beside)
    app.connect("missing-reference", inner)
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
