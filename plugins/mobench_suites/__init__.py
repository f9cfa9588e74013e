"""The suites that come with mobench."""

from pathlib import Path

from mobench.plugins import SuiteFile, hookimpl

_SUMMARIES = {
    "quick": "MultiMNIST from the embedded digits; under 90 seconds on two cores",
    "standard": "full image sets, ten epochs, three seeds",
    "methods": "every solver on the embedded digits",
    "analytic": "problems whose front is known",
    "report-search": "the student report's grid search of its CNN (`mobench tune`)",
    "report": "the student report's table: its CNN at nine preferences",
}


@hookimpl
def mobench_suites() -> list[SuiteFile]:
    folder = Path(__file__).parent
    return [SuiteFile(name, folder / f"{name}.toml", summary) for name, summary in _SUMMARIES.items()]
