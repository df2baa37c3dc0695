"""The directive `documented`: names of a module, first as a table, then each with its docstring.

    ```{documented} reference
    gradient jvp hvp
    ```
"""

import inspect
from importlib import import_module

from sphinx.util.docutils import SphinxDirective

from prose import escaped

OPTIONS = {"class": ("   :members:", "   :exclude-members: State"), "exception": (), "function": ()}


def kind(thing):
    if inspect.isclass(thing):
        return "exception" if issubclass(thing, Exception) else "class"
    return "function"


def first(thing):
    """The formula, or the sentence, that a docstring begins with."""
    return escaped(" ".join(inspect.getdoc(thing).split("\n\n")[0].split()))


def listing(module, names):
    """Markdown that holds the table and the entries."""
    lines = [".. list-table::", "   :widths: 25 75", ""]
    for name in names:
        lines += [f"   * - :py:obj:`~{module}.{name}`",
                  f"     - {first(getattr(import_module(module), name))}"]
    lines.append("")
    for name in names:
        of = kind(getattr(import_module(module), name))
        lines += [f".. auto{of}:: {module}.{name}", *OPTIONS[of], ""]
    return "\n".join(["```{eval-rst}", *lines, "```"])


class Documented(SphinxDirective):
    required_arguments, has_content = 1, True

    def run(self):
        return self.parse_text_to_nodes(listing(self.arguments[0],
                                                " ".join(self.content).split()))


def setup(app):
    app.add_directive("documented", Documented)
    return {"parallel_read_safe": True}
