"""Decisions on insured members (health) and on communities (crime)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mobench.datafiles import require
from mobench.options import option
from mobench_fairness.dataset import FairClassification
from mobench_fairness.table import ClassifiedRows, binary_rows, read_table
from mobench_regression.splits import Parts

AGES = tuple(f"age_{age}" for age in ("05", "15", "25", "35", "45", "55", "65", "75", "85", "MISS"))
OVER_60 = ("age_65", "age_75", "age_85")
VALIDATION_FOLDS, TEST_FOLDS = (7, 8), (9, 10)
CRIME_NUMBERS = (
    "population", "householdsize", "racepctblack", "racePctWhite", "racePctAsian", "racePctHisp", "agePct12t21",
    "agePct12t29", "agePct16t24", "agePct65up", "numbUrban", "pctUrban", "medIncome", "pctWWage", "pctWFarmSelf",
    "pctWInvInc", "pctWSocSec", "pctWPubAsst", "pctWRetire", "medFamInc", "perCapInc", "whitePerCap", "blackPerCap",
    "indianPerCap", "AsianPerCap", "HispPerCap", "NumUnderPov", "PctPopUnderPov", "PctLess9thGrade", "PctNotHSGrad",
    "PctBSorMore", "PctUnemployed", "PctEmploy", "PctEmplManu", "PctEmplProfServ", "PctOccupManu", "PctOccupMgmtProf",
    "MalePctDivorce", "MalePctNevMarr", "FemalePctDiv", "TotalPctDiv", "PersPerFam", "PctFam2Par", "PctKids2Par",
    "PctYoungKids2Par", "PctTeen2Par", "PctWorkMomYoungKids", "PctWorkMom", "NumIlleg", "PctIlleg", "NumImmig",
    "PctImmigRecent", "PctImmigRec5", "PctImmigRec8", "PctImmigRec10", "PctRecentImmig", "PctRecImmig5", "PctRecImmig8",
    "PctRecImmig10", "PctSpeakEnglOnly", "PctNotSpeakEnglWell", "PctLargHouseFam", "PctLargHouseOccup",
    "PersPerOccupHous", "PersPerOwnOccHous", "PersPerRentOccHous", "PctPersOwnOccup", "PctPersDenseHous",
    "PctHousLess3BR", "MedNumBR", "HousVacant", "PctHousOccup", "PctHousOwnOcc", "PctVacantBoarded", "PctVacMore6Mos",
    "MedYrHousBuilt", "PctHousNoPhone", "PctWOFullPlumb", "OwnOccLowQuart", "OwnOccMedVal", "OwnOccHiQuart", "RentLowQ",
    "RentMedian", "RentHighQ", "MedRent", "MedRentPctHousInc", "MedOwnCostPctInc", "MedOwnCostPctIncNoMtg",
    "NumInShelters", "NumStreet", "PctForeignBorn", "PctBornSameState", "PctSameHouse85", "PctSameCity85",
    "PctSameState85", "LandArea", "PopDens", "PctUsePubTrans", "LemasPctOfficDrugUn", ">0.06black",
)  # fmt: skip
"""Numbers of a community, scaled to 0 … 1 by the publisher; and whether many people are black."""
BLACK_SHARE = ("racepctblack", ">0.06black")
"""The share of black people, and whether it is above 6 %; the first states the second."""


def _numbered(prefix: str, n: int) -> tuple[str, ...]:
    return tuple(f"{prefix}{i}" for i in range(1, n + 1))


def _statistics(name: str, *kinds: str) -> tuple[str, ...]:
    return tuple(f"{name}_{kind}" for kind in kinds)


@dataclass(frozen=True)
class Health(FairClassification):
    """Whether the Charlson index of comorbidity of an insured member is above 0, from the claims of a year.

    The index is a function of the diagnoses, so none of its six columns is an input. Years of one member belong to
    the same split. Groups of the attribute age: above 60 years, or not.
    """

    attribute: str = option("age", "sensitive attribute, whose two groups are compared: age")

    numbers = (
        "ClaimsTruncated", *AGES, "sexMALE", "sexFEMALE", "sexMISS", "no_Claims", "no_Providers", "no_Vendors",
        "no_PCPs", "no_PlaceSvcs", "no_Specialities", "no_PrimaryConditionGroups", "no_ProcedureGroups",
        *_statistics("PayDelay", "max", "min", "ave", "stdev"),
        *_statistics("LOS", "max", "min", "ave", "stdev", "TOT_UNKNOWN", "TOT_SUPRESSED", "TOT_KNOWN"),
        *_statistics("dsfs", "max", "min", "range", "ave", "stdev"),
        *_numbered("pcg", 46), *_numbered("sp", 13), *_numbered("pg", 18), *_numbered("ps", 9),
        *_statistics("drugCount", "max", "min", "ave"), "drugcount_months",
        *_statistics("labCount", "max", "min", "ave"), "labcount_months", "labNull", "drugNull",
    )  # fmt: skip
    attributes = {"age": AGES}  # noqa: RUF012
    positive_share = 54_052 / 171_067

    def read(self) -> ClassifiedRows:
        (path,) = require("health").values()
        columns = read_table(path, (), (*self.numbers, "MemberID_t", "Charlson>0"))
        is_over_60 = np.any([columns[name] > 0 for name in OVER_60], axis=0)
        members = columns["MemberID_t"].astype(np.int64)
        return binary_rows(columns, columns["Charlson>0"] == 1, is_over_60, members)


@dataclass(frozen=True)
class Crime(FairClassification):
    """Whether a community of the United States has many violent crimes, from its census of 1990.

    The folds of the table define the splits: 1 to 6 for training, 7 and 8 for validation, 9 and 10 for testing. The
    number of violent crimes is the answer and no input; neither are the name and the state. Groups of the attribute
    race: more than 6 % of the people are black, or not.
    """

    attribute: str = option("race", "sensitive attribute, whose two groups are compared: race")

    numbers = CRIME_NUMBERS
    attributes = {"race": BLACK_SHARE}  # noqa: RUF012
    positive_share = 653 / 1_993

    def read(self) -> ClassifiedRows:
        (path,) = require("crime").values()
        columns = read_table(path, (), (*self.numbers, "fold", "high_crime"))
        groups = columns[">0.06black"] == 1
        folds = columns["fold"].astype(np.int64)
        return binary_rows(columns, columns["high_crime"] == 1, groups, folds)

    def parts(self, rows: ClassifiedRows) -> Parts:
        is_val, is_test = np.isin(rows.units, VALIDATION_FOLDS), np.isin(rows.units, TEST_FOLDS)
        return {
            "train": np.flatnonzero(~is_val & ~is_test),
            "val": np.flatnonzero(is_val),
            "test": np.flatnonzero(is_test),
        }
