"""layers: every layer measured, column by column."""

import sys
from pathlib import Path

from ..options import positive
from ..oracle import layer_table, recorded
from ..oracle.layer_text import cell, layer_header, layer_line, markdown_line
from .shared import Refused, fill, progress, require_page, say, warn, workers


def add(commands):
    """Its options."""
    command = commands.add_parser(
        "layers", help="measure every layer: agreed and proven digits, column by column",
        description="For one small problem per layer and option: the digits that its outputs share "
                    "with PyTorch's, its derivatives with those of other routes, its Kronecker "
                    "factors with loops, and those proven by balls. Exit status 0 if every number "
                    f"reaches {layer_table.WANTED}, else 1.",
        epilog="example: python -m reference layers --into docs/7-layers.md")
    command.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    command.add_argument("--into", type=Path, metavar="FILE",
                         help="put it between the markers of a page instead")
    command.add_argument("--workers", type=positive, default=1, metavar="N",
                         help="processes (default 1)")
    command.set_defaults(run=run)


def run(arguments):
    """Measure and print the table of layers, or put it into a page; return the exit status."""
    if arguments.into is not None:
        page = require_page(arguments.into)
        if not recorded.RECORD.is_file():
            raise Refused(f"--into: PyTorch's answers are not here ({recorded.RECORD.name} is no "
                          "part of an installed package); run this in a checkout.")
    rows, style = [], markdown_line if arguments.markdown or arguments.into else layer_line
    lines = layer_header(style)
    show = print if arguments.into is None else lambda line: None
    show("\n".join(lines))
    with workers(arguments.workers) as executor:
        for row in layer_table.rows(executor=executor):
            rows.append(row)
            lines.append(style(row.name, map(cell, row.cells.values())))
            show(lines[-1])
            if arguments.into is not None or not sys.stdout.isatty():
                progress(f"{len(rows)} of {len(layer_table.LAYERS)}: {row.name}")
    say("")
    if arguments.into is not None:
        fill(arguments.into, page, lines)
    failed = [row.name for row in rows if not row.passed]
    for name in failed:
        warn(f"FAILED: {name}")
    return 1 if failed else 0
