"""Docstrings as reStructuredText: they are plain text with `code` and indented formulas.

In plain text |v|, theta_ and V * W mean themselves, and what is indented keeps its lines.
"""

import re

CODE = re.compile(r"(``?)(?!`)(.+?)\1")
MARKUP = re.compile(r"[\\*|]|_(?!\w)")
RULE = re.compile(r"-{3,}$")
ITEM = re.compile(r" *(?:[-*]|\d+\.) ")
NAMED = {"Parameters", "Attributes"}


def escaped(text):
    """The same text where every sign stands for itself, and `code` is a literal."""
    done, end = "", 0
    for code in CODE.finditer(text):
        before, after = text[:code.start()], text[code.end():]
        done += MARKUP.sub(r"\\\g<0>", text[end:code.start()])
        done += r"\ " * bool(re.search(r"[\w)]$", before)) + f"``{code[2].strip()}``"
        done += r"\ " * bool(re.match(r"\w", after))
        end = code.end()
    return done + MARKUP.sub(r"\\\g<0>", text[end:])


def indent(line):
    return len(line) - len(line.lstrip())


def heading(line, section):
    """`name : type` of a section, of which numpydoc sets the name itself."""
    name, colon, kind = line.partition(" : ")
    return name + colon + escaped(kind) if colon or section in NAMED else escaped(line)


def rst(lines):
    """The lines of a docstring, escaped; what is indented further is a literal block."""
    out, section, literal, running = [], None, None, False
    for k, line in enumerate(lines):
        before, below = lines[k - 1] if k else "", lines[k + 1] if k + 1 < len(lines) else ""
        floor = 0 if section in (None, "Notes", "Examples") else 4
        if not line.strip():
            out, running = [*out, line], False
        elif not indent(line) and RULE.match(below.strip()):
            out, section, literal = [*out, line], line.strip(), None
        elif RULE.match(line.strip()) or running or line.lstrip().startswith(">>>"):
            out, running = [*out, line], not RULE.match(line.strip())
        elif literal is not None and indent(line) >= literal:
            out.append(line)
        elif indent(line) > max(floor, indent(before)) and not ITEM.match(before):
            literal = indent(line)
            out += ["", " " * floor + "::", "", line]
        else:
            out += [""] * (literal is not None and bool(before.strip()))
            literal = None
            out.append(heading(line, section) if floor and not indent(line) else
                       " " * indent(line) + escaped(line.lstrip()))
    return out


def process(app, what, name, obj, options, lines):
    lines[:] = rst(lines)


def setup(app):
    app.connect("autodoc-process-docstring", process, priority=400)       # before numpydoc's 500
    return {"parallel_read_safe": True}
