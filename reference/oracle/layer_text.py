"""The table of layers as text, and as a block between the markers of a page."""

from .check_text import digits
from .layer_table import COLUMNS

BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"


def layer_header(style):
    """The line of the columns' names, and what Markdown wants below it."""
    lines = [style("layer", COLUMNS)]
    if style is markdown_line:
        lines.append("|---" * (len(COLUMNS) + 1) + "|")
    return lines


def cell(answer):
    """Digits, or the word in which the code refused."""
    return answer if isinstance(answer, str) else digits(answer)


def layer_line(name, cells):
    """One line of the table for eyes."""
    return f"{name:<44}" + "".join(f"{text:>14}" for text in cells)


def markdown_line(name, cells):
    """One line of the table for a page."""
    return "| " + " | ".join([name, *cells]) + " |"


def with_block(page, lines):
    """The page with the lines between its markers."""
    before, after = page.partition(BEGIN)[0], page.partition(END)[2]
    return "\n".join([before + BEGIN, *lines, END + after])
