"""Every file of the tree as a page, and links to it from what stands in backticks.

`ref.hvp` leads to its entry among the functions, `reference.arrays.krylov.cg` and
`reference/curvature/kron.py: Kron.inv` to their lines in the source, [Pea94] to the references.
"""

import ast
import re
from functools import cache
from pathlib import Path

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from sphinx.addnodes import desc_content
from sphinx.transforms.post_transforms import SphinxPostTransform

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"(?:(?:ref|reference)\.|(?=[A-Z]|[a-z]+_))([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)"
                  r"(?:[(\[].*)?")
FILE = re.compile(r"((?:reference|tests|examples)/[\w./-]*\.py)(?:: (\w+(?:\.\w+)*))?")
INSIDE = {"README": "glance", "CONTRIBUTING": "contributing", "CHANGELOG": "changelog"}
OUTSIDE = re.compile(rf"\]\((?:\.\./)+({'|'.join(INSIDE)})\.md")
KEY = r"[A-Z][A-Za-z]{0,4}\d{2}"
KEYS = set(re.findall(rf"^- \[({KEY})\]", (ROOT / "docs/references.md").read_text("utf-8"), re.M))


# ---- where a name is defined, read off the syntax trees ----

@cache
def parsed(path):
    return ast.parse(path.read_text("utf-8"))


def module(parts):
    """The file of a module, or None."""
    base = ROOT.joinpath(*parts)
    return next((file for file in (base.with_suffix(".py"), base / "__init__.py")
                 if file.is_file()), None)


def bound(node):
    """Names that a statement assigns."""
    targets = getattr(node, "targets", [getattr(node, "target", None)])
    return {name.id for target in targets if target for name in ast.walk(target)
            if isinstance(name, ast.Name)}


def definition(parts, names):
    """(file, line) of a name in a module, through imports; None if it is not there."""
    file = module(parts)
    if file is None or not names:
        return file and (file, 1)
    package = parts if file.name == "__init__.py" else parts[:-1]
    for node in parsed(file).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            source = (*package[:len(package) - node.level + 1],
                      *(node.module.split(".") if node.module else ()))
            for alias in node.names:
                if (alias.asname or alias.name) == names[0]:
                    return definition(source, (alias.name, *names[1:])) if node.module else \
                        definition((*source, alias.name), names[1:])
        elif names[0] in bound(node):
            return file, node.lineno
        elif getattr(node, "name", None) == names[0]:
            inside = [n for n in getattr(node, "body", ()) if names[1:] and
                      (getattr(n, "name", None) == names[1] or names[1] in bound(n))]
            return file, (inside or [node])[0].lineno
    return definition((*parts, names[0]), names[1:]) if module((*parts, names[0])) else None


def page(file):
    return f"source/{file.relative_to(ROOT).as_posix()}"


def address(dotted):
    """The page and line of `reference.x.y`, seen from the top of the site; None if unknown."""
    first, *names = dotted.split(".")
    found = definition((first,), tuple(names))
    return found and f"{page(found[0])}.html#line-{found[1]}"


# ---- pages and links ----

def pages(app):
    """Each file, highlighted, with a name for each line."""
    formatter = HtmlFormatter(linenos="inline", linespans="line", anchorlinenos=True,
                              lineanchors="a")
    for file in sorted([*ROOT.glob("reference/**/*.py"), *ROOT.glob("examples/**/*.py"),
                        *ROOT.glob("tests/**/*.py")]):
        name = file.relative_to(ROOT).as_posix()
        code = highlight(file.read_text("utf-8"), PythonLexer(), formatter)
        yield page(file), {"title": name, "body": f"<h1>{name}</h1>{code}"}, "page.html"


class Links(SphinxPostTransform):
    """Literals that name something of the tree, and citations, as links."""

    default_priority = 500
    formats = ("html",)

    def run(self):
        for block in list(self.document.findall(nodes.literal_block)):
            text = block.astext().rstrip()                    # without the line that ends a session
            formula = block.get("language", "none") == "none" and "`ref" in text
            block.rawsource = "" if formula else text         # Sphinx highlights what is as its source
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
        if file := FILE.fullmatch(text):
            parts = tuple(file[1].removesuffix(".py").removesuffix("/__init__").split("/"))
            found = definition(parts, tuple(file[2].split(".")) if file[2] else ())
            return found and self.uri(page(found[0]), f"line-{found[1]}")
        if (bare or self.env.docname == "glance") and text.isidentifier():
            text = f"ref.{text}"
        if not (name := NAME.fullmatch(text)):
            return None
        if entry := self.env.domains.python_domain.objects.get(f"reference.{name[1]}"):
            return self.uri(entry.docname, entry.node_id)
        found = definition(("reference",), tuple(name[1].split(".")))
        return found and self.uri(page(found[0]), f"line-{found[1]}")

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
    """Pages that lie beside docs are included in it under another name."""
    source[0] = OUTSIDE.sub(lambda link: f"](/{INSIDE[link[1]]}.md", source[0])


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
