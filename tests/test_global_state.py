"""Global state is restored after each import, and the plugin that changed it is named."""

from __future__ import annotations

import importlib.metadata
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mobench import plugins
from mobench.global_state import changes, restored, snapshot
from mobench.plugins import Registry, load_all, load_only, registry

CHANGES: dict[str, str] = {
    "torch's random state": "import torch; torch.manual_seed(918_273)",
    "NumPy's random state": "import numpy; numpy.random.seed(918_273)",
    "Python's random state": "import random; random.seed(918_273)",
    "torch's default dtype": "import torch; torch.set_default_dtype(torch.float64)",
    "torch's default device": "import torch; torch.set_default_device('meta')",
    "torch's number of threads": "import torch; torch.set_num_threads(torch.get_num_threads() + 1)",
    "torch's gradient mode": "import torch; torch.set_grad_enabled(False)",
    "torch's choice of deterministic algorithms": "import torch; torch.use_deterministic_algorithms(True)",
    "torch's precision of matrix products": "import torch; torch.set_float32_matmul_precision('medium')",
    "torch's treatment of denormal numbers": "import torch; torch.set_flush_denormal(True)",
    "torch's anomaly detection": "import torch; torch.autograd.set_detect_anomaly(True)",
    "cuDNN's settings": "import torch; torch.backends.cudnn.benchmark = True",
    "NumPy's handling of errors": "import numpy; numpy.seterr(all='raise')",
    "the warnings filters": "import warnings; warnings.simplefilter('ignore')",
    "the working folder": "import os; os.chdir('/')",
    "the environment": "import os; os.environ['OMP_NUM_THREADS'] = '7'",
    "sys.path": "import sys; sys.path.insert(0, '/nowhere')",
    "the signal handlers": "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "the recursion limit": "import sys; sys.setrecursionlimit(12345)",
    "the garbage collector's state": "import gc; gc.disable()",
}
HOOK = (
    "from mobench import Spec, hookimpl\n@hookimpl\ndef mobench_models():\n    return [Spec('model-{n}', '{target}')]\n"
)


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[dict[str, str]], None]:
    """Makes modules importable and gives `metadata.entry_points` one entry point for each."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(sources: dict[str, str]) -> None:
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text(source)
            monkeypatch.delitem(sys.modules, name, raising=False)
        entry_points = [importlib.metadata.EntryPoint(name, name, "mobench") for name in sources]
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: entry_points)

    return install


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has discovered no plugins yet."""
    monkeypatch.setattr(plugins, "_of_process", [])


def test_there_is_an_example_of_every_piece() -> None:
    assert set(CHANGES) == set(snapshot())


@pytest.mark.parametrize("piece", CHANGES)
def test_what_an_import_changes_is_restored_and_its_plugin_named(points: Any, piece: str) -> None:
    """Changes in the module of the hooks, in a hook, and in the module of a class that is loaded later."""
    change = CHANGES[piece]
    with restored():  # once before: torch imports libraries for some of it, and those change more
        exec(change, {})
    points({
        "guest_import": f"{change}\n{HOOK.format(n=1, target='guest_class:A')}",
        "guest_hook": HOOK.format(n=2, target="guest_class:A").replace("    return", f"    {change}\n    return"),
        "guest_quiet": HOOK.format(n=3, target="guest_class:A"),
        "guest_class": f"{change}\nclass A: pass\n",
    })  # fmt: skip
    before = snapshot()
    plugin_registry = Registry.discover()
    assert changes(before, snapshot()) == []
    blamed = {plugin.name: plugin.side_effects for plugin in plugin_registry.plugins}
    for name in ("guest_import", "guest_hook"):
        assert any(phrase.startswith(f"{piece} was changed: ") for phrase in blamed[name]), blamed
    assert blamed["guest_quiet"] == []
    sys.modules.pop("guest_class", None)
    plugin_registry.get("model", "model-3").load()
    assert changes(before, snapshot()) == []
    (quiet,) = (plugin for plugin in plugin_registry.plugins if plugin.name == "guest_quiet")
    assert piece in [phrase.partition(" was")[0] for phrase in quiet.side_effects]


def test_a_plugin_that_breaks_after_it_changed_something_changes_nothing(points: Any) -> None:
    points({"guest_late": "import torch; torch.set_default_dtype(torch.float64); 1/0"})
    plugin_registry = Registry.discover()
    assert torch.get_default_dtype() == torch.float32
    assert [plugin.state for plugin in plugin_registry.plugins] == ["broken"]
    assert "default dtype" in plugin_registry.plugins[0].side_effects[0]


@pytest.mark.slow
def test_the_state_of_a_library_that_an_import_brings_is_that_of_a_new_process() -> None:
    """The commands look for plugins before they need torch."""
    script = (
        "from mobench.global_state import restored\n"
        "with restored('guest') as changed:\n"
        "    import torch; torch.set_default_dtype(torch.float64); torch.set_grad_enabled(False)\n"
        "assert torch.get_default_dtype() == torch.float32 and torch.is_grad_enabled()\n"
        "print(len(changed), 'torch' in changed[0])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "2 True\n"


def test_what_libraries_do_when_they_are_first_imported_is_not_the_plugins_doing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "guest_library.py").write_text("import os, warnings; os.environ['OF_A_LIBRARY'] = '1'\n")
    with restored("guest_plugin") as changes:
        import guest_library  # type: ignore[import-not-found]  # noqa: F401

        warnings.filterwarnings("ignore", message="of a library")
    assert changes == []
    assert "OF_A_LIBRARY" not in os.environ, "workers have the environment that the user gave"
    assert any("of a library" in str(entry[1]) for entry in warnings.filters)


def test_only_the_plugins_asked_for_are_loaded_until_a_name_is_missing(points: Any, process: None) -> None:
    points({f"guest_{n}": HOOK.format(n=n, target="fractions:Fraction") for n in ("a", "b")})
    load_only(["?:guest_a"])
    plugin_registry = registry()
    assert [plugin.name for plugin in plugin_registry.plugins] == ["guest_a"]
    assert plugin_registry.get("model", "model-a").name == "model-a"
    assert "guest_b" not in sys.modules
    assert plugin_registry.get("model", "model-b").plugin.name == "guest_b"
    assert plugin_registry.names("model") == ["model-a", "model-b"]


@pytest.mark.parametrize("act", [load_all, lambda: registry().names("model"), lambda: registry().meant("model-b")])
def test_whoever_asks_for_all_names_has_all_plugins(points: Any, process: None, act: Callable[[], Any]) -> None:
    points({f"guest_{n}": HOOK.format(n=n, target="fractions:Fraction") for n in ("a", "b")})
    load_only(["?:guest_a", "nobody:nothing"])
    act()
    assert sorted(plugin.name for plugin in registry().plugins) == ["guest_a", "guest_b"]


def test_handlers_and_arrays_are_compared_by_value() -> None:
    before = snapshot()
    np.random.rand()
    signal.getsignal(signal.SIGTERM)
    assert [change.partition(" was")[0] for change in changes(before, snapshot())] == ["NumPy's random state"]
