"""Invented results in the shapes that the stages give, for the tests of the reports."""

import hashlib

import numpy as np
import pandas as pd

from riskmodel.features.history import Histories

REASONS = [
    ("Frånvaro: 24,5\u00a0% de senaste 30 dagarna (6,1\u00a0% bland tidigare elever)",
     "school_attendance", True),
    ("Ämnen utan godkänt betyg: 3 förra läsåret (0,6 bland tidigare elever)",
     "results", False),
    ("Ogiltig frånvaro: 9,0\u00a0% det här läsåret (1,4\u00a0% bland tidigare elever)",
     "school_attendance", True),
    ("Meritvärde: 142,5\u00a0poäng förra läsåret (224,0\u00a0poäng i genomsnitt)",
     "results", False),
    ("Skolbyten: 2 hittills (0,2 bland tidigare elever)", "school_environment", False),
    ("Betyg i svenska: uppgift saknas (förra läsåret)", "reading_language", True),
]  # fmt: skip

RUN = {
    "title": "Behörighet till gymnasieskolans yrkesprogram",
    "purpose": "Att tidigt se vilka elever i årskurs 9 som kan behöva stöd för att bli behöriga.",
    "legal_basis": {"text": "Påhittad grund för testet", "reference": "8 kap. 1 § testlagen"},
    "outcome": "eligible_vocational",
    "model": "additive",
    "cohort": "2026/27",
    "point": "november",
    "prediction_date": "2026-11-01",
    "created": "2026-11-15",
    "is_simulated": True,
    "provenance": {
        "version": "0.1.0",
        "python": "3.11",
        "random_state": 2026,
        "settings": "ab" * 32,
        "libraries": {"pandas": "3.1.1", "scikit-learn": "1.9.0"},
        "inputs": {"features.parquet": "cd" * 32, "labels.parquet": "ef" * 32},
    },
}

PROTECTIVE = [
    ("Betygspoäng i engelska: 17,5\u00a0poäng förra läsåret (14,1\u00a0poäng i genomsnitt)",
     "results", False),
    ("Närvaro i idrott: 100\u00a0% det här läsåret", "school_attendance", True),
]  # fmt: skip

PERFORMANCE = {
    "precision": {"value": 0.56, "lower": 0.49, "upper": 0.63, "method": "test"},
    "recall": {"value": 0.43, "lower": 0.38, "upper": 0.48, "method": "test"},
    "n": 3120,
    "cohorts": ["2024/25"],
    "capacity": 5,
    "unit": "school",
    "level": 0.95,
}


def make_subject_id(number):
    return hashlib.sha256(f"example {number}".encode()).hexdigest()[:32]


def make_screening_frame(n_schools=4, per_school=5, n_reasons=3):
    generator = np.random.default_rng(4)
    records = []
    for school in range(n_schools):
        risks = np.sort(generator.beta(3, 3, per_school))[::-1]
        for rank, risk in enumerate(risks, start=1):
            record = {
                "subject_id": make_subject_id(school * 1000 + rank),
                "school_unit": f"Övningsskolan {school + 1}",
                "prediction_date": "2026-11-01",
                "rank": rank,
                "risk": float(risk),
            }
            record |= {
                "school_class": "9A" if rank % 2 else "9B",
                "risk_lower": max(float(risk) - 0.07, 0.0),
                "risk_upper": min(float(risk) + 0.06, 1.0),
                "has_enough_data": rank != 4,
                "possible_outcomes": "either" if rank == 2 else "does_not_complete",
                "is_new": rank == 3,
            }
            picked = generator.permutation(len(REASONS))[: generator.integers(1, n_reasons + 1)]
            reasons = [REASONS[number] for number in picked]
            record |= make_reasons("", reasons, n_reasons, first_weight=5)
            record |= make_reasons("protective_", PROTECTIVE[: rank % 3], 2, first_weight=3)
            records.append(record)
    return pd.DataFrame(records)


def make_reasons(prefix, reasons, count, first_weight):
    record = {}
    for number in range(1, count + 1):
        text, domain, changeable = (
            reasons[number - 1] if number <= len(reasons) else (None, None, False)
        )
        record |= {
            f"{prefix}reason_{number}": text,
            f"{prefix}domain_{number}": domain,
            f"{prefix}changeable_{number}": changeable,
            f"{prefix}is_missing_{number}": text is not None and "saknas" in text,
            f"{prefix}weight_{number}": 0 if text is None else max(first_weight - number + 1, 1),
        }
    return record


