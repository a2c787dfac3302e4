"""How much memory a page of SS 12000 takes that is larger than the memory allowed for it.

Run: python benchmarks/ss12000_memory.py --gigabytes 2 --memory 500MB
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import threading
import time
from pathlib import Path

from riskmodel.core.schema import TABLES
from riskmodel.engine.session import open_engine
from riskmodel.engine.specs import EngineSpec
from riskmodel.ingest.ss12000.delivery import open_delivery
from riskmodel.ingest.ss12000.specs import Ss12000Spec
from riskmodel.ingest.stage import ingest_tables

_META = '"meta":{"created":"2024-08-01T08:00:00+02:00","modified":"2024-08-01T08:00:00+02:00"}'
_PUPILS, _EVENTS = 20_000, 4_000


def write_delivery(folder: Path, n_bytes: int) -> int:
    """Write a delivery whose attendances are one page of about a size; return their number."""
    pupils = [
        {
            "id": f"p{number:035d}",
            "civicNo": {"value": f"SIM{number:09d}"},
            "enrolments": [
                {"enroledAt": {"id": "u"}, "schoolType": "GR", "startDate": "2024-08-15"}
            ],
        }
        for number in range(_PUPILS)
    ]
    events = [
        {
            "id": f"e{number:035d}",
            "startTime": f"2024-{9 + number % 3:02d}-{1 + number % 28:02d}T08:00:00+02:00",
            "teachingLengthStudent": 60,
        }
        for number in range(_EVENTS)
    ]
    for name, entities in (("persons", pupils), ("calendarEvents", events)):
        (folder / f"{name}.json").write_text(json.dumps({"data": entities}), encoding="utf-8")
    n_rows, n_written = 0, 0
    with (folder / "attendances.json").open("w", encoding="utf-8", newline="\n") as stream:
        stream.write('{"data":[')
        while n_written < n_bytes:
            rows = [_attendance(number) for number in range(n_rows, n_rows + 10_000)]
            n_written += stream.write(("," if n_rows else "") + ",".join(rows))
            n_rows += len(rows)
        stream.write('],"pageToken":null}')
    return n_rows


def _attendance(number: int) -> str:
    """Return one attendance as JSON, as long as systems write them."""
    return (
        f'{{"id":"{number:08x}-0000-4000-8000-{number:012x}",{_META},'
        f'"calendarEvent":{{"id":"e{number // _PUPILS % _EVENTS:035d}"}},'
        f'"student":{{"id":"p{number % _PUPILS:035d}","displayName":"Simulerad Elev"}},'
        '"reporter":{"id":"d0000000-0000-4000-8000-000000000001"},"isReported":true,'
        '"attendanceMinutes":60,"validAbsenceMinutes":0,"invalidAbsenceMinutes":0,'
        '"otherAttendanceMinutes":0}'
    )


def _watch(samples: list[tuple[float, float]], start: float, is_over: threading.Event) -> None:
    """Note the memory in use, twice a second, where the system tells."""
    status = Path("/proc/self/statm")
    while status.exists() and not is_over.wait(0.5):
        pages = int(status.read_text(encoding="ascii").split()[1])
        samples.append((time.monotonic() - start, pages * resource.getpagesize() / 2**20))


def main() -> None:
    """Write a delivery, read it, and print time and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--memory", default="500MB")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        n_rows = write_delivery(folder, int(arguments.gigabytes * 1e9))
        size = (folder / "attendances.json").stat().st_size
        samples: list[tuple[float, float]] = []
        is_over, start = threading.Event(), time.monotonic()
        thread = threading.Thread(target=_watch, args=(samples, start, is_over))
        thread.start()
        shares: list[tuple[float, float]] = []
        try:
            with (
                open_engine(EngineSpec(memory_limit=arguments.memory, threads=2)) as engine,
                open_delivery(
                    engine,
                    Ss12000Spec(path=folder),
                    TABLES,
                    notify=lambda share: shares.append((time.monotonic() - start, share)),
                ) as delivery,
            ):
                delivered = time.monotonic() - start
                report = ingest_tables(engine, delivery.sources, TABLES).report
        finally:
            is_over.set()
            thread.join()
        seconds = time.monotonic() - start
        parsed = max(moment for moment, _ in shares)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        print(f"{size / 1e9:.2f} GB, {n_rows:,} attendances; {report.usable_rows['attendance']:,}")
        print(f"parsed {parsed:.0f} s, as tables {delivered:.0f} s, checked {seconds:.0f} s")
        print(f"peak {peak:.0f} MiB; every tenth of the time, MiB:")
        step = max(len(samples) // 10, 1)
        print(", ".join(f"{moment:.0f} s {used:.0f}" for moment, used in samples[::step]))


if __name__ == "__main__":
    main()
