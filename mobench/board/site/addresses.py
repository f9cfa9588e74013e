"""Addresses of pages and files, relative to the root of the site. Names of plugins and records are untrusted."""

from __future__ import annotations

import hashlib
import re

from mobench.text import file_name_part

PLAIN = re.compile(r"[a-z0-9][a-z0-9_+-]{0,59}")


def slug(name: str) -> str:
    """Return a name as part of a file name: itself if it is plain, else shortened and with a hash.

    Two names have different slugs, also on file systems that ignore case.
    """
    if PLAIN.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode(errors="backslashreplace")).hexdigest()[:10]
    return f"{file_name_part(name).lower()}.{digest}"


def store_slug(store: str) -> str:
    """Return a store's name as part of a file name; the names of stores have no underscore."""
    return store.replace("/", "_")


def store_page(store: str) -> str:
    return f"stores/{store_slug(store)}.html"


def task_page(store: str, dataset: str) -> str:
    return f"tasks/{store_slug(store)}/{slug(dataset)}.html"


def method_page(method: str) -> str:
    return f"methods/{slug(method)}.html"


def submission_page(submission: str) -> str:
    return f"submissions/{submission}.html"


def data_file(store: str, name: str) -> str:
    return f"data/{store_slug(store)}/{name}"


def up(page: str) -> str:
    """Return the relative path from a page to the root of the site: "" or "../" for each folder."""
    return "../" * page.count("/")
