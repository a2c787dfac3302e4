"""Turn the Open University data of one module into riskmodel's tables.

    python examples/oulad/prepare.py SOURCE TARGET

SOURCE holds `studentInfo.csv`, `studentRegistration.csv`, `studentAssessment.csv`,
`assessments.csv`, `courses.csv`, `vle.csv` and `studentVle.parquet` (or `.csv`). TARGET gets
one Parquet file per table, which `config.yaml` beside this script names.

Source of the data: Kuzilek, Hlosta and Zdrahal, "Open University Learning Analytics dataset",
Scientific Data 4:170171 (2017), CC BY 4.0.
"""

import argparse
from pathlib import Path

import pandas as pd

STARTS = {"2013B": "2013-02-01", "2013J": "2013-10-01", "2014B": "2014-02-01", "2014J": "2014-10-01"}
KEYS = ["code_presentation", "id_student"]
EDUCATION = {
    "No Formal quals": 0,
    "Lower Than A Level": 1,
    "A Level or Equivalent": 2,
    "HE Qualification": 3,
    "Post Graduate Qualification": 4,
}


def read(folder, name):
    parquet = folder / f"{name}.parquet"
    table = pd.read_parquet(parquet) if parquet.exists() else pd.read_csv(folder / f"{name}.csv")
    return table.drop(columns="code_module", errors="ignore")


def day_to_date(presentation, day):
    """Days count from the presentation's start, which is day 0."""
    return pd.to_datetime(presentation.map(STARTS)) + pd.to_timedelta(day, unit="D")


def person(ids):
    return "OULAD-" + ids.astype("int64").astype(str)


def prepare_persons(info):
    """One row per student, as of the last presentation that they took."""
    latest = info.sort_values("code_presentation").drop_duplicates("id_student", keep="last")
    band = latest["imd_band"].replace({"10-20": "10-20%"})
    return pd.DataFrame(
        {
            "person_id": person(latest["id_student"]),
            "sex": latest["gender"].map({"M": "Man", "F": "Kvinna"}),
            "deprivation": band.map(lambda value: deprivation_half(value), na_action="ignore"),
            "disability": latest["disability"].map({"Y": "yes", "N": "no"}),
            "age_band": latest["age_band"].replace({"55<=": "35+", "35-55": "35+"}),
        }
    )


def deprivation_half(band):
    """The index of multiple deprivation in two halves: its lower half is the more deprived."""
    return "more deprived half" if int(band.split("-")[0]) < 50 else "less deprived half"


def prepare_enrolments(info, registration, courses):
    table = info[[*KEYS, "region"]].merge(registration, on=KEYS).merge(courses, on="code_presentation")
    presentation = table["code_presentation"]
    # A student without a registration date was there from the start.
    start = day_to_date(presentation, table["date_registration"].fillna(0))
    end = table["date_unregistration"].fillna(table["module_presentation_length"])
    enrolments = pd.DataFrame(
        {
            "person_id": person(table["id_student"]),
            "school_unit": table["region"],
            "school_type": "OU",
            "programme": presentation,
            "start_date": start,
            "end_date": day_to_date(presentation, end),
        }
    )
    # Who unregistered before they were registered never came.
    return enrolments[enrolments["end_date"] > enrolments["start_date"]]


def prepare_registrations(info, registration):
    """What the university knew of a student at registration."""
    table = info.merge(registration, on=KEYS)
    return pd.DataFrame(
        {
            "person_id": person(table["id_student"]),
            "date": day_to_date(table["code_presentation"], table["date_registration"].fillna(0)),
            "education_level": table["highest_education"].map(EDUCATION),
            "previous_attempts": table["num_of_prev_attempts"],
            "studied_credits": table["studied_credits"],
            "days_before_start": -table["date_registration"],
        }
    )


def prepare_clicks(clicks, sites):
    """Clicks per student, day and kind of page. Repeated rows are added up, not dropped."""
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


def prepare_submissions(submitted, assessments):
    """Assignments by the day on which they were handed in, with how late that was."""
    table = submitted.merge(assessments, on="id_assessment")
    table = table[table["assessment_type"] != "Exam"]
    return pd.DataFrame(
        {
            "person_id": person(table["id_student"]),
            "date": day_to_date(table["code_presentation"], table["date_submitted"]),
            "assessment_type": table["assessment_type"],
            "score": table["score"],
            "weight": table["weight"],
            "days_late": table["date_submitted"] - table["date"],
        }
    )


def prepare_outcomes(info, courses):
    """Completing is a pass, with or without distinction, known when the presentation ends."""
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


def prepare(source, target):
    info = read(source, "studentInfo")
    registration = read(source, "studentRegistration")
    courses = read(source, "courses")
    tables = {
        "persons": prepare_persons(info),
        "enrolments": prepare_enrolments(info, registration, courses),
        "registrations": prepare_registrations(info, registration),
        "clicks": prepare_clicks(read(source, "studentVle"), read(source, "vle")),
        "submissions": prepare_submissions(
            read(source, "studentAssessment"), read(source, "assessments")
        ),
        "outcomes": prepare_outcomes(info, courses),
    }
    target.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.reset_index(drop=True).to_parquet(target / f"{name}.parquet", index=False)
        print(f"{name}: {len(table):,} rows")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("source", type=Path, help="the folder of the downloaded data")
    parser.add_argument("target", type=Path, help="the folder to write the tables to")
    arguments = parser.parse_args()
    prepare(arguments.source, arguments.target)
