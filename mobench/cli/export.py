"""`mobench export`: write the tables and networks of records as files."""

from __future__ import annotations

from typing import Any

from mobench.api import result_files
from mobench.cli.python_options import Detail, option_name, options_of
from mobench.output.printing import warn, wrote


@options_of(
    result_files.export,
    decimals=Detail(more={"min": 0, "max": 12}),
    digits=Detail(more={"min": 1, "max": 12}),
)
def export(**values: Any) -> None:
    """Write the records of a folder as tables, and its networks as ONNX."""
    written, declined = result_files.exported(**values, warn=warn, named=option_name)
    for line in declined:
        warn(line, "declined")
    for path in written:
        wrote(path)
