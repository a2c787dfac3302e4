"""What the command line calls to read each kind of input, called in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from corpus.builder import Case
from corpus.other_files import PUPIL

from riskmodel.config.loader import load_spec
from riskmodel.config.models import PseudonymSpec, RunConfig
from riskmodel.engine.specs import EngineSpec
from riskmodel.ingest.feature_table import read_feature_table
from riskmodel.ingest.specs import FeatureTableSpec, SourceSpec
from riskmodel.ingest.ss12000.specs import Ss12000Spec
from riskmodel.pipeline.artifacts import SCREENING, RunFolder
from riskmodel.pipeline.feedback import read_feedback
from riskmodel.pipeline.intake import pseudonymise
from riskmodel.pipeline.progress import SilentProgress
from riskmodel.pipeline.proposal import propose_configuration
from riskmodel.pipeline.runner import StageContext
from riskmodel.pipeline.runs import load_run
from riskmodel.privacy.access_log import verify_log
from riskmodel.privacy.keys import PseudonymKey

TEMPLATE = Path(__file__).parents[2] / "configs" / "compulsory_school.yaml"
KEY = PseudonymKey(bytes(range(32)))


@dataclass(frozen=True)
class Place:
    """Where a case is tried: its input, what may be written, and the key."""

    given: Path
    out: Path
    key_file: Path


def run_case(case: Case, place: Place) -> str:
    """Read a case's input, and return what is said of it."""
    return SURFACES[case.surface](case, place)


@cache
def load_template() -> RunConfig:
    """The configuration that the cases change."""
    return load_spec(TEMPLATE, RunConfig)


def make_config(place: Place, **changes: Any) -> RunConfig:
    """A run's configuration whose input is the case's."""
    return load_template().model_copy(
        update={
            "out": place.out,
            "pseudonyms": PseudonymSpec(key_file=place.key_file),
            "engine": EngineSpec(threads=1, memory_limit="1GB"),
            "sources": {},
        }
        | changes
    )


def _pseudonymise(place: Place, **changes: Any) -> str:
    """Do what `pseudonymise` does, which checks all that `check data` checks."""
    config = make_config(place, **changes)
    place.out.mkdir(exist_ok=True)
    context = StageContext(config, RunFolder(place.out), place.given, SilentProgress())
    return pseudonymise(context)


def _read_extracts(case: Case, place: Place) -> str:
    files = {Path(name).stem.split(".")[0]: name for name in case.files}
    settings: Mapping[str, Any] = case.settings
    sources = {
        name: SourceSpec(path=place.given / files[name], **options)
        for name, options in settings.items()
    }
    return _pseudonymise(place, sources=sources)


def _read_delivery(case: Case, place: Place) -> str:
    folder = place.given / "delivery" if "delivery" in case.files else place.given
    return _pseudonymise(place, ss12000=Ss12000Spec(path=folder))


def _read_config(case: Case, place: Place) -> str:
    path = place.given / "run.yaml"
    if case.settings:
        text = TEMPLATE.read_text(encoding="utf-8")
        assert text.count(case.settings["old"]) >= 1
        changed = text.replace(case.settings["old"], case.settings["new"], 1)
        path.write_text(changed, encoding="utf-8")
    load_run(path)
    return ""


def _read_table(case: Case, place: Place) -> str:
    spec = FeatureTableSpec(path=place.given / next(iter(case.files)), **case.settings)
    table = read_feature_table(spec, KEY)
    return " ".join(map(str, table.features.dtypes))


def _read_feedback(case: Case, place: Place) -> str:
    place.out.mkdir()
    facts = {"school_unit": "u", "prediction_date": "2024-11-01", "risk": 0.5}
    pd.DataFrame([{"subject_id": PUPIL} | facts]).to_parquet(place.out / SCREENING)
    return read_feedback(make_config(place), [place.given / "lista.xlsx"])


def _read_log(case: Case, place: Place) -> str:
    return str(verify_log(place.given / "access.log", KEY))


def propose(place: Place) -> list[str]:
    """Do what `init --from` does with the case's input."""
    place.out.mkdir(exist_ok=True)
    return propose_configuration(
        [place.given], place.out / "proposal.yaml", template="compulsory_school"
    )


SURFACES: dict[str, Callable[[Case, Place], str]] = {
    "extract": _read_extracts,
    "delivery": _read_delivery,
    "config": _read_config,
    "table": _read_table,
    "feedback": _read_feedback,
    "log": _read_log,
}
