"""The built-in suites; each TOML file in this folder is a suite and contains its own summary."""

import tomllib
from pathlib import Path

from mobench.plugins import SuiteFile, hookimpl


@hookimpl
def mobench_suites() -> list[SuiteFile]:
    files = sorted(Path(__file__).parent.glob("*.toml"))
    return [SuiteFile(path.stem, path, tomllib.loads(path.read_text())["summary"]) for path in files]