def make_change():
    new = [(1000 * school + 3, True) for school in range(4)]
    left = [(1000 * school + 90 + number, False) for school in range(4) for number in range(2)]
    causes = ("risk_fell", "others_rose", "not_screened")
    rows = [
        {
            "subject_id": make_subject_id(number),
            "school_unit": f"Övningsskolan {number // 1000 + 1}",
            "is_new": is_new,
            "risk": None if cause == "not_screened" else 0.31,
            "earlier_risk": 0.44,
            "cause": cause,
            "moved_1": None if cause == "not_screened"
            else "Frånvaro: 6,0\u00a0% de senaste 30 dagarna (tidigare 24,5\u00a0%)",
            "moved_domain_1": None if cause == "not_screened" else "school_attendance",
        }
        for place, (number, is_new) in enumerate([*new, *left])
        for cause in [None if is_new else causes[place % 3]]
    ]  # fmt: skip
    summary = {"earlier_date": "2026-09-15", "share_stayed": 0.75, "share_new": 0.2}
    return summary, pd.DataFrame(rows)


def make_histories(n_schools=4, per_school=5, n_periods=10):
    generator = np.random.default_rng(9)
    subjects = [
        make_subject_id(1000 * school + rank)
        for school in range(n_schools)
        for rank in range(1, per_school + 1)
    ]
    end = pd.Timestamp("2026-11-01")
    absence = [
        {
            "subject_id": subject,
            "start": (end - pd.Timedelta(days=28 * number)).date(),
            "end": (end - pd.Timedelta(days=28 * (number - 1))).date(),
            "absence_share": np.nan if number in (4, 5) else float(generator.beta(1, 8)),
        }
        for number in range(n_periods, 0, -1)
        for subject in subjects
    ]
    grades = [
        {"subject_id": subject, "school_year": 8, "term": term, "subject": name,
         "grade": str(generator.choice(list("ABCDEF")))}
        for subject in subjects
        for term in ("HT", "VT")
        for name in ("EN", "MA", "SV")
    ]  # fmt: skip
    return Histories(pd.DataFrame(absence), pd.DataFrame(grades))


def make_summary(**changes):
    return {
        "cohort": "2026/27",
        "point": "november",
        "capacity": 5,
        "unit": "school",
        "n_reasons": 3,
        "n_protective": 2,
        "n_without_enough_data": "14",
        "language": "sv",
        "withheld_domains": ["mental_health"],
        "tie_rule": "risk descending, then subject_id ascending",
        "n_listed": 20,
        "n_schools": 4,
        "n_units_empty": 0,
        "n_units_wholly_listed": 1,
        "n_units_below_capacity": 0,
        "n_units_tied_at_cut": 0,
    } | changes


TEST_RUN = RUN | {"cohort": "2024/25", "prediction_date": "2024-11-01"}


def make_predictions(n=4000, seed=5):
    """Return a cohort's predictions by five candidates, with invented attributes."""
    generator = np.random.default_rng(seed)
    migration = generator.choice(
        ["svensk bakgrund", "utländsk bakgrund, född i Sverige", "utrikes född", None],
        n,
        p=[0.70, 0.14, 0.13, 0.03],
    )
    education = generator.choice(
        ["förgymnasial", "gymnasial", "eftergymnasial", None], n, p=[0.12, 0.40, 0.44, 0.04]
    )
    school = generator.integers(0, 30, n)
    shift = 0.9 * (migration == "utrikes född") + 0.7 * (education == "förgymnasial")
    seen = generator.normal(size=n)
    logit = -2.3 + shift + 1.3 * seen + generator.normal(0, 0.3, 30)[school]
    rows = pd.DataFrame({
        "subject_id": [make_subject_id(number) for number in range(n)],
        "prediction_date": pd.Timestamp("2024-11-01").date(),
        "cohort": "2024/25",
        "point": "november",
        "school_unit": [f"Övningsskolan {number}" for number in school],
        "label": (generator.random(n) < 1 / (1 + np.exp(-logit))).astype(float),
        "migration_background": migration,
        "parental_education": education,
        "sex": generator.choice(["Man", "Kvinna"], n),
    })  # fmt: skip
    rows.loc[:24, "label"] = np.nan
    noise = {"base_rate": None, "absence_15": 1.6, "logistic": 0.35, "additive": 0.25,
             "boosting": 0.2}  # fmt: skip
    parts = []
    for name, spread in noise.items():
        score = -2.1 + 0.4 * shift + 1.2 * seen
        if spread is None:
            risk = np.full(n, 0.17)
        else:
            risk = 1 / (1 + np.exp(-(score + generator.normal(0, spread, n))))
        if name == "absence_15":
            risk = np.where(risk > 0.3, 0.41, 0.11)
        parts.append(rows.assign(model=name, risk=risk))
    return pd.concat(parts, ignore_index=True)


