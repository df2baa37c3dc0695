"""The site as files: its entries, its links, what it loads, what a browser finds wrong with it."""

import ast
import importlib
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parents[1]
LISTED = re.compile(r"^```\{documented\} ([\w.]+)\n(.*?)^```|^\.\. py:data:: ([\w.]+)\.(\w+)$",
                    re.DOTALL | re.MULTILINE)
ANCHOR = re.compile(r'\b(?:id|name)="([^"]+)"')
LINK = re.compile(r'<(\w+)\b[^>]*?\b(?:href|src)="([^"]*)"')
SOURCE = re.compile(r'<dt class="[^>]* id="([\w.]+)">(?:(?!</?dt).)*?href="\.\./source/([^"#]+)'
                    r'\.html#line-(\d+)"><span class="viewcode-link">', re.DOTALL)


def documented(pages):
    """(module, name) of each entry, in the order of the pages."""
    found = [match for page in pages for match in LISTED.findall(page)]
    return [(module or home, name) for module, names, home, one in found
            for name in (names.split() if module else [one])]


def public():
    """(module, name) of each public name; what two modules share is the root's."""
    root = ast.parse((ROOT / "reference" / "__init__.py").read_text("utf-8"))
    names = {alias.asname or alias.name for node in root.body if isinstance(node, ast.ImportFrom)
             for alias in node.names}
    package = importlib.import_module("reference")
    of_root = {name: getattr(package, name) for name in names}
    modules = [thing for thing in of_root.values() if hasattr(thing, "__all__")]
    modules.append(importlib.import_module("reference.plotting"))
    inner = {(module.__name__, name) for module in modules for name in module.__all__
             if not any(getattr(module, name) is thing for thing in of_root.values())}
    return inner | {("reference", name) for name, thing in of_root.items()
                    if not hasattr(thing, "__all__")}


def unlisted(entries):
    """Names without an entry, entries of what is not there, and entries in two places."""
    twice = {entry for entry in entries if entries.count(entry) > 1}
    gone = {(module, name) for module, name in entries
            if not hasattr(importlib.import_module(module), name)}
    return sorted((public() - set(entries)) | gone | twice)


def build(tree, out):
    """Run the command that the README states; its text, and its exit status."""
    done = subprocess.run([sys.executable, "-m", "sphinx", "-W", "--keep-going", "-b", "html",
                           "docs", str(out)], cwd=tree, capture_output=True, text=True)
    return done.stdout + done.stderr, done.returncode


def broken(pages):
    """(page, link) of {address: html} where page, file or part of a page is not there."""
    anchors = {name: set(map(unquote, ANCHOR.findall(text))) for name, text in pages.items()
               if text is not None}
    return [(name, link) for name, text in pages.items() if text is not None
            for _, link in LINK.findall(text) if wrong(name, unescape(link), anchors, pages)]


def wrong(name, link, anchors, pages):
    there = urlsplit(link)
    if there.scheme or there.netloc:
        return False
    folder = name.split("/")[:-1]
    parts = [*folder, *unquote(there.path).split("/")] if there.path else name.split("/")
    path = []
    for part in parts:
        path = path[:-1] if part == ".." else path if part in (".", "") else [*path, part]
    target, part = "/".join(path), unquote(there.fragment)
    if target not in pages:
        return True
    return bool(part) and target in anchors and part not in anchors[target] and part != "top"


def fetched(pages):
    """(page, address) of what a page would load from elsewhere: all but links to click on."""
    return [(name, link) for name, text in pages.items() if text is not None
            for tag, link in LINK.findall(text) if tag != "a" and urlsplit(link).netloc]


def read(folder):
    """{address: html, or None of another file}."""
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8")
            if path.suffix == ".html" else None for path in folder.rglob("*") if path.is_file()}


def misled(pages, tree):
    """Entries of functions and classes whose [source] in a tree is not a line that begins them."""
    return [entry for text in pages.values() if text is not None
            for entry, file, line in SOURCE.findall(text) if not begins(entry, tree / file, int(line))]


def begins(entry, file, line):
    """Whether the line of a file names what an entry stands for; tables say it in quotes."""
    thing = importlib.import_module("reference")
    for name in entry.split(".")[1:]:
        thing = getattr(thing, name, None)
    text = file.read_text("utf-8").splitlines()[line - 1]
    names = {entry.split(".")[-1], getattr(thing, "__name__", None)} - {None}
    return any(re.search(rf"\b{name}\b", text, re.IGNORECASE) for name in names)


def ugly(found):
    """What is wrong with pages that a phone shows."""
    return {page: faults for page, seen in found.items() if (faults := [
        name for name, bad in (("wide", seen["width"] > seen["window"] or seen["cut"]),
                               ("formula", seen["broken"]), ("picture", seen["pictures"])) if bad])}
