"""Turn the Open University data of one module into riskmodel's tables.

    python examples/oulad/prepare.py SOURCE TARGET

SOURCE holds `studentInfo.csv`, `studentRegistration.csv`, `studentAssessment.csv`,
`assessments.csv`, `courses.csv`, `vle.csv` and `studentVle.parquet` (or `.csv`). TARGET gets
one Parquet file per table, which `config.yaml` beside this script names.

Source of the data: Kuzilek, Hlosta and Zdrahal, "Open University Learning Analytics dataset",
Scientific Data 4:170171 (2017), CC BY 4.0.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

STARTS = {
    "2013B": "2013-02-01",
    "2013J": "2013-10-01",
    "2014B": "2014-02-01",
    "2014J": "2014-10-01",
}
KEYS = ["code_presentation", "id_student"]
EDUCATION = {
    "No Formal quals": 0,
    "Lower Than A Level": 1,
    "A Level or Equivalent": 2,
    "HE Qualification": 3,
    "Post Graduate Qualification": 4,
}


def read(folder: Path, name: str) -> pd.DataFrame:
    """Read one file of the data set, without the module that all rows share."""
    parquet = folder / f"{name}.parquet"
    table = pd.read_parquet(parquet) if parquet.exists() else pd.read_csv(folder / f"{name}.csv")
    return table.drop(columns="code_module", errors="ignore")


def day_to_date(presentation: pd.Series, day: pd.Series) -> pd.Series:
    """Return dates: days count from the presentation's start, which is day 0."""
    return pd.to_datetime(presentation.map(STARTS)) + pd.to_timedelta(day, unit="D")


def person(ids: pd.Series) -> pd.Series:
    """Return identifiers that are plainly no personal numbers."""
    return "OULAD-" + ids.astype("int64").astype(str)


def prepare_persons(info: pd.DataFrame) -> pd.DataFrame:
    """Return one row per student, as of the last presentation that they took."""
    latest = info.sort_values("code_presentation").drop_duplicates("id_student", keep="last")
    return pd.DataFrame(
        {
            "person_id": person(latest["id_student"]),
            "sex": latest["gender"].map({"M": "man", "F": "woman"}),
            "deprivation": latest["imd_band"].map(find_deprivation_half, na_action="ignore"),
            "disability": latest["disability"].map({"Y": "yes", "N": "no"}),
            "age_band": latest["age_band"].replace({"55<=": "35+", "35-55": "35+"}),
        }
    )


def find_deprivation_half(band: str) -> str:
    """Return the half of the deprivation index that holds a band such as `20-30%` or `10-20`."""
    return "more deprived half" if int(band.split("-")[0]) < 50 else "less deprived half"


def prepare_enrolments(
    info: pd.DataFrame, registration: pd.DataFrame, courses: pd.DataFrame
) -> pd.DataFrame:
    """Return who was registered when; the end is the first day on which they no longer were.

    A student who unregisters on a day still was registered when that day began, and counts
    among those for whom a prediction can be made. One without a registration date was there
    from the start. One who unregistered before they were registered never came.
    """
    table = info[[*KEYS, "region"]].merge(registration, on=KEYS)
    table = table.merge(courses, on="code_presentation")
    first = table["date_registration"].fillna(0)
    last = table["date_unregistration"].fillna(table["module_presentation_length"])
    presentation = table["code_presentation"]
    enrolments = pd.DataFrame(
        {
            "person_id": person(table["id_student"]),
            "school_unit": table["region"],
            "school_type": "OU",
            "programme": presentation,
            "start_date": day_to_date(presentation, first),
            "end_date": day_to_date(presentation, last + 1),
        }
    )
    return enrolments[last >= first]


def prepare_registrations(info: pd.DataFrame, registration: pd.DataFrame) -> pd.DataFrame:
    """Return what the university knew of a student when the presentation began.

    Who registers early for the next presentation tells by it how the present one is going, so
    nothing of a registration counts before its presentation starts.
    """
    table = info.merge(registration, on=KEYS)
    day = table["date_registration"].fillna(0).clip(lower=0)
    return pd.DataFrame(
        {
            "person_id": person(table["id_student"]),
            "date": day_to_date(table["code_presentation"], day),
            "education_level": table["highest_education"].map(EDUCATION),
            "previous_attempts": table["num_of_prev_attempts"],
            "studied_credits": table["studied_credits"],
            "days_before_start": -table["date_registration"],
        }
    )


def prepare_clicks(clicks: pd.DataFrame, sites: pd.DataFrame) -> pd.DataFrame:
    """Return clicks per student, day and kind of page: repeated rows are added up."""
    table = clicks.merge(sites[["id_site", "activity_type"]], on="id_site", how="left")
    table = table.groupby([*KEYS, "date", "activity_type"], as_index=False)["sum_click"].sum()
    return pd.DataFrame(
        {
            "person_id": person(table["id_student"]),
            "date": day_to_date(table["code_presentation"], table["date"]),
            "activity_type": table["activity_type"],
            "clicks": table["sum_click"],
        }
    )


