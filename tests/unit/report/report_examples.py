"""Invented results in the shapes that the stages give, for the tests of the reports."""

import hashlib

import numpy as np
import pandas as pd

REASONS = [
    ("Frånvaro 24,5 % de senaste 30 dagarna (6,1 % i genomsnitt i jämförelsegruppen)",
     "school_attendance", True),
    ("3 ämnen utan godkänt betyg i slutet av årskurs 8 (0,6 i genomsnitt)", "results", False),
    ("Ogiltig frånvaro 9,0 % det här läsåret (1,4 % i genomsnitt)", "school_attendance", True),
    ("Meritvärde 142,5 i slutet av årskurs 8 (224,0 i genomsnitt)", "results", False),
    ("Bytt skola 2 gånger de senaste tre åren (0,2 i genomsnitt)", "school_environment", False),
    ("Betyg i svenska: uppgift saknas", "reading_language", True),
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

PERFORMANCE = {
    "precision": {"value": 0.56, "lower": 0.49, "upper": 0.63, "method": "test"},
    "recall": {"value": 0.43, "lower": 0.38, "upper": 0.48, "method": "test"},
    "n": 3120,
    "cohorts": ["2024/25"],
    "capacity": 5,
    "is_per_school": True,
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
            picked = generator.permutation(len(REASONS))[: generator.integers(1, n_reasons + 1)]
            for number in range(1, n_reasons + 1):
                text, domain, changeable = (
                    REASONS[picked[number - 1]] if number <= len(picked) else (None, None, False)
                )
                record |= {
                    f"reason_{number}": text,
                    f"domain_{number}": domain,
                    f"changeable_{number}": changeable,
                    f"is_missing_{number}": text is not None and "saknas" in text,
                }
            records.append(record)
    columns = ["subject_id", "school_unit", "prediction_date", "rank", "risk"]
    for number in range(1, n_reasons + 1):
        columns += [f"{name}_{number}" for name in ("reason", "domain", "changeable", "is_missing")]
    return pd.DataFrame(records, columns=columns)


def make_summary(**changes):
    return {
        "cohort": "2026/27",
        "point": "november",
        "capacity_per_school": 5,
        "n_reasons": 3,
        "language": "sv",
        "withheld_domains": ["mental_health"],
        "tie_rule": "risk descending, then subject_id ascending",
        "n_listed": 20,
        "n_schools": 4,
        "n_schools_empty": 0,
        "n_schools_wholly_listed": 1,
        "n_schools_below_capacity": 0,
        "n_schools_tied_at_cut": 0,
    } | changes
