"""Dataset `csv`: targets of a table of the user's own, one CSV file with a header."""

from mobench.plugins import Spec, hookimpl


@hookimpl
def mobench_datasets() -> list[Spec]:
    return [
        Spec(
            "csv",
            "mobench_csv.dataset:CsvTable",
            summary="several columns of your own CSV file; without a file, an embedded example of 160 flats",
            source="the user's file; the example is synthetic",
            version="1",
        )
    ]
