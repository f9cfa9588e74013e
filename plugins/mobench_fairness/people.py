"""Decisions on persons: income (Adult), reoffending (COMPAS), credit-card default, and German credit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mobench.datafiles import require
from mobench.options import option
from mobench_fairness.dataset import FairClassification
from mobench_fairness.table import ClassifiedRows, binary_rows, read_table
from mobench_regression.splits import Parts, drawn

ADULT_COLUMNS = (
    "age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation", "relationship", "race",
    "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country", "income",
)  # fmt: skip
COUNTRIES = (
    "?", "Cambodia", "Canada", "China", "Columbia", "Cuba", "Dominican-Republic", "Ecuador", "El-Salvador", "England",
    "France", "Germany", "Greece", "Guatemala", "Haiti", "Holand-Netherlands", "Honduras", "Hong", "Hungary", "India",
    "Iran", "Ireland", "Italy", "Jamaica", "Japan", "Laos", "Mexico", "Nicaragua", "Outlying-US(Guam-USVI-etc)", "Peru",
    "Philippines", "Poland", "Portugal", "Puerto-Rico", "Scotland", "South", "Taiwan", "Thailand", "Trinadad&Tobago",
    "United-States", "Vietnam", "Yugoslavia",
)  # fmt: skip
GERMAN_COLUMNS = (
    "account", "months", "history", "purpose", "amount", "savings", "employed-since", "rate", "status-and-sex",
    "guarantors", "residence-since", "property", "age", "other-plans", "housing", "credits", "job", "dependants",
    "telephone", "foreign", "label",
)  # fmt: skip
SCREENING_DAYS = 30
"""Largest distance between arrest and screening; beyond it, the charge may not be that of the screening."""


@dataclass(frozen=True)
class Adult(FairClassification):
    """Whether the income of a person is above 50,000 dollars (census of 1994).

    The published test file is the test split; a fifth of the other rows is for validation. The sampling weight
    fnlwgt is no input. A missing field ("?") is a category of its own.
    """

    numbers = ("age", "education-num", "capital-gain", "capital-loss", "hours-per-week")
    categories = {  # noqa: RUF012 - a frozen table
        "workclass": (
            "?", "Federal-gov", "Local-gov", "Never-worked", "Private", "Self-emp-inc", "Self-emp-not-inc", "State-gov",
            "Without-pay",
        ),
        "education": (
            "10th", "11th", "12th", "1st-4th", "5th-6th", "7th-8th", "9th", "Assoc-acdm", "Assoc-voc", "Bachelors",
            "Doctorate", "HS-grad", "Masters", "Preschool", "Prof-school", "Some-college",
        ),
        "marital-status": (
            "Divorced", "Married-AF-spouse", "Married-civ-spouse", "Married-spouse-absent", "Never-married",
            "Separated", "Widowed",
        ),
        "occupation": (
            "?", "Adm-clerical", "Armed-Forces", "Craft-repair", "Exec-managerial", "Farming-fishing",
            "Handlers-cleaners", "Machine-op-inspct", "Other-service", "Priv-house-serv", "Prof-specialty",
            "Protective-serv", "Sales", "Tech-support", "Transport-moving",
        ),
        "relationship": ("Husband", "Not-in-family", "Other-relative", "Own-child", "Unmarried", "Wife"),
        "race": ("Amer-Indian-Eskimo", "Asian-Pac-Islander", "Black", "Other", "White"),
        "sex": ("Female", "Male"),
        "native-country": COUNTRIES,
    }  # fmt: skip
    attributes = {"sex": ("sex",), "race": ("race",)}  # noqa: RUF012
    positive_share = 11_687 / 48_842

    def read(self) -> ClassifiedRows:
        train, test = (
            read_table(path, (*self.categories, "income"), self.numbers, names=ADULT_COLUMNS, skip=skip)
            for path, skip in zip(require("adult").values(), (0, 1), strict=True)
        )
        columns = {name: np.concatenate([train[name], test[name]]) for name in train}
        labels = np.array([text.removesuffix(".") == ">50K" for text in columns["income"].tolist()])
        first_group = {"sex": "Male", "race": "White"}[self.attribute]
        units = np.repeat([0, 1], [len(train["age"]), len(test["age"])])
        return binary_rows(columns, labels, columns[self.attribute] == first_group, units)

    def parts(self, rows: ClassifiedRows) -> Parts:
        first = np.flatnonzero(rows.units == 0)
        parts = drawn(np.arange(len(first)), self.split_seed, test=0.0)
        return {"train": first[parts["train"]], "val": first[parts["val"]], "test": np.flatnonzero(rows.units == 1)}


@dataclass(frozen=True)
class Compas(FairClassification):
    """Whether an accused person is charged with another offence within two years (Broward County, 2013 and 2014).

    Rows as in ProPublica's analysis: screened within 30 days of the arrest, for a felony or misdemeanour. Inputs are
    what is known at the screening: age, earlier offences, degree of the charge, sex and race. The scores of COMPAS
    are no inputs.
    """

    numbers = ("age", "juv_fel_count", "juv_misd_count", "juv_other_count", "priors_count")
    categories = {  # noqa: RUF012
        "sex": ("Female", "Male"),
        "race": ("African-American", "Asian", "Caucasian", "Hispanic", "Native American", "Other"),
        "c_charge_degree": ("F", "M"),
    }
    attributes = {"sex": ("sex",), "race": ("race",)}  # noqa: RUF012
    positive_share = 2_809 / 6_172

    def read(self) -> ClassifiedRows:
        (path,) = require("compas").values()
        texts = (*self.categories, "days_b_screening_arrest", "score_text")
        columns = read_table(path, texts, (*self.numbers, "is_recid", "two_year_recid"))
        days = np.array([float(text or "inf") for text in columns["days_b_screening_arrest"].tolist()])
        is_kept = (
            (np.abs(days) <= SCREENING_DAYS)
            & (columns["is_recid"] != -1)
            & (columns["c_charge_degree"] != "O")
            & (columns["score_text"] != "N/A")
        )
        columns = {name: values[is_kept] for name, values in columns.items()}
        first_group = {"sex": "Male", "race": "African-American"}[self.attribute]
        return binary_rows(columns, columns["two_year_recid"] == 1, columns[self.attribute] == first_group)


@dataclass(frozen=True)
class Credit(FairClassification):
    """Whether a client of a bank in Taiwan fails to pay the credit-card bill of the next month (2005)."""

    numbers = (
        "LIMIT_BAL", "SEX", "AGE",
        *(f"PAY_{month}" for month in (0, 2, 3, 4, 5, 6)),
        *(f"{amount}{month}" for amount in ("BILL_AMT", "PAY_AMT") for month in range(1, 7)),
        *(f"EDUCATION_{level}" for level in range(7)),
        *(f"MARRIAGE_{status}" for status in range(4)),
    )  # fmt: skip
    attributes = {"sex": ("SEX",)}  # noqa: RUF012
    positive_share = 6_636 / 30_000

    def read(self) -> ClassifiedRows:
        (path,) = require("credit").values()
        label = "default-payment-next-month"
        columns = read_table(path, (), (*self.numbers, label))
        return binary_rows(columns, columns[label] == 1, columns["SEX"] == 1)


@dataclass(frozen=True)
class German(FairClassification):
    """Whether a client of a German bank is a good (1) or bad (0) credit risk.

    One column states marital status and sex together. The groups of the attribute age are: above 25 years, or not.
    """

    attribute: str = option("sex", "sensitive attribute, whose two groups are compared: sex or age")

    numbers = ("months", "amount", "rate", "residence-since", "age", "credits", "dependants")
    categories = {  # noqa: RUF012
        "account": ("A11", "A12", "A13", "A14"),
        "history": ("A30", "A31", "A32", "A33", "A34"),
        "purpose": ("A40", "A41", "A42", "A43", "A44", "A45", "A46", "A47", "A48", "A49", "A410"),
        "savings": ("A61", "A62", "A63", "A64", "A65"),
        "employed-since": ("A71", "A72", "A73", "A74", "A75"),
        "status-and-sex": ("A91", "A92", "A93", "A94", "A95"),
        "guarantors": ("A101", "A102", "A103"),
        "property": ("A121", "A122", "A123", "A124"),
        "other-plans": ("A141", "A142", "A143"),
        "housing": ("A151", "A152", "A153"),
        "job": ("A171", "A172", "A173", "A174"),
        "telephone": ("A191", "A192"),
        "foreign": ("A201", "A202"),
    }
    attributes = {"sex": ("status-and-sex",), "age": ("age",)}  # noqa: RUF012
    positive_share = 0.7

    def read(self) -> ClassifiedRows:
        (path,) = require("german").values()
        columns = read_table(
            path, tuple(self.categories), (*self.numbers, "label"), names=GERMAN_COLUMNS, separator=" "
        )
        is_male = ~np.isin(columns["status-and-sex"], ["A92", "A95"])
        return binary_rows(columns, columns["label"] == 1, is_male if self.attribute == "sex" else columns["age"] > 25)
