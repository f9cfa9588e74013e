"""`mobench show` of a class imports that class, hence torch, and nothing else that is slow."""

from __future__ import annotations

import subprocess
import sys

import pytest

ABSENT = {"torchvision", "pandas", "pymoo", "moocore", "scipy", "seaborn", "matplotlib", "sklearn"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["multimnist", "phn-epo"])
def test_showing_a_class_imports_no_tables_plots_or_indicators(name: str, environment: dict[str, str]) -> None:
    script = (
        f"import sys; sys.argv = ['mobench', 'show', {name!r}]\n"
        "from mobench.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        f"print('FOUND', sorted({ABSENT!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "FOUND []"
