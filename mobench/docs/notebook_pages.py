"""Notebooks of the documentation as pages: jupytext scripts are executed, and outputs become Markdown.

All notebooks run in one kernel, one after the other, each with an empty namespace. An executed notebook is kept beside
its page until the script, the code of mobench or the size changes.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jupytext
import nbformat
from filelock import FileLock
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SCRIPTS = sorted((HERE / "notebooks").glob("*.py"))
TIMEOUT = 1200
"""Seconds that a cell may take."""
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def pages(folder: Path, size: str) -> dict[str, str]:
    """Return the pages of all notebooks, "notebooks/NAME.md" -> text, and write their pictures below a folder.

    size: "small" for a fast execution, "" for the full one.

    Raises: CellExecutionError if a cell raises an error.
    """
    texts = {}
    for name, notebook in executed(folder / "notebooks", size).items():
        texts[f"notebooks/{name}.md"] = page(notebook, name, folder / "notebooks")
    return texts


def executed(folder: Path, size: str) -> dict[str, Any]:
    """Return the executed notebooks by name; those that are kept in the folder are not executed again."""
    folder.mkdir(parents=True, exist_ok=True)
    code = code_hash()
    notebooks = {}
    # several builds may run at once
    with FileLock(folder / "lock"):
        paths = {}
        for script in SCRIPTS:
            key = hashlib.sha256(f"{script.read_text('utf-8')}\0{code}\0{size}".encode()).hexdigest()[:16]
            paths[script] = folder / f"{script.stem}-{key}.ipynb"
        missing = [script for script, path in paths.items() if not path.exists()]
        for script, notebook in execute(missing, size):
            for old in folder.glob(f"{script.stem}-*.ipynb"):
                old.unlink()
            nbformat.write(notebook, paths[script])
        for script, path in paths.items():
            notebooks[script.stem] = nbformat.read(path, 4)
    return notebooks


def execute(scripts: Iterable[Path], size: str) -> Iterator[tuple[Path, Any]]:
    """Execute scripts as notebooks, and yield each with its outputs. Raises: as `pages`."""
    scripts = list(scripts)
    if not scripts:
        return
    with kernel(size) as manager:
        for script in scripts:
            notebook = jupytext.read(script)
            reset = nbformat.v4.new_code_cell("%reset -f\nimport matplotlib.pyplot as plt\nplt.close('all')\ndel plt")
            notebook.cells.insert(0, reset)
            client = NotebookClient(notebook, timeout=TIMEOUT, km=manager, coalesce_streams=True)
            try:
                client.execute(reset_kc=True, cleanup_kc=False)
            finally:
                if client.kc is not None:
                    client.kc.stop_channels()
            del notebook.cells[0]
            yield script, notebook


@contextmanager
def kernel(size: str) -> Iterator[KernelManager]:
    """Start a kernel in which notebooks have a size, in an empty folder, and end it."""
    environment = {**os.environ, "MOBENCH_NOTEBOOKS": size, "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        # sockets are files of this folder, to which other users of the machine cannot connect
        manager = KernelManager(kernel_name="python3", transport="ipc", ip=f"{folder}/kernel")
        manager.start_kernel(cwd=folder, env=environment)
        try:
            yield manager
        finally:
            manager.shutdown_kernel(now=True)
            manager.cleanup_resources()


def page(notebook: Any, name: str, folder: Path) -> str:
    """Return the Markdown of an executed notebook, and write its pictures into a folder."""
    parts, pictures = [], 0
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        for output in cell.outputs:
            data = output.get("data", {})
            if "image/png" in data:
                pictures += 1
                path = folder / f"{name}-{pictures}.png"
                path.write_bytes(base64.b64decode(data["image/png"]))
                parts.append(f"![picture {pictures} of the notebook]({path.name})")
            elif text := COLOURS.sub("", output.get("text", "") or data.get("text/plain", "")).rstrip():
                parts.append(f"```text\n{text}\n```")
    source = f"`mobench/docs/notebooks/{name}.py` is this page as a script for jupytext."
    return "\n\n".join([*parts, source]) + "\n"


def code_hash() -> str:
    """Return a hash of the code of mobench and its plugins."""
    digest = hashlib.sha256()
    for folder in (ROOT / "mobench", ROOT / "plugins"):
        for path in sorted(folder.rglob("*.py")):
            if HERE not in path.parents:
                digest.update(path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    executed(Path(sys.argv[1]), sys.argv[2])
