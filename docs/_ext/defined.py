"""Where a name of the package is defined, read off the syntax trees: file and line."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def parsed(path):
    return ast.parse(path.read_text("utf-8"))


def module(parts):
    """The file of a module, or None."""
    base = ROOT.joinpath(*parts)
    return next((file for file in (base.with_suffix(".py"), base / "__init__.py")
                 if file.is_file()), None)


def bound(node):
    """{name: line} of what a statement assigns."""
    targets = getattr(node, "targets", [getattr(node, "target", None)])
    return {name.id: name.lineno for target in targets if target for name in ast.walk(target)
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
            return file, bound(node)[names[0]]
        elif getattr(node, "name", None) == names[0]:
            inside = [n for n in getattr(node, "body", ()) if names[1:] and
                      (getattr(n, "name", None) == names[1] or names[1] in bound(n))]
            return file, (inside or [node])[0].lineno
    if module((*parts, names[0])):
        return definition((*parts, names[0]), names[1:])
    return next(((file, line) for line in lines(file, names[0])), None)


def lines(file, key):
    """Lines of tables in which something of this name is made: activations, say."""
    tables = (node.value for node in parsed(file).body
              if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict))
    return [word.lineno for table in tables for word in table.keys
            if isinstance(word, ast.Constant) and word.value == key]


def found(dotted):
    """(file, line) of `reference.x.y`: what a package imports, before a module of that name."""
    names = tuple(dotted.split("."))
    cuts = [k for k in (*range(len(names) - 1, 0, -1), len(names)) if module(names[:k])]
    return next((place for k in cuts if (place := definition(names[:k], names[k:]))), None)