def make_evaluation(predictions=None):
    from riskmodel.evaluation.evaluate import evaluate
    from riskmodel.evaluation.specs import EvaluationSpec

    predictions = make_predictions() if predictions is None else predictions
    spec = EvaluationSpec(capacity=0.15)
    return evaluate(predictions, spec, chosen={"november": "additive"}).to_dict()


def make_audit(predictions=None, **changes):
    from riskmodel.fairness.audit import audit_predictions
    from riskmodel.fairness.specs import AuditSpec

    predictions = make_predictions() if predictions is None else predictions
    rows = predictions[predictions["model"] == "additive"]
    spec = AuditSpec(
        sensitive_features=("migration_background", "parental_education", "sex"),
        intersections=(("migration_background", "parental_education"),),
        **({"capacity": 0.15} | changes),
    )
    return audit_predictions(rows, spec, random_state=3).to_dict()


def make_feature(name, name_sv, name_en, domain, **changes):
    return {
        "name": name, "name_sv": name_sv, "name_en": name_en, "unit": "share",
        "domain": domain, "direction": 1, "changeable": True,
        "window_sv": "de senaste 30 dagarna", "window_en": "the last 30 days",
        "missing": "keep", "description_sv": "", "description_en": "",
    } | changes  # fmt: skip


FEATURES = [
    make_feature("absence_share_30", "Frånvaro", "Absence", "school_attendance",
                 description_sv="Andel av den erbjudna tiden.",
                 description_en="Share of the time offered."),
    make_feature("invalid_absence_share_school_year", "Ogiltig frånvaro", "Invalid absence",
                 "school_attendance", window_sv="det här läsåret", window_en="this school year"),
    make_feature("merit_points", "Meritvärde", "Merit points", "results", unit="points",
                 direction=-1, changeable=False, window_sv="förra läsåret",
                 window_en="last school year"),
    make_feature("moves_ever", "Skolbyten", "School moves", "school_environment", unit="count",
                 changeable=False, missing="zero", window_sv="hittills", window_en="so far"),
    make_feature("contacts_nurse", "Kontakter med skolsköterska", "Nurse contacts",
                 "mental_health", unit="count", direction=0, missing="zero"),
    make_feature("absence_share_30__missing", "Uppgift saknas: Frånvaro", "Not known: Absence",
                 "school_attendance", unit="flag", direction=0),
]  # fmt: skip

TRAINING = {
    "november": {
        "chosen": "additive",
        "reason": "Its out-of-fold log loss is lower.",
        "log_loss": {"base_rate": 0.44, "logistic": 0.3612, "additive": 0.3554, "boosting": 0.355},
        "folds": 5,
        "is_grouped": True,
    }
}

MODELS = {
    "november": {
        "name": "additive",
        "family": "additive",
        "feature_names": [feature["name"] for feature in FEATURES],
        "inputs": [feature["name"] for feature in FEATURES[:-1]],
        "n_training": 24630,
        "base_rate": 0.163,
        "training_period": ["2016-11-01", "2023-11-01"],
        "data_hash": "12" * 32,
        "notes": [],
    }
}

FLOW = [
    {"cohort": f"{year}/{(year + 1) % 100:02d}", "point": "november", "enrolled": 3160,
     "cancelled": 4, "eligible": 3156, "labelled": 3090 - 7 * (year % 3),
     "moved": 3 + 25 * (year % 2), "deceased": 1, "censored": 0, "unknown": 2}
    for year in range(2019, 2026)
] + [{"cohort": "2026/27", "point": "november", "eligible": 3161, "labelled": 4}]  # fmt: skip

