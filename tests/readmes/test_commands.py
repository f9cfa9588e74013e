"""The commands of each page run in their order, except those that another test covers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from readmes import shortened
from readmes.elsewhere import elsewhere
from readmes.pages import ROOT, blocks, commands, name, pages
from readmes.preloaded import Preloaded

STANDS_FOR = {"mobench show NAME": "mobench show phn-ls", "/data/enwik8": "enwik8"}
"""Placeholders that a reader replaces, and the values used here."""
RECORDS = {
    "README.md": ["compression"],
    "mobench/docs/concepts/comparison.md": ["standard"],
    "results/README.md": ["methods", "analytic", "standard", "sequence"],
    "plugins/mobench_suites/README.md": ["report"],
}
"""Page -> committed results that its commands read and that no earlier command of the page writes."""
N_RECORDS = 6
"""Number of records to copy per folder: plotting all 169 takes a minute."""
FILES = {
    "fronts.csv": "left,right,preference left,preference right,seed\n0.1,0.9,0.9,0.1,0\n0.8,0.2,0.1,0.9,0\n",
    "my-suite.toml": '[budget]\nsteps = 20\n[[entries]]\ndatasets = ["vlmop2"]\nmodels = ["point"]\nsolvers = ["ls"]\n',
    "my-search.toml": blocks((ROOT / "mobench" / "docs" / "howto" / "search.md").read_text())[0][1],
    "flats.csv": (ROOT / "plugins" / "mobench_csv" / "flats.csv").read_text(),
    "enwik8": "Hypernetworks make the weights of other networks. " * 200,
}
"""Files that a reader is expected to have: name -> content."""
PAGES = [page for page in pages() if page.suffix == ".md" and any(elsewhere(c) is None for c in commands(page))]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=map(name, PAGES))
def test_the_commands_of_a_page_run_in_their_order(
    page: Path, preloaded: Preloaded, authors: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    for file, text in FILES.items():
        (tmp_path / file).write_text(text)
    for results in RECORDS.get(name(page), []):
        few(ROOT / "results" / results, tmp_path / "results" / results)
    for command in commands(page):
        if elsewhere(command) is not None:
            continue
        text = command.text.removeprefix(".venv/bin/")
        for placeholder, chosen in STANDS_FOR.items():
            text = text.replace(placeholder, chosen)
        program = text.split()[0]
        assert program == "mobench", f"{command} is run by no test: see tests/support/readmes/elsewhere.py"
        done = preloaded.run(shortened.words(text, tmp_path), tmp_path, environment, [str(authors)])
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def few(results: Path, to: Path) -> None:
    """Copy the first `N_RECORDS` records of a results folder."""
    (to / "records").mkdir(parents=True)
    for record in sorted((results / "records").glob("*.json"))[:N_RECORDS]:
        shutil.copy(record, to / "records")
