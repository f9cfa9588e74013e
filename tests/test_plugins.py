"""The registry, with working plugins and plugins with every kind of defect."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mobench.errors import PluginError, UnknownNameError
from mobench.hookspecs import INTERFACE_VERSION, DataFile, Hooks
from mobench.plugins import (
    KINDS,
    Pair,
    Plugin,
    Registry,
    Spec,
    SuiteFile,
    entries_named,
    hookimpl,
    pair_of,
    registry,
)


def module(**hooks: Callable[..., Any]) -> ModuleType:
    guest_module = ModuleType("guest")
    for name, function in hooks.items():
        setattr(guest_module, name, hookimpl(function))
    return guest_module


def added(registry: Registry, name: str, guest: ModuleType) -> Plugin:
    plugin = Plugin(name, f"{name}-dist", "1.0")
    registry.add(plugin, guest)
    return plugin


def balancer(name: str = "mine", **more: Any) -> Callable[[], list[Spec]]:
    return lambda: [Spec(name, "fractions:Fraction", **more)]


def test_what_a_plugin_offers_is_found_and_loaded_on_demand() -> None:
    from fractions import Fraction

    plugin_registry = Registry()
    plugin = added(plugin_registry, "guest", module(mobench_balancers=balancer()))
    assert plugin.state == "ok"
    assert plugin_registry.names("balancer") == ["mine"]
    entry = plugin_registry.get("balancer", "mine")
    assert entry.load() is Fraction
    assert entry.version == "guest-dist 1.0"


def test_a_method_may_have_a_version_of_its_own() -> None:
    plugin_registry = Registry()
    added(plugin_registry, "guest", module(mobench_balancers=balancer(version="7")))
    assert plugin_registry.get("balancer", "mine").version == "7"


def raises() -> list[Spec]:
    raise RuntimeError("no luck")


def exits() -> list[Spec]:
    sys.exit("gone")


class PanicException(BaseException):
    """Like the panics of Rust extensions, it does not derive from Exception."""


class Unspeakable(Exception):
    """Raises when its message is read."""

    def __str__(self) -> str:
        raise PanicException("no words")

    __repr__ = __str__


class Unprintable(str):
    """A text that raises when it is printed."""

    def __format__(self, format_spec: str) -> str:
        raise PanicException("no words")


def raising(error: BaseException) -> Callable[[], list[Spec]]:
    def hook() -> list[Spec]:
        raise error

    return hook


def spec(**more: Any) -> Callable[[], list[Spec]]:
    return lambda: [Spec(**{"name": "mine", "target": "fractions:Fraction", **more})]


def data_file(**more: Any) -> Callable[[], list[DataFile]]:
    return lambda: [DataFile(**{"name": "set", "path": "set/a.bin", "sha256": "0" * 64, **more})]


BROKEN = {
    "panicking hook": (module(mobench_balancers=raising(PanicException("no luck"))), "PanicException: no luck"),
    "skipping hook": (module(mobench_balancers=raising(pytest.skip.Exception("not here"))), "Skipped: not here"),
    "hook of a generator's end": (module(mobench_balancers=raising(GeneratorExit())), "GeneratorExit"),
    "unspeakable": (
        module(mobench_balancers=raising(Unspeakable())),
        "Unspeakable: (its message cannot be read: PanicException in __str__)",
    ),
    "rubbish without a repr": (module(mobench_balancers=lambda: [Unspeakable()]), "PanicException: no words"),
    "no target": (module(mobench_balancers=spec(target=None)), "target=None: a value of type str is accepted"),
    "half a target": (module(mobench_balancers=spec(target="fractions")), "write package.module:name"),
    "target of nothing": (module(mobench_balancers=spec(target=":Fraction")), "write package.module:name"),
    "no summary": (module(mobench_balancers=spec(summary=None)), "summary=None: a value of type str"),
    "a summary of another class": (module(mobench_balancers=spec(summary=Unprintable("a"))), "a value of type str"),
    "data from texts of another class": (
        module(mobench_data_files=data_file(urls=(Unprintable("a"),))),
        "a value of type tuple",
    ),
    "version as a number": (module(mobench_balancers=spec(version=3)), "version=3: a value of type str"),
    "defaults as a list": (module(mobench_balancers=spec(defaults=["lr"])), "defaults=['lr']: a value of type Mapping"),
    "a pair of nothing": (module(mobench_solvers=lambda: [Pair("a", None, "b")]), "generator=None"),  # type: ignore[arg-type]
    "a suite as text": (module(mobench_suites=lambda: [SuiteFile("a", "a.toml")]), "path='a.toml': a value of type"),  # type: ignore[arg-type]
    "data without a hash": (module(mobench_data_files=data_file(sha256=None)), "sha256=None: a value of type str"),
    "data from numbers": (module(mobench_data_files=data_file(urls=(3,))), "urls=(3,): a value of type tuple"),
    "data from one text": (module(mobench_data_files=data_file(fetch="a:b")), "fetch='a:b': a value of type tuple"),
    "data from no function": (module(mobench_data_files=data_file(fetch=("a",))), "write package.module:name"),
    "misspelt hook": (module(mobench_balancer=balancer()), "unknown hook 'mobench_balancer'"),
    "wrong argument": (module(mobench_balancers=lambda nonsense: []), "nonsense"),
    "raising hook": (module(mobench_balancers=raises), "RuntimeError: no luck"),
    "exiting hook": (module(mobench_balancers=exits), "SystemExit: gone"),
    "rubbish": (module(mobench_balancers=lambda: ["stack"]), "return a list of Spec"),
    "no list": (module(mobench_balancers=lambda: 3), "TypeError"),
    "a pair as balancer": (module(mobench_balancers=lambda: [Pair("a", "b", "c")]), "return a list of Spec"),
    "a solver as suite": (module(mobench_suites=lambda: [Spec("a", "b:c")]), "return a list of SuiteFile"),
    "another interface": (
        module(mobench_balancers=balancer(interface=INTERFACE_VERSION + 1)),
        f"interface version {INTERFACE_VERSION + 1}, this is version {INTERFACE_VERSION}",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_named_with_its_reason_and_harms_no_other(case: str) -> None:
    guest, reason = BROKEN[case]
    plugin_registry = Registry()
    broken = added(plugin_registry, "broken", guest)
    working = added(plugin_registry, "whole", module(mobench_balancers=balancer()))
    assert (broken.state, working.state) == ("broken", "ok")
    assert reason in broken.error
    assert list(plugin_registry.broken()) == [broken]
    assert plugin_registry.names("balancer") == ["mine"]


def test_two_plugins_with_one_name_are_both_refused_and_both_named() -> None:
    plugin_registry = Registry()
    for name in ("one", "two", "three"):
        added(plugin_registry, name, module(mobench_balancers=balancer()))
    assert plugin_registry.names("balancer") == []
    with pytest.raises(PluginError, match=r"one-dist 1.0.*two-dist 1.0.*three-dist 1.0.*MOBENCH_BLOCK"):
        plugin_registry.get("balancer", "mine")


def test_an_unknown_name_mentions_broken_plugins_where_it_may_have_been() -> None:
    plugin_registry = Registry()
    added(plugin_registry, "broken", BROKEN["raising hook"][0])
    added(plugin_registry, "whole", module(mobench_balancers=balancer()))
    with pytest.raises(UnknownNameError, match="did you mean 'mine'") as raised:
        plugin_registry.get("balancer", "mime")
    assert raised.value.__notes__ == ["plugin broken-dist 1.0 (plugin 'broken') is broken: RuntimeError: no luck"]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("no_such_module:A", "ModuleNotFoundError"),
        ("fractions:Nothing", "AttributeError"),
        ("math:pi", "is not a class"),
    ],
)
def test_a_class_that_cannot_be_loaded_is_told_with_its_plugin(target: str, reason: str) -> None:
    plugin_registry = Registry()
    added(plugin_registry, "guest", module(mobench_models=lambda: [Spec("m", target)]))
    with pytest.raises(PluginError, match=f"guest|{target}") as raised:
        plugin_registry.get("model", "m").load()
    assert reason in str(raised.value)


def test_an_exact_name_finds_its_entries_and_a_disputed_one_is_an_error() -> None:
    plugin_registry = Registry()
    added(plugin_registry, "one", module(mobench_balancers=spec(name="mine"), mobench_models=spec(name="mine")))
    added(plugin_registry, "two", module(mobench_balancers=spec(name="mine")))
    (entry,) = entries_named(plugin_registry, "mine")
    assert entry.kind == "model"
    assert entries_named(plugin_registry, "one") == [], "the name of a plugin"
    with pytest.raises(PluginError, match="offered by"):
        entries_named(plugin_registry, "mine", ("balancer",))


def test_a_name_with_a_plus_is_a_pair() -> None:
    assert pair_of("g+b") == Pair("g+b", "g", "b")
    assert pair_of("phn-ls") is None


def test_a_pair_names_no_class() -> None:
    plugin_registry = Registry()
    added(plugin_registry, "guest", module(mobench_solvers=lambda: [Pair("p", "g", "b")]))
    with pytest.raises(PluginError, match="has no class: it is a pair"):
        plugin_registry.get("solver", "p").load()


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[dict[str, str]], None]:
    """Makes modules importable and gives `metadata.entry_points` one entry point for each."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(sources: dict[str, str]) -> None:
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text(source)
        entry_points = [importlib.metadata.EntryPoint(name, name, "mobench") for name in sources]
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: entry_points)

    return install