IMPORTANCES = {
    "november": [
        {"feature": "merit_points", "value": 0.52},
        {"feature": "absence_share_30", "value": 0.41},
        {"feature": "invalid_absence_share_school_year", "value": 0.22},
        {"feature": "moves_ever", "value": 0.08},
        {"feature": "contacts_nurse", "value": 0.05},
        {"feature": "absence_share_30__missing", "value": 0.01},
    ]
}


def _finding(check, table, status, limit, value, share, schools=None):
    schools = schools or {}
    return {
        "check": check, "table": table, "status": status, "limit": limit, "value": value,
        **({"reason": "suppressed"} if value is None and status != "not_assessed" else {}),
        "share": share,
        "n_schools_flagged": sum(found["is_flagged"] for found in schools.values()),
        "schools": schools,
    }  # fmt: skip


def _school(value, share, is_flagged=True, when=()):
    return {"value": value, "share": share, "is_flagged": is_flagged, "when": list(when)} | (
        {"reason": "suppressed"} if value is None else {}
    )


_MEASURES = {
    "n_classes": 640, "k": {"value": None, "reason": "suppressed"},
    "l": {"health_contacts": 1, "outcome": 1},
    "below_k": {"value": 1340, "share": 0.4187},
    "below_l": {"health_contacts": {"value": 310, "share": 0.0969},
                "outcome": {"value": None, "reason": "suppressed", "share": None}},
    "failing": {"value": 1411, "share": 0.4409},
}  # fmt: skip

_COARSER = {
    "steps": {"municipality": 1, "sex": 0, "birth_year": 4},
    "n_steps": {"municipality": 2, "sex": 1, "birth_year": 4},
    "n_values": {"municipality": [49, 4], "sex": [2, 2], "birth_year": [14, 1]},
    "loss": 0.41,
    "suppressed": {"value": 64, "share": 0.02},
    "kept": {
        "n_classes": 8, "k": {"value": 12}, "l": {"health_contacts": 2, "outcome": 2},
        "below_k": {"value": 0, "share": 0.0},
        "below_l": {"health_contacts": {"value": 0, "share": 0.0},
                    "outcome": {"value": 0, "share": 0.0}},
        "failing": {"value": 0, "share": 0.0},
    },
}  # fmt: skip

QUALITY = {
    "settings": {"min_count": 10},
    "n_schools": 12,
    "never_reported": ["Påhittade skolan"],
    "findings": [
        _finding("not_reported", "attendance", "noted", 0.1, 12450, 0.031,
                 {"1480-G001": _school(2215, 0.137, when=["2024/25"]),
                  "1480-G002": _school(None, None, is_flagged=False)}),
        _finding("calendar_gap", "attendance", "noted", 5, 9, 0.001,
                 {"1480-G003": _school(9, 0.0507, when=["2023/24"])}),
        _finding("reporting_drop", "attendance", "noted", 0.5, 5, 0.002,
                 {"1480-G004": _school(5, 0.02, when=[f"2024-W{w}" for w in range(35, 40)])}),
        _finding("repeated_rows", "grades", "clear", 0.001, 0, 0.0),
        _finding("repeated_rows", "health_contacts", "noted", 0.001, None, None,
                 {f"1480-G01{n}": _school(14, 0.004) for n in range(5)}),
        _finding("grade_scale", "grades", "noted", 0.0, 31, 0.0004),
        _finding("outside_enrolment", "support", "noted", 0.01, 60, 0.02,
                 {"": _school(60, 1.0)}),
        _finding("age_for_grade", "enrolments", "not_assessed", 0.01, None, None),
    ],
    "anonymity": {
        "demanded": {"k": 10, "l": 2, "quasi_identifiers": ["municipality", "sex", "birth_year"]},
        "as_is": _MEASURES, "reached": _COARSER, "closest": _COARSER, "reason": None,
    },
}  # fmt: skip

CONTRACT = {"subjects": "3200", "usable_rows": {"persons": "3200", "grades": "<10"}}
