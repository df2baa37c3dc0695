"""Every command is wired: a parser of its name, with an example, and a run of its own."""

import argparse
from types import SimpleNamespace

import pytest

from reference import commands
from reference.commands.shared import Refused, fill, refusing, require_page
from reference.oracle.layer_text import BEGIN, END


def wrong(command):
    """What a command's parser lacks."""
    choices = argparse.ArgumentParser().add_subparsers()
    command.add(choices)
    (name, made), = choices.choices.items()
    lacks = {"name": name != command.__name__.rpartition(".")[2],
             "example": "python -m reference " + name not in (made.epilog or ""),
             "run": made.get_default("run") is not command.run}
    return [what for what, lacking in lacks.items() if lacking]


@pytest.mark.parametrize("command", commands.COMMANDS, ids=lambda command: command.__name__)
def test_a_command_has_its_name_an_example_and_its_run(command):
    assert wrong(command) == []


def test_a_command_that_is_not_wired_is_reported():
    def add(choices):
        choices.add_parser("other", epilog="no example").set_defaults(run=print)
    command = SimpleNamespace(__name__="reference.commands.some", add=add, run=add)
    assert wrong(command) == ["name", "example", "run"]


def test_every_module_of_the_folder_is_a_command(request):
    folder = request.config.rootpath / "reference" / "commands"
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "shared"}
    assert files == {command.__name__.rpartition(".")[2] for command in commands.COMMANDS}


def test_only_errors_that_are_named_become_refusals():
    with pytest.raises(Refused, match="^what, what to do$"), refusing(ValueError):
        raise ValueError("what, what to do")
    with pytest.raises(KeyError), refusing(ValueError):
        raise KeyError("a fault of ours")


def test_a_page_is_filled_between_its_markers_and_refused_without(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", "utf-8")
    fill(path, require_page(path), ["| a |"])
    assert "| a |" in path.read_text("utf-8") and "old" not in path.read_text("utf-8")
    path.write_text(f"{END}\n{BEGIN}\n", "utf-8")
    with pytest.raises(Refused, match="in this order"):
        require_page(path)