GOOD = """
from mobench import Spec, hookimpl
@hookimpl
def mobench_models():
    return [Spec("a-model", "somewhere:A")]
"""


RAISES_NO_EXCEPTION = """
class PanicException(BaseException):
    def __str__(self):
        raise PanicException
raise PanicException
"""


def test_discovery_survives_what_is_no_exception(points: Callable[[dict[str, str]], None]) -> None:
    sources = {
        "guest_panic": RAISES_NO_EXCEPTION,
        "guest_skip": "import pytest; pytest.skip('not here', allow_module_level=True)",
        "guest_end": "raise GeneratorExit",
        "guest_good3": GOOD,
    }
    points(sources)
    plugin_registry = Registry.discover()
    assert {p.name: p.state for p in plugin_registry.plugins} == {
        **dict.fromkeys(sources, "broken"),
        "guest_good3": "ok",
    }
    errors = {p.name: p.error for p in plugin_registry.broken()}
    assert errors["guest_panic"] == "PanicException: (its message cannot be read: PanicException in __str__)"
    assert errors["guest_skip"] == "Skipped: not here"
    assert all(p.details for p in plugin_registry.broken())


def test_ctrl_c_while_plugins_are_loaded_interrupts(points: Callable[[dict[str, str]], None]) -> None:
    points({"guest_slow": "raise KeyboardInterrupt"})
    with pytest.raises(KeyboardInterrupt):
        Registry.discover()
    with pytest.raises(KeyboardInterrupt):
        added(Registry(), "guest", module(mobench_balancers=raising(KeyboardInterrupt())))


