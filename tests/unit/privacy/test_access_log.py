import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from riskmodel.errors import PrivacyError, UsageError
from riskmodel.privacy.access_log import FIRST, AccessEntry, append_entry, verify_log
from riskmodel.privacy.keys import PseudonymKey

KEY = PseudonymKey(bytes(range(32)))
OTHER = PseudonymKey(bytes(range(1, 33)))
MOMENT = datetime(2026, 1, 15, 8, 30, tzinfo=UTC)


def entry(**changes):
    content = {"who": "Anna", "purpose": "samtal", "action": "reidentify",
               "list_sha256": "a" * 64, "pupils": 12}  # fmt: skip
    return AccessEntry(**content | changes)


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "access.jsonl"
    for pupils in (12, 3, 40):
        append_entry(path, entry(pupils=pupils), KEY, moment=MOMENT)
    return path


def lines(path):
    return path.read_bytes().splitlines(keepends=True)


def test_entries_stand_in_a_chain_and_say_who_when_why_what_and_how_many(log):
    first, second, third = (json.loads(line) for line in lines(log))
    assert first["previous"] == FIRST
    assert (second["previous"], third["previous"]) == (first["hash"], second["hash"])
    assert {name: first[name] for name in ("number", "time", "who", "purpose", "pupils")} == {
        "number": 1, "time": "2026-01-15T08:30:00Z", "who": "Anna", "purpose": "samtal",
        "pupils": 12,
    }  # fmt: skip
    summary = verify_log(log)
    assert (summary.entries, summary.head, summary.sealed) == (3, third["hash"], None)
    assert verify_log(log, KEY).sealed == 3
    assert verify_log(log, OTHER).sealed == 0


def tamper_value(path):
    path.write_bytes(path.read_bytes().replace(b'"pupils":3,', b'"pupils":2,'))


def take_out(path):
    path.write_bytes(b"".join(line for n, line in enumerate(lines(path)) if n != 1))


def take_out_first(path):
    path.write_bytes(b"".join(lines(path)[1:]))


def swap(path):
    first, second, third = lines(path)
    path.write_bytes(first + third + second)


def repeat(path):
    first, second, third = lines(path)
    path.write_bytes(first + second + second + third)


def cut_in_half(path):
    path.write_bytes(path.read_bytes()[:-30])


def no_end_of_line(path):
    path.write_bytes(path.read_bytes()[:-1])


def windows_line_ends(path):
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


def add_field(path):
    path.write_bytes(path.read_bytes().replace(b'{"action"', b'{"aaa":1,"action"', 1))


def blank_line(path):
    path.write_bytes(path.read_bytes() + b"\n")


def not_text(path):
    path.write_bytes(path.read_bytes() + b"\xff\xfe\n")


@pytest.mark.parametrize(
    "tamper",
    [tamper_value, take_out, take_out_first, swap, repeat, cut_in_half, no_end_of_line,
     windows_line_ends, add_field, blank_line, not_text],
)  # fmt: skip
def test_a_log_that_was_tampered_with_is_refused_and_gets_no_entry(log, tamper):
    tamper(log)
    before = log.read_bytes()
    with pytest.raises(PrivacyError, match="unbroken chain"):
        verify_log(log)
    with pytest.raises(PrivacyError, match="unbroken chain"):
        append_entry(log, entry(), KEY)
    assert log.read_bytes() == before
    assert not log.with_name(log.name + ".lock").exists()


def test_who_lacks_the_key_cannot_write_the_log_anew_with_right_hashes(log, tmp_path):
    forged = tmp_path / "forged.jsonl"
    for line in lines(log):
        row = json.loads(line)
        append_entry(forged, entry(pupils=row["pupils"] - 1), OTHER, moment=MOMENT)
    text = forged.read_text(encoding="utf-8")
    assert verify_log(forged, OTHER).sealed == 3
    rehashed = tmp_path / "rehashed.jsonl"
    previous = FIRST
    from riskmodel.privacy.access_log import _hash, _to_bytes

    with rehashed.open("wb") as stream:
        for line in text.splitlines():
            row = json.loads(line) | {"key_id": KEY.key_id, "previous": previous}
            del row["hash"]
            row["hash"] = previous = _hash(row)
            stream.write(_to_bytes(row) + b"\n")
    assert verify_log(rehashed).entries == 3
    with pytest.raises(PrivacyError, match="entry 1 "):
        verify_log(rehashed, KEY)
    with pytest.raises(PrivacyError, match="entry 1 "):
        append_entry(rehashed, entry(), KEY)


def test_a_log_that_was_cut_off_does_not_hold_the_hash_that_a_list_bears(log):
    head = verify_log(log).head
    log.write_bytes(b"".join(lines(log)[:2]))
    assert head not in verify_log(log).hashes


def test_uses_at_the_same_time_all_get_an_entry(tmp_path):
    path = tmp_path / "access.jsonl"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: append_entry(path, entry(pupils=n), KEY), range(20)))
    assert verify_log(path, KEY).entries == 20


def test_a_lock_left_behind_is_named_and_not_broken(log, monkeypatch):
    monkeypatch.setattr("riskmodel.privacy.access_log._LOCK_SECONDS", 0.1)
    lock = log.with_name(log.name + ".lock")
    lock.touch()
    with pytest.raises(PrivacyError, match=lock.name):
        append_entry(log, entry(), KEY)
    assert lock.exists()
    assert verify_log(log).entries == 3


def test_a_log_that_cannot_be_written_stops_the_use(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(PrivacyError, match="No identity was written out"):
        append_entry(tmp_path / "file" / "access.jsonl", entry(), KEY)


@pytest.mark.parametrize("text", ["", "  ", "a\nb", "x" * 301])
def test_who_and_purpose_must_say_something_on_one_line(text):
    for name in ("who", "purpose"):
        with pytest.raises(UsageError, match=name):
            entry(**{name: text})


@pytest.mark.parametrize("number", ["811218-9876", "198112189876", "om 19811218-9876"])
def test_the_log_never_names_a_pupil(number):
    with pytest.raises(PrivacyError) as caught:
        entry(purpose=number)
    assert number not in str(caught.value)
    assert entry(who="anna@kommun.example.se").who
