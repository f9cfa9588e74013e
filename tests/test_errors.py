from __future__ import annotations

import pytest

from mobench import errors


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.OptionError, ValueError),
        (errors.UnknownNameError, LookupError),
        (errors.ShapeError, ValueError),
        (errors.PreferenceError, ValueError),
        (errors.NonFiniteError, ArithmeticError),
        (errors.IncompatibleError, TypeError),
        (errors.PluginError, ImportError),
        (errors.StoreError, OSError),
    ],
)
def test_errors_are_also_what_callers_expect(error: type[Exception], builtin: type[Exception]) -> None:
    raised = error("what was given")
    assert isinstance(raised, errors.MobenchError)
    assert isinstance(raised, builtin)
    assert str(raised) == "what was given"


def test_an_unknown_name_comes_with_the_nearest_ones() -> None:
    assert "did you mean 'phn-ls'" in str(errors.unknown_name("solver", "phnls", ["ls", "phn-ls", "epo"]))
    far = str(errors.unknown_name("solver", "xyzzy", ["ls", "epo"]))
    assert "accepted: epo, ls" in far
    assert "none is registered" in str(errors.unknown_name("solver", "a", []))