def test_ctrl_c_while_a_class_is_loaded_interrupts_and_a_panic_does_not(
    points: Callable[[dict[str, str]], None],
) -> None:
    points({"guest_class_slow": "raise KeyboardInterrupt", "guest_class_panic": RAISES_NO_EXCEPTION})
    plugin_registry = Registry()
    specs = [Spec("slow", "guest_class_slow:A"), Spec("panic", "guest_class_panic:A")]
    added(plugin_registry, "guest", module(mobench_models=lambda: specs))
    with pytest.raises(KeyboardInterrupt):
        plugin_registry.get("model", "slow").load()
    with pytest.raises(PluginError, match=r"'panic' of guest-dist 1.0 .* cannot be loaded .*PanicException"):
        plugin_registry.get("model", "panic").load()


@pytest.mark.parametrize(
    "damage", [{"METADATA": b"\xff\xfe"}, {"METADATA": None}, {"entry_points.txt": b"[mobench]\nx\n"}]
)
def test_a_distribution_with_damaged_metadata_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: dict[str, bytes | None]
) -> None:
    folder = tmp_path / "damaged-1.0.dist-info"
    folder.mkdir()
    content: dict[str, bytes | None] = {
        "METADATA": b"Metadata-Version: 2.1\nName: damaged\nVersion: 1.0\n",
        "entry_points.txt": b"[mobench]\ndamaged = no_such_module\n",
    }
    for name, data in {**content, **damage}.items():
        if data is not None:
            (folder / name).write_bytes(data)
    monkeypatch.syspath_prepend(tmp_path)
    plugin_registry = Registry.discover()
    assert len(list(plugin_registry.broken())) == 1
    assert "phn-ls" in plugin_registry.names("solver")


