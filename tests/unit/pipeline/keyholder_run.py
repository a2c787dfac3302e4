"""A run's folder as the key-holder finds it: persons, a key, and lists with pseudonyms."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

from riskmodel.config.loader import read_yaml
from riskmodel.config.templates import find_template
from riskmodel.core.files import write_text
from riskmodel.pipeline.runs import Run, load_run
from riskmodel.privacy.keys import load_key
from riskmodel.privacy.pseudonyms import pseudonymise_ids

IDS = [f"SIM00000{number:04d}" for number in range(1, 31)]
FIRST_SECRET = bytes(range(32)).hex()
SECOND_SECRET = bytes(range(1, 33)).hex()


@dataclass
class Place:
    """Where a test's run lies."""

    root: Path
    left_out: tuple[str, ...] = ()
    """Tables that the run does without: each costs a second wherever all are pseudonymised."""

    @property
    def out(self) -> Path:
        return self.root / "project" / "run"

    @property
    def own(self) -> Path:
        return self.root / "own"

    @property
    def key_file(self) -> Path:
        return self.own / "first.key"

    @property
    def log(self) -> Path:
        return self.own / "first.key.access.jsonl"

    @property
    def persons(self) -> Path:
        return self.root / "extracts" / "persons.csv"

    def write_key(self, name: str, secret: str) -> Path:
        path = self.own / name
        write_text(path, secret + "\n")
        path.chmod(0o600)
        return path

    def write_persons(self, **columns: object) -> None:
        frame = pd.DataFrame({"person_id": IDS, "security_marking": "Ingen"} | columns)
        self.persons.parent.mkdir(exist_ok=True)
        frame.to_csv(self.persons, sep=";", index=False)

    def write_links(self, *pairs: tuple[str, str]) -> None:
        """Write which identity was replaced by which."""
        path = self.root / "extracts" / "identity_links.csv"
        pd.DataFrame(pairs, columns=["old_id", "new_id"]).to_csv(path, sep=";", index=False)

    def write_extracts(self) -> None:
        """Write a row about everyone in each of the other tables."""
        common = {"person_id": IDS, "date": "2025-09-01"}
        tables = {
            "enrolments": {"person_id": IDS, "school_unit": "S1", "school_type": "GR",
                           "school_year": 9, "start_date": "2025-08-15"},
            "attendance": common | {"offered_minutes": 60},
            "grades": common | {"subject": "MA", "grade": "C"},
            "health_contacts": common | {"service": "school_nurse", "category": "health_visit"},
            "support": {"person_id": IDS, "start_date": "2025-09-01",
                        "measure": "extra_adaptations"},
            "outcomes": common | {"outcome": "eligible", "value": 1, "status": "observed"},
            "visits": common | {"kind": "a"},
        }  # fmt: skip
        for name, columns in tables.items():
            path = self.root / "extracts" / f"{name}.csv"
            pd.DataFrame(columns).to_csv(path, sep=";", index=False)

    def load(self, **settings: object) -> Run:
        content = read_yaml(find_template("compulsory_school"))
        for name in self.left_out:
            content["sources"].pop(name)
        for name, source in content["sources"].items():
            source["path"] = str(self.root / "extracts" / f"{name}.csv")
        visits = {"path": str(self.root / "extracts" / "visits.csv")}
        content["sources"] |= {"visits": visits}
        links = self.root / "extracts" / "identity_links.csv"
        if links.exists():
            content["sources"]["identity_links"] = {"path": str(links)}
        content |= {"event_tables": {"visits": {"columns": {"kind": {"type": "string"}}}}}
        content |= {"out": str(self.out), "pseudonyms": {"key_file": str(self.key_file)}}
        config = self.root / "project" / "run.yaml"
        write_text(config, yaml.safe_dump(content | settings, allow_unicode=True))
        return load_run(config)

    def pseudonyms(self, ids: list[str], *, domain: str = "riskmodel") -> list[str]:
        key = load_key(self.key_file, None)
        return pseudonymise_ids(pd.Series(ids), key, domain=domain).tolist()

    def write_list(self, path: Path, ids: list[str]) -> Path:
        frame = pd.DataFrame(
            {
                "subject_id": self.pseudonyms(ids),
                "school_unit": "S1",
                "prediction_date": "2025-11-01",
                "rank": range(1, len(ids) + 1),
                "risk": 0.5,
                "reason_1": "Frånvaro",
            }
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(path, index=False)
        return path


def make_place(root: Path) -> Place:
    """Return a run with a key, persons with names, and a list of twelve of them."""
    place = Place(root)
    place.write_key("first.key", FIRST_SECRET)
    names = [f"Elev {number}" for number in range(1, 31)]
    place.write_persons(Namn=names, Klass="9A")
    place.write_extracts()
    place.write_list(place.out / "screening.parquet", IDS[:12])
    return place
