"""Each question of a lesson has its answer in docs/answers.md; sessions are run by test_docs.py."""

import ast
import re
from pathlib import Path

from tests.test_docs import CODE

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "answers.md").read_text("utf-8")
LESSONS = {path.name: path.read_text("utf-8")
           for path in sorted((ROOT / "examples").glob("[0-9][0-9]_*.py"))}


def questions(source):
    """The title of a lesson, and the numbers of the questions in its last cell."""
    title = ast.get_docstring(ast.parse(source)).splitlines()[0]
    asked = source.partition("# **Try:**")[2]
    return title, [int(number) for number in re.findall(r"^# (\d+)\. ", asked, re.MULTILINE)]


def answers(page):
    """Title -> [(number, prose of the answer)] of each section."""
    sections = re.split(r"^## ", CODE.sub("", page), flags=re.MULTILINE)[1:]
    found = {}
    for section in sections:
        title, _, body = section.partition("\n")
        parts = re.split(r"^\*\*(\d+)\. ", body, flags=re.MULTILINE)[1:]
        found[title] = [(int(k), text.partition("**")[2])
                        for k, text in zip(parts[::2], parts[1::2])]
    return found


def faults(lessons, page):
    """Lessons without numbered questions, a link or their answers; sections of no lesson."""
    found, told = [], answers(page)
    for name, source in lessons.items():
        title, asked = questions(source)
        given = told.pop(title, [])
        numbers = [k for k, _ in given]
        short = [k for k, text in given if len(re.findall(r"[.?](?=\s|$)", text)) < 2]
        wrong = {f"questions {asked}": not asked or asked != [*range(1, len(asked) + 1)],
                 "no link": ":doc:`answers </answers>`" not in source,
                 f"answers {numbers}": numbers != asked, f"short answers {short}": short}
        found += [f"{name}: {what}" for what, so in wrong.items() if so]
    return found + [f"no lesson: {title}" for title in told]


def test_each_question_of_a_lesson_is_answered():
    assert faults(LESSONS, PAGE) == []


def test_what_is_not_answered_is_reported():
    asks = '"7. Seven"\n# %%\n# **Try:** :doc:`answers </answers>`\n#\n# 1. Why?\n'
    page = "# Page\n\n## 7. Seven\n\n**1. Why.** Because. It is 7.\n\n```\n**2. Code.**\n```\n"
    assert faults({"07": asks}, page) == []
    assert faults({"07": asks + "# 2. And?\n"}, page) == ["07: answers [1]"]
    assert faults({"07": asks}, page + "\n**2. More.** It. Is.\n") == ["07: answers [1, 2]"]
    assert faults({"07": asks}, page.replace("Because. ", "")) == ["07: short answers [1]"]
    assert faults({"07": asks}, page.replace("Seven", "Six")) == [
        "07: answers []", "no lesson: 7. Six"]
    assert faults({"07": asks.replace("1. Why", "Why").replace("answers <", "<")}, page) == [
        "07: questions []", "07: no link", "07: answers [1]"]