def prepare_assignments(
    info: pd.DataFrame,
    registration: pd.DataFrame,
    assessments: pd.DataFrame,
    submitted: pd.DataFrame,
) -> pd.DataFrame:
    """Return what was due and what was handed in, as rows that can be added up by day.

    Each assignment has a row on the day that it was due, for those registered then, also if
    nothing came: `weight_due` is what was asked for, `weight_handed_in` and `points` what had
    come of it, `overdue` 1 if nothing had. What came later has a row on the day that it came,
    with nothing due and `overdue` -1, which takes the 1 back. Examinations are left out: they
    come at the end.
    """
    table = info[KEYS].merge(registration, on=KEYS)
    table = table.merge(
        assessments[assessments["assessment_type"] != "Exam"], on="code_presentation"
    )
    table = table.merge(submitted, on=["id_assessment", "id_student"], how="left")
    is_gone = table["date_unregistration"] < table["date"]
    is_on_time = table["date_submitted"] <= table["date"]
    is_late = table["date_submitted"] > table["date"]
    due = table.assign(
        day=table["date"],
        weight_due=table["weight"],
        overdue=1 - is_on_time.astype("int64"),
        is_on_time=is_on_time.astype("int64"),
    )
    due.loc[~is_on_time, ["date_submitted", "score"]] = None
    late = table[is_late].assign(day=table["date_submitted"], weight_due=0.0, overdue=-1)
    return pd.concat([due[~is_gone], late], ignore_index=True)


def prepare_handed_in(events: pd.DataFrame) -> pd.DataFrame:
    """Return what was due and what came of it, known on the day.

    A result brought along from an earlier presentation (`is_banked`) has no lateness.
    """
    return pd.DataFrame(
        {
            "person_id": person(events["id_student"]),
            "date": day_to_date(events["code_presentation"], events["day"]),
            "weight_due": events["weight_due"],
            "weight_handed_in": events["weight"].where(events["date_submitted"].notna(), 0.0),
            "overdue": events["overdue"],
            "is_on_time": events["is_on_time"],
            "days_late": (events["date_submitted"] - events["date"]).mask(events["is_banked"] == 1),
        }
    )


def prepare_marks(events: pd.DataFrame, marking_days: int) -> pd.DataFrame:
    """Return scores and the points that they earned, out of the weight of what was due.

    The data do not say when a student or the university knew a score. It counts as known
    `marking_days` after the assignment was due or came, at once if a computer marked it.
    """
    date = day_to_date(events["code_presentation"], events["day"])
    wait = (events["assessment_type"] != "CMA") * marking_days
    return pd.DataFrame(
        {
            "person_id": person(events["id_student"]),
            "date": date,
            "known_date": date + pd.to_timedelta(wait, unit="D"),
            "score": events["score"],
            "weight_due": events["weight_due"],
            "points": events["score"].fillna(0.0) * events["weight"] / 100,
        }
    )


def prepare_outcomes(info: pd.DataFrame, courses: pd.DataFrame) -> pd.DataFrame:
    """Return who completed: a pass, with or without distinction, known when all is over."""
    table = info.merge(courses, on="code_presentation")
    completed = table["final_result"].isin(["Pass", "Distinction"])
    return pd.DataFrame(
        {
            "person_id": person(table["id_student"]),
            "outcome": "completed",
            "date": day_to_date(table["code_presentation"], table["module_presentation_length"]),
            "value": completed.astype("int64"),
            "status": "observed",
        }
    )


def prepare(source: Path, target: Path, *, marking_days: int = 0) -> dict[str, int]:
    """Write riskmodel's tables and return the number of rows of each."""
    info = read(source, "studentInfo")
    registration = read(source, "studentRegistration")
    courses = read(source, "courses")
    events = prepare_assignments(
        info, registration, read(source, "assessments"), read(source, "studentAssessment")
    )
    tables = {
        "persons": prepare_persons(info),
        "enrolments": prepare_enrolments(info, registration, courses),
        "registrations": prepare_registrations(info, registration),
        "clicks": prepare_clicks(read(source, "studentVle"), read(source, "vle")),
        "assignments": prepare_handed_in(events),
        "marks": prepare_marks(events, marking_days),
        "outcomes": prepare_outcomes(info, courses),
    }
    target.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_parquet(target / f"{name}.parquet", index=False)
    return {name: len(table) for name, table in tables.items()}


def main() -> None:
    """Read the command line and prepare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("source", type=Path, help="the folder of the downloaded data")
    parser.add_argument("target", type=Path, help="the folder to write the tables to")
    parser.add_argument(
        "--marking-days", type=int, default=0, help="days until a tutor's score is known"
    )
    arguments = parser.parse_args()
    counts = prepare(arguments.source, arguments.target, marking_days=arguments.marking_days)
    for name, count in counts.items():
        print(f"{name}: {count:,} rows")


if __name__ == "__main__":
    main()
