"""Invented school data of any size, made straight in DuckDB and streamed to Parquet.

Every value is a hash of the pupil, the day and the lesson, so that the same size always gives
the same tables. One school year of 178 days with 5 lessons a day: 890 rows per pupil. The
columns and their types are those that the stage of pseudonymisation writes, in its order: by
subject, then date.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

LESSONS_PER_DAY = 5
SCHOOL_DAYS = 178
ROWS_PER_PUPIL = LESSONS_PER_DAY * SCHOOL_DAYS
_PARQUET = "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)"

# School days: Monday to Friday from 16 August 2023, without the autumn, Christmas, winter and
# Easter holidays, 1 May, Ascension Day with the day after, and the national day.
_DAYS = f"""
CREATE OR REPLACE TEMP TABLE school_days AS
SELECT list(day ORDER BY day) AS days FROM (
    SELECT day FROM (SELECT unnest(range(DATE '2023-08-16', DATE '2024-08-01',
                                         INTERVAL 1 DAY))::DATE AS day)
    WHERE isodow(day) < 6
      AND NOT (day BETWEEN DATE '2023-10-30' AND DATE '2023-11-03')
      AND NOT (day BETWEEN DATE '2023-12-21' AND DATE '2024-01-08')
      AND NOT (day BETWEEN DATE '2024-02-12' AND DATE '2024-02-16')
      AND NOT (day BETWEEN DATE '2024-03-29' AND DATE '2024-04-05')
      AND day NOT IN (DATE '2024-05-01', DATE '2024-05-09', DATE '2024-05-10', DATE '2024-06-06')
    ORDER BY day LIMIT {SCHOOL_DAYS})