def test_discovery_survives_import_errors_and_exits(points: Callable[[dict[str, str]], None]) -> None:
    points({"guest_bad": "1/0", "guest_exit": "import sys; sys.exit(4)", "guest_good": GOOD})
    plugin_registry = Registry.discover()
    assert {p.name: p.state for p in plugin_registry.plugins} == {
        "guest_bad": "broken",
        "guest_exit": "broken",
        "guest_good": "ok",
    }
    bad = next(plugin_registry.broken())
    assert bad.error == "ZeroDivisionError: division by zero"
    assert "guest_bad.py" in bad.details
    assert plugin_registry.names("model") == ["a-model"]


def test_a_plugin_can_be_blocked(points: Callable[[dict[str, str]], None], monkeypatch: pytest.MonkeyPatch) -> None:
    points({"guest_good2": GOOD, "guest_bad2": "1/0"})
    monkeypatch.setenv("MOBENCH_BLOCK", "guest_bad2,other")
    plugin_registry = Registry.discover()
    assert {p.name: p.state for p in plugin_registry.plugins} == {"guest_bad2": "blocked", "guest_good2": "ok"}
    assert not list(plugin_registry.broken())


def test_built_in_plugins_come_through_the_same_entry_points() -> None:
    plugin_registry = registry()
    assert [p.error for p in plugin_registry.broken()] == []
    declared_names = {point.name for point in importlib.metadata.entry_points(group="mobench")}
    assert {p.name for p in plugin_registry.plugins} == declared_names


@pytest.mark.parametrize("kind", KINDS)
def test_every_built_in_name_says_what_it_is(kind: Any) -> None:
    for entry in registry().entries[kind].values():
        assert entry.spec.summary
        if isinstance(entry.spec, SuiteFile):
            assert entry.spec.path.is_file()


def test_there_is_a_hook_for_every_kind_and_each_says_what_it_is_for() -> None:
    hooks = {name: hook for name, hook in vars(Hooks).items() if name.startswith("mobench_")}
    assert set(hooks) == {*(f"mobench_{kind}s" for kind in KINDS), "mobench_data_files", "mobench_user_folders"}
    assert all(hook.__doc__ for hook in hooks.values())


@pytest.mark.parametrize("name", ["../../etc/passwd", "\x1b[2J", "<b>", "a+b", "", "x" * 81, "-q", 3])
def test_a_name_that_is_none_breaks_its_plugin_alone(name: object) -> None:
    guest = ModuleType("guest")
    guest.mobench_models = hookimpl(lambda: [Spec(name, "a:B")])  # type: ignore[attr-defined, arg-type]
    plugin_registry, plugin = Registry(), Plugin("guest", "guest", "1.0")
    plugin_registry.add(plugin, guest)
    assert plugin.state == "broken"
    assert "a name has 1 to 80 letters" in plugin.error
    assert plugin.error.isprintable()
    assert plugin_registry.names("model") == []


@pytest.mark.parametrize("path", ["../../.bashrc", "/etc/passwd", "a/../../b", "..\\b", "", "\x1b[2J", None])
def test_a_data_file_outside_the_data_folder_breaks_its_plugin_alone(path: object) -> None:
    guest = ModuleType("guest")
    files = [path if path is None else DataFile("set", path, "0" * 64)]  # type: ignore[arg-type]
    guest.mobench_data_files = hookimpl(lambda: files)  # type: ignore[attr-defined]
    plugin_registry, plugin = Registry(), Plugin("guest", "guest", "1.0")
    plugin_registry.add(plugin, guest)
    assert plugin.state == "broken"
    assert "below the data folder" in plugin.error or "return a list of DataFile" in plugin.error
    assert plugin_registry.data_files == []
