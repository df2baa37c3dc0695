"""The audit as a page: what is used, what CuPy has of it, and what stays on the host.

    python -m tests.device.audit_page       writes tests/device/audit.md, prints what would fail
"""

from collections import defaultdict
from pathlib import Path

from . import audit

PAGE = Path(__file__).with_name("audit.md")


def page(files):
    """The audit as Markdown: what is used, what CuPy has of it, and what stays on the host."""
    used, hosted = set(), defaultdict(set)
    for file, source in files.items():
        for use in audit.uses(file, source):
            if audit.offence(use):
                hosted[file, use.function if use.function in audit.HOST.get(file, {}) else "*"].add(
                    use.shown)
            elif not (use.kind == "numpy" and audit.is_no_function(use.name)):
                used.add((use.kind, use.name))
    lines = ["# Array functions and CuPy " + audit.RECORD["version"], "",
             "Written by `python -m tests.device.audit_page`; the tests hold it to the source.", "",
             "| used | CuPy |", "|---|---|"]
    for kind, name in sorted(used):
        dot = {"numpy": "np.", "cupy": "cupy.", "method": "."}[kind]
        lines.append(f"| `{dot}{name}` | {_has(kind, name)} |")
    lines += ["", "## On the host alone", "", "| where | what | why |", "|---|---|---|"]
    for (file, function), names in sorted(hosted.items()):
        why = audit.HOST.get(file, {}).get(function, "**an offence**")
        lines.append(f"| `{file}:{function}` | {', '.join(f'`{n}`' for n in sorted(names))} | "
                     f"{why} |")
    return "\n".join(lines) + "\n"


def _has(kind, name):
    if kind == "method":
        known = audit.RECORD["methods"].get(name)
        return "(" + ", ".join(known) + ")" if known else "yes"
    module, _, last = name.rpartition(".")
    if last == "at" and module:
        return "int32, uint32, uint64, float32, float64"
    if module == "random":
        return "drawn on the host, by rule"
    known = audit.RECORD["modules"]["cupy.linalg" if module else "cupy"].get(last)
    if audit.is_ufunc(known):
        return "types " + "".join(t for t in "?ilfdFD" if t in audit.loops(known))
    return "(" + ", ".join(known) + ")" if known else "yes"


if __name__ == "__main__":
    files = audit.sources()
    PAGE.write_text(page(files), "utf-8")
    print(*audit.offences(files), *(f"idle: {name}" for name in audit.idle(files)), sep="\n")
