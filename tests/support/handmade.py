"""Values of records that tests write by hand."""

from __future__ import annotations

from mobench.records.record import Provenance

MADE = Provenance(
    started="a",
    finished="b",
    mobench="0",
    python="3",
    packages={},
    platform="x",
    processor="y",
    threads=1,
    device="cpu",
)
"""Provenance of a record that nobody ran."""