"""

# Small row groups: what is made from one of them is held in memory until it is written.
_PUPILS = """
COPY (
    SELECT md5('pupil ' || pupil) AS subject_id,
           pupil::UINTEGER AS pupil,
           'unit ' || (pupil // 400) AS school_unit,
           'class ' || (pupil // 25) AS school_class,
           pow((hash(pupil, 1) % 1000)::DOUBLE / 1000, 3) AS burden
    FROM range({pupils}) AS t(pupil)
    ORDER BY subject_id
) TO '{folder}/pupils.parquet' (FORMAT parquet, ROW_GROUP_SIZE 2048)
"""

_ATTENDANCE = f"""
COPY (
    WITH slots AS (
        SELECT subject_id, pupil, burden, unnest(range({ROWS_PER_PUPIL}))::INTEGER AS slot
        FROM read_parquet('{{folder}}/pupils.parquet')
    ), lessons AS (
        SELECT *, slot // {LESSONS_PER_DAY} AS day, slot % {LESSONS_PER_DAY} AS lesson,
               slot // {10 * LESSONS_PER_DAY} AS fortnight,
               (hash(pupil, slot, 2) % 10000)::INTEGER AS chance
        FROM slots
    ), spells AS (
        SELECT *, (hash(pupil, fortnight, 3) % 10000)::INTEGER AS spell,
               (hash(pupil, fortnight, 4) % 10)::INTEGER AS spell_start,
               1 + (hash(pupil, fortnight, 5) % 6)::INTEGER AS spell_days,
               [40, 50, 60, 60, 80][lesson + 1] AS minutes,
               (hash(pupil, slot, 6) % 100) >= 2 AS is_reported
        FROM lessons
    ), absent AS (
        SELECT *, CASE WHEN spell < 800 + burden * 6000
                            AND day % 10 BETWEEN spell_start AND spell_start + spell_days - 1
                       THEN minutes
                       WHEN chance < 200 + burden * 600 THEN minutes // (1 + chance % 4)
                       ELSE 0 END AS missed,
               spell % 4 = 0 AS is_invalid
        FROM spells
    )
    SELECT subject_id,
           (SELECT days FROM school_days)[day + 1] AS date,
           minutes::INTEGER AS offered_minutes,
           CASE WHEN is_reported THEN minutes - missed END::INTEGER AS attended_minutes,
           CASE WHEN is_reported THEN CASE WHEN is_invalid THEN 0 ELSE missed END END::INTEGER
               AS valid_absence_minutes,
           CASE WHEN is_reported THEN CASE WHEN is_invalid THEN missed ELSE 0 END END::INTEGER
               AS invalid_absence_minutes,
           is_reported,
           (SELECT days FROM school_days)[day + 1]
               + CASE WHEN hash(pupil, slot, 7) % 100 < 6
                      THEN 1 + (hash(pupil, slot, 8) % 14) ELSE 0 END::INTEGER AS known_date
    FROM absent
) TO '{{folder}}/attendance.parquet' {_PARQUET}
"""

_GRADES = f"""
COPY (
    WITH gradings AS (
        SELECT subject_id, pupil, burden, unnest(range(68))::INTEGER AS slot
        FROM read_parquet('{{folder}}/pupils.parquet')
    ), set_grades AS (
        SELECT *, slot // 17 AS term, slot % 17 AS subject,
               hash(pupil, slot, 11) % 100 + burden * 40 AS chance
        FROM gradings
    )
    SELECT subject_id,
           [DATE '2022-06-10', DATE '2022-12-20', DATE '2023-06-10', DATE '2023-12-18'][term + 1]
               - (subject % 5) AS date,
           ['MA', 'SV', 'EN', 'IDH', 'BL', 'MU', 'SL', 'TX', 'HKK', 'BI', 'FY', 'KE', 'GE', 'HI',
            'RE', 'SH', 'TK'][subject + 1] AS subject,
           CASE WHEN chance < 15 THEN 'A' WHEN chance < 35 THEN 'B' WHEN chance < 55 THEN 'C'
                WHEN chance < 75 THEN 'D' WHEN chance < 98 THEN 'E' WHEN chance < 115 THEN 'F'
                ELSE '-' END AS grade,
           ['VT', 'HT', 'VT', 'HT'][term + 1] AS term,
           [7, 8, 8, 9][term + 1]::BIGINT AS school_year,
           NULL::DOUBLE AS points,
           false AS is_final,
           [DATE '2022-06-10', DATE '2022-12-20', DATE '2023-06-10', DATE '2023-12-18'][term + 1]
               AS known_date,
           CASE WHEN chance < 15 THEN 20 WHEN chance < 35 THEN 17.5 WHEN chance < 55 THEN 15
                WHEN chance < 75 THEN 12.5 WHEN chance < 98 THEN 10 ELSE 0 END::DOUBLE
               AS grade_points,
           chance < 98 AS is_pass
    FROM set_grades
) TO '{{folder}}/grades.parquet' {_PARQUET}
"""

_CONTACTS = f"""
COPY (
    WITH slots AS (
        SELECT subject_id, pupil, burden, unnest(range(8))::INTEGER AS slot
        FROM read_parquet('{{folder}}/pupils.parquet')
    )
    SELECT subject_id, DATE '2022-09-01' + (hash(pupil, slot, 21) % 640)::INTEGER AS date,
           ['school_nurse', 'school_doctor', 'counsellor', 'psychologist', 'special_education']
               [1 + (hash(pupil, slot, 22) % 5)::INTEGER] AS service,
           ['health_visit', 'own_initiative', 'referred', 'follow_up']
               [1 + (hash(pupil, slot, 23) % 4)::INTEGER] AS category,
           NULL::DATE AS known_date
    FROM slots WHERE hash(pupil, slot, 24) % 100 < 20 + burden * 60
) TO '{{folder}}/health_contacts.parquet' {_PARQUET}
"""

_ENROLMENTS = f"""
COPY (
    WITH slots AS (
        SELECT subject_id, pupil, school_unit, school_class, unnest(range(2))::INTEGER AS slot
        FROM read_parquet('{{folder}}/pupils.parquet')
    )
    SELECT subject_id,
           CASE WHEN slot = 1 THEN school_unit ELSE 'unit ' || (hash(pupil, 31) % 200) END
               AS school_unit,
           school_class, 'GR' AS school_type, (8 + slot)::BIGINT AS school_year,
           NULL::VARCHAR AS programme,
           [DATE '2021-08-16', DATE '2023-08-16'][slot + 1] AS start_date,
           [DATE '2023-06-14', NULL][slot + 1]::DATE AS end_date,
           false AS cancelled, NULL::DATE AS known_date
    FROM slots WHERE slot = 1 OR hash(pupil, 32) % 10 < 3
) TO '{{folder}}/enrolments.parquet' {_PARQUET}
"""

_SUPPORT = f"""
COPY (
    WITH slots AS (
        SELECT subject_id, pupil, burden, unnest(range(3))::INTEGER AS slot
        FROM read_parquet('{{folder}}/pupils.parquet')
    )
    SELECT subject_id, DATE '2022-09-01' + (hash(pupil, slot, 41) % 600)::INTEGER AS start_date,
           CASE WHEN slot = 1 THEN DATE '2024-06-10' END AS end_date,
           ['extra_adaptations', 'action_programme', 'special_teaching', 'language_support',
            'attendance_support'][1 + (hash(pupil, slot, 42) % 5)::INTEGER] AS measure,
           NULL::DATE AS known_date
    FROM slots WHERE hash(pupil, slot, 43) % 100 < 8 + burden * 40
) TO '{{folder}}/support.parquet' {_PARQUET}
"""

_SMALL = {
    "grades": _GRADES,
    "health_contacts": _CONTACTS,
    "enrolments": _ENROLMENTS,
    "support": _SUPPORT,
}


def make_tables(folder: Path, pupils: int, connection: Any) -> None:
    """Write the pupils and all tables of so many pupils to a folder; what is there is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / f"made_{pupils}"
    if done.exists():
        return
    place = {"pupils": pupils, "folder": str(folder).replace("'", "''")}
    for statement in (_DAYS, _PUPILS, *_SMALL.values(), _ATTENDANCE):
        connection.execute(statement.format(**place))
    done.touch()


def sort_by_date(source: Path, folder: Path, connection: Any) -> None:
    """Write the tables of a folder to another one, attendance sorted by date, then subject."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("pupils", *_SMALL):
        (folder / f"{name}.parquet").write_bytes((source / f"{name}.parquet").read_bytes())
    connection.execute(
        f"COPY (FROM read_parquet('{source}/attendance.parquet') ORDER BY date, subject_id) "
        f"TO '{folder}/attendance.parquet' {_PARQUET}"
    )
