"""What CuPy itself says to every call, without a device: arrays that claim host memory as theirs.

Such arrays can be asked for shapes and views, and functions look at their arguments, until
something would be computed: then the driver is missing, and that error is the sign that all before
it was accepted.  So each call that the stand-in allows is made of CuPy, too.
"""

from contextlib import contextmanager

from . import array, modules


class Beside:
    """Makes calls of the real CuPy, and keeps what it says otherwise in `faults`."""

    def __init__(self, cupy):
        self.cupy, self.faults, self.seen = cupy, {}, {}
        self.reached = (cupy.cuda.runtime.CUDARuntimeError, ImportError)   # no driver, no cuBLAS

    def real(self, x):
        """The same with CuPy's arrays: of their shape, type and strides, in host memory."""
        if isinstance(x, array.ndarray):
            host = x._host
            memory = self.cupy.cuda.UnownedMemory(host.__array_interface__["data"][0],
                                                  max(1, host.nbytes), host, 0)
            return self.cupy.ndarray(host.shape, host.dtype,
                                     self.cupy.cuda.MemoryPointer(memory, 0), host.strides)
        if type(x) in (list, tuple):
            return type(x)(map(self.real, x))
        return x

    def ask(self, name, function, arguments, named, result):
        """Makes one call, of each kind one; `result` is the stand-in's."""
        kind = (name, repr(_shown(arguments)), repr(_shown(tuple(named.items()))))
        if kind in self.seen:
            return
        try:
            given = self.real(arguments), {k: self.real(v) for k, v in named.items()}
            said = _shown(function(*given[0], **given[1]))
            self.seen[kind] = "answered"
        except self.reached:
            self.seen[kind] = "reached the device"
            return
        except Exception as error:
            said, self.seen[kind] = f"{type(error).__name__}: {error}", "refused"
        if said != _shown(result):
            self.faults[kind] = said, _shown(result)


def _shown(x):
    """Types and shapes."""
    if type(x) in (list, tuple):
        return [_shown(each) for each in x]
    if hasattr(x, "strides") and not isinstance(x, type):
        return f"<{x.dtype} {tuple(x.shape)}>"
    return x if isinstance(x, (str, type(None))) else repr(x)


@contextmanager
def beside(cupy):
    """The stand-in installed, and the real CuPy asked of all that it is: a Beside."""
    asked, original = Beside(cupy), (array.ndarray.__getattr__, array.ndarray.__getitem__)

    def attribute(self, name):
        own = original[0](self, name)
        return _both(asked, f".{name}", own, lambda *a, **k: getattr(
            asked.real(self), name)(*a, **k), self)

    def item(self, index):
        found = original[1](self, index)
        asked.ask("[]", lambda x, i: x[i], (self, index), {}, found)
        return found

    with modules.installed() as found:
        for module, real in ((found, cupy), (found.linalg, cupy.linalg)):
            for name, own in vars(module).items():
                if callable(own) and not isinstance(own, type) and hasattr(real, name):
                    setattr(module, name, _both(asked, name, own, getattr(real, name)))
        array.ndarray.__getattr__, array.ndarray.__getitem__ = attribute, item
        try:
            yield asked
        finally:
            array.ndarray.__getattr__, array.ndarray.__getitem__ = original


def _both(asked, name, own, real, *of):
    """own, which asks for real as well; `of` tells whose method it is."""
    def call(*arguments, **named):
        before = _shown((*of, *arguments))
        result = own(*arguments, **named)
        if before == _shown((*of, *arguments)):
            asked.ask(name + str(_shown(of)), real, arguments, named, result)
        return result
    call.at = getattr(own, "at", None)
    call.__name__ = name
    return call
