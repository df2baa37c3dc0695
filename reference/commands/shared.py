"""What commands share: refusals, pages, pictures, processes, and what is said on the way."""

import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from tempfile import TemporaryFile

from ..oracle.layer_text import BEGIN, END, with_block
from ..problems.files import replacing


class Refused(Exception):
    """What the user asked for cannot be done; the message is the whole explanation."""


@contextmanager
def refusing(*kinds):
    """Errors of these kinds are refusals."""
    try:
        yield
    except kinds as error:
        raise Refused(error) from None


# ---- pages ----

def require_page(path):
    """The text of a page with one block to fill; Refused without."""
    text = path.read_text("utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise Refused(f"--into: {path} needs the lines {BEGIN} and {END} once each, in this order.")
    return text


def fill(path, page, lines):
    """Write the page with these lines in its block, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write(with_block(page, lines).encode())


# ---- pictures ----

def require_picture(path, option="--plot"):
    """Refused unless a picture can be written there: before the work, not after."""
    if path.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise Refused(f"{option} writes .png, .pdf or .svg, got {path.name!r}.")
    if not path.parent.is_dir():
        raise Refused(f"{option}: there is no folder {path.parent}.")
    try:
        with TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise Refused(f"{option}: cannot write in {path.parent}: {error.strerror}.") from None
    if path.is_dir():
        raise Refused(f"{option}: {path} is a folder.")


def save(figure, path, dpi):
    """Write a picture in the format that its name says, whole or not at all."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=dpi)


# ---- processes ----

def workers(count, context=None):
    """An executor of that many processes; none for 1."""
    return ProcessPoolExecutor(count, context) if count > 1 else nullcontext()


# ---- what is said ----

def show(text):
    """A line of the answer, at once."""
    print(text, flush=True)


def progress(text):
    """A status line that the next one overwrites, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r{text:<72}", end="", file=sys.stderr)


def say(text):
    """A line of progress, on a terminal only."""
    if sys.stderr.isatty():
        print(text, file=sys.stderr)


def warn(text):
    """A line on standard error, wherever that goes."""
    print(text, file=sys.stderr, flush=True)
