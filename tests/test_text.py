"""Text of messages: first lines of errors, parts of file names, and hints about unknown names."""

from __future__ import annotations

import pytest

from mobench.errors import nearest
from mobench.text import file_name_part, first_line, name_hint, single_spaced


@pytest.mark.parametrize(
    ("message", "line"), [("a\nb", "a"), ("\n a \nb", "a"), ("", "ValueError"), (" \n ", "ValueError")]
)
def test_an_error_without_a_message_has_its_type_as_first_line(message: str, line: str) -> None:
    assert first_line(ValueError(message)).strip() == line


@pytest.mark.parametrize(
    ("name", "part"),
    [("phn+mgda", "phn+mgda"), ("../../etc/passwd", "etc-passwd"), ("a\x1b[2J", "a-2J"), ("日本", "x"), ("", "x")],
)
def test_a_part_of_a_file_name_has_no_separator_and_is_never_empty(name: str, part: str) -> None:
    assert file_name_part(name) == part
    assert len(file_name_part("long" * 100)) == 40


def test_control_characters_and_lone_surrogates_become_single_spaces() -> None:
    assert single_spaced(" a\x00\x1b b\n\ud800c ") == "a b c"


def test_a_hint_lists_near_names_or_else_all_of_them_once() -> None:
    assert (
        name_hint("acuracy", ["accuracy", "loss"]) == "; did you mean 'accuracy'?" == nearest("acuracy", ["accuracy"])
    )
    assert name_hint("zzz", ["b", "a", "b"]) == "; accepted: b, a"
    assert name_hint("zzz", ["a"], "there are:") == "; there are: a"
    assert name_hint("zzz", [], none="none is registered") == "; accepted: none is registered"
