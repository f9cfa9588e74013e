"""Assembly of the page: template, style, scripts, data and networks in one file."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mobench.errors import StoreError
from mobench.files import write_whole
from mobench.records.store import Store
from mobench.reports.page.live_networks import Live, live
from mobench.reports.page.page_data import page_data

HERE = Path(__file__).parent
RUNTIME = HERE / "onnxruntime"
SCRIPTS = ("dom", "state", "chart", "fronts", "preference", "network", "board", "details", "curves", "costs", "main")


def write(
    store: Store, out: Path, with_networks: bool = True, tell: Callable[[str], None] = lambda label: None
) -> dict[str, Any]:
    """Write the page of a store. Returns the networks of the page, the solvers left out, and its size in bytes.

    tell: called with the name of each step before it starts.

    Raises: StoreError if there are no records, or the page cannot be written.
    """
    tell("records")
    contents = store.contents()
    if not contents.records:
        raise StoreError(f"there are no records in {store.folder}: name a folder that `mobench run` wrote")
    networks = live(store, contents.records, tell=tell) if with_networks else Live()
    tell("the page")
    data = page_data(contents.records, [str(error) for error in contents.unreadable])
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, render(store.folder.resolve().name, data, networks).encode())
    except OSError as error:
        raise StoreError(f"the page cannot be written to {out}: {error.strerror or error}") from error
    return {"networks": networks.networks, "left_out": networks.left_out, "bytes": out.stat().st_size}


def render(title: str, data: dict[str, Any], networks: Live) -> str:
    """Return the page as text.

    Names, errors and options in `data` are untrusted: all markup in them is escaped. The content security policy
    allows scripts only by their hash and forbids network requests, so that injected code could not run.
    """
    style, script = _asset("style.css"), "\n".join(_asset(f"{name}.js") for name in SCRIPTS)
    runtime = _read(RUNTIME / "ort.wasm.min.js") if networks.models else ""
    runtime = runtime.replace("//# sourceMappingURL=ort.wasm.min.js.map", "")
    shown = {
        "title": title,
        "version": version("mobench"),
        **data,
        "live": {"networks": networks.networks, "samples": networks.samples, "left_out": networks.left_out},
    }
    blobs = {f"model-{id_}": b64encode(model).decode() for id_, model in networks.models.items()}
    if networks.models:
        blobs["ort-mjs"] = b64encode((RUNTIME / "ort-wasm-simd-threaded.mjs").read_bytes()).decode()
        blobs["ort-wasm"] = b64encode((RUNTIME / "ort-wasm-simd-threaded.wasm.gz").read_bytes()).decode()
    environment = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("template.html").render(
        title=title,
        version=version("mobench"),
        policy=_policy(style, script, runtime),
        style=Markup(style),
        script=Markup(script),
        runtime=Markup(runtime),
        data=Markup(as_script_data(shown)),
        blobs=blobs,
    )


def as_script_data(value: Any) -> str:
    """Return JSON that cannot close the script element around it."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _policy(style: str, script: str, runtime: str) -> str:
    """Return the page's Content-Security-Policy: its own scripts and style and WebAssembly, no other sources."""
    scripts = " ".join(_hash(text) for text in (script, runtime) if text)
    return (
        f"default-src 'none'; script-src {scripts} 'wasm-unsafe-eval' blob:; style-src {_hash(style)}; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _asset(name: str) -> str:
    return _read(HERE / name)


def _read(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if "</script" in text.lower() or "</style" in text.lower():
        raise StoreError(f"{path.name} holds an end tag and cannot be written into a page")
    return text
