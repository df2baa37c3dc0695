"""The audit holds of the source, and finds what would fail on a device."""

import pytest

from reference.arrays import functions as F
from tests.device import audit, audit_page

FILES = audit.sources()
ELEMENTWISE = "exp expm1 log log1p sqrt sin cos tanh".split()


def test_every_array_function_is_cupys_or_is_said_to_stay_on_the_host():
    assert audit.offences(FILES) == []


def test_no_excuse_is_idle():
    assert audit.idle(FILES) == []


def test_the_page_has_all_that_is_used():
    have, lines = audit_page.PAGE.read_text("utf-8"), audit_page.page(FILES).splitlines()
    assert [line for line in lines if line not in have] == [], "python -m tests.device.audit_page"


def test_the_audit_reads_the_package():
    found = [use for file, source in FILES.items() for use in audit.uses(file, source)]
    assert len(FILES) > 90 and len(found) > 900          # 106 files and 1100 uses when written
    assert {"numpy", "cupy", "method"} == {use.kind for use in found}


@pytest.mark.parametrize("name", F.VOCABULARY)
def test_the_vocabulary_is_cupys_in_real_and_in_complex_numbers(name):
    own, known = name in audit.device_names(), audit.RECORD["modules"]["cupy"].get(name)
    assert own or known is not None
    if name in ELEMENTWISE and not own:
        assert {"f->f", "d->d", "F->F", "D->D"} <= set(known)


PLANTED = [
    ("np.block([[x, x]])", "np.block is not in CuPy"),
    ("np.spacing(x)", "np.spacing is not in CuPy"),
    ("np.linalg.multi_dot([x, x])", "np.linalg.multi_dot is not in CuPy"),
    ("np.fft.nothing(x)", "np.fft.nothing is not in CuPy"),
    ("library(x).block([[x]])", "cupy.block is not in CuPy"),
    ("import_module('cupy').spacing(x)", "cupy.spacing is not in CuPy"),
    ("np.max(x, initial=0)", "np.max(initial=) takes no initial in CuPy"),
    ("x.max(initial=0)", ".max(initial=) takes no initial in CuPy"),
    ("x.sum(where=m)", ".sum(where=) takes no where in CuPy"),
    ("np.add(x, y, where=m)", "np.add(where=) takes no where in CuPy"),
    ("np.take(x, i, mode='clip')", "np.take(mode=) takes no mode in CuPy"),
    ("np.left_shift(x, y)", "np.left_shift has no float32 and float64 in CuPy"),
    ("x.tolist()", ".tolist is a round trip that nobody sees"),
    ("x.item()", ".item is a round trip that nobody sees"),
    ("x.setflags(write=False)", ".setflags(write=) is no method of CuPy's arrays"),
    ("np.array([x, x])", "np.array makes an array on the host"),
    ("np.ascontiguousarray(x)", "np.ascontiguousarray makes an array on the host"),
    ("np.zeros(3)", "np.zeros makes an array on the host"),
    ("np.random.standard_normal(3)", "np.random.standard_normal global state"),
    ("list(map(np.block, x))", "np.block is not in CuPy"),
    ("np.sqrt(x) + x.sum(-1, keepdims=True)", None),
    ("np.linalg.cholesky(x.astype(float, copy=False))", None),
    ("np.add.at(x, i, y)", None),
    ("library(x).zeros(3, x.dtype)", None),
    ("np.finfo(x.dtype).eps, np.float32, np.linalg.LinAlgError('no')", None),
]


@pytest.mark.parametrize("line, words", PLANTED, ids=[line for line, _ in PLANTED])
def test_what_is_planted_is_found_and_nothing_else(line, words):
    found = audit.offences({"optim/a.py": f"def f(x, y, i, m):\n    return {line}\n"})
    if words is None:
        assert found == []
    else:
        assert len(found) == 1 and found[0].startswith(f"optim/a.py:f: {words}")


def test_an_excuse_is_of_one_function_and_an_idle_one_is_found(monkeypatch):
    monkeypatch.setattr(audit, "HOST", {"optim/a.py": {"f": "why", "h": "idle"}})
    files = {"optim/a.py": "def f():\n    np.zeros(3)\n\n\ndef g():\n    np.zeros(3)\n"}
    assert audit.offences(files) == ["optim/a.py:g: np.zeros makes an array on the host"]
    assert audit.idle(files) == ["optim/a.py:h"]
