"""JSON of strangers: too long, too deep, twice, no text, no number; refused or told so."""

import json

import pytest

from reference.oracle.golden import reading


@pytest.mark.parametrize("data, words", [
    (b"[" * 10**6, "nested too deeply"), (b'{"value":' * 10**5, "nested too deeply"),
    (b'{"value": 1, "value": 2}', "'value' is there twice"),
    (b'{"gradient": {"a": 1, "a": 2}}', "'a' is there twice"),
    (b'{"value": \xff}', "no text in UTF-8"), ("{}".encode("utf-16"), "UTF-8"),
    (b'{"value": 1', "cannot be read as JSON"), (b"", "cannot be read as JSON"),
    (b'{"value": ' + b"9" * 10**5 + b"}", "100000 digits"), (b"[1]", "holds a list"),
    (b'{"arrays": 3}', "are no object"), (b'{"value": import os}', "cannot be read as JSON"),
    (json.dumps({f"a{k}": k for k in range(1001)}).encode(), "1001 names")], ids=range(13))
def test_json_that_is_none_is_refused(outcome, data, words):
    assert words in outcome("dense.json", data)


@pytest.mark.parametrize("data, words", [
    (b'{"value": NaN}', "not finite"), (b'{"value": 1e999}', "not finite"),
    (b'{"value": ' + b"9" * 390 + b"}", "no array"), (b'{"value": 1e308}', "differs"),
    (b'{"value": "__import__(\'os\')"}', "holds a str"),
    (b'{"value": ' + b"[" * 90 + b"1" + b"]" * 90 + b"}", "no array"),
    (b'{"value": {"shape": [-1], "data": [1]}}', "whole numbers"),
    (b'{"value": {"shape": [9000000000], "data": [1]}}', "whole numbers"),
    (b'{"value": {"shape": [1, 0], "data": [1]}}', "do not fit")], ids=range(9))
def test_a_number_that_is_none_is_told_so(outcome, data, words):
    found = outcome("dense.json", data)
    assert words in str(found) and not found.passed


def test_long_json_is_not_read(outcome, monkeypatch):
    monkeypatch.setattr(reading, "JSON_BYTES", 100)
    assert "more than the 100 allowed" in outcome("dense.json", b" " * 101)
