"""Ctrl-C once: the first is an interruption, and what it starts is done whatever comes after."""

import signal
import threading

import pytest

from reference.training import Interrupted, checkpoint
from reference.training.interrupts import once
from tests.training.runs import run, same


def press(*_):
    signal.raise_signal(signal.SIGINT)


def test_the_first_is_an_interruption_and_the_next_are_none():
    with once():
        with pytest.raises(KeyboardInterrupt):
            press()
        press()
    with pytest.raises(KeyboardInterrupt):          # and afterwards all is as before
        press()


def test_within_another_block_and_in_other_threads_nothing_changes():
    with once():
        outer = signal.getsignal(signal.SIGINT)
        with once():
            assert signal.getsignal(signal.SIGINT) is outer
        assert signal.getsignal(signal.SIGINT) is outer
    found = []

    def elsewhere():
        with once():
            found.append(signal.getsignal(signal.SIGINT))
    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]


def test_a_second_while_saving_does_not_stop_it(tmp_path, monkeypatch):
    save = checkpoint.save

    def pressed(*arguments):
        press()
        path = save(*arguments)
        press()
        return path
    monkeypatch.setattr(checkpoint, "save", pressed)
    with pytest.raises(Interrupted, match="after step 3 .*saved in"):
        run("sgd", tmp_path, progress=lambda at, per_epoch, row: at.steps == 3 and press())
    monkeypatch.undo()
    assert same(run("sgd", tmp_path, resume=True), run("sgd"))
