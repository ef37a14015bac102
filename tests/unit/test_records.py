"""Which report belongs to which stored instance."""

import dataclasses
import datetime
import json
import time

import pytest

from orthanc_transcoder.codec.uids import JPEG2000Lossless
from orthanc_transcoder.model import Outcome, Report
from orthanc_transcoder.quality.findings import Finding, Severity
from orthanc_transcoder.records import Records, RestError

INSTANCE = "-".join(["01234567"] * 5)


class FakeRest:
    def __init__(self, sop_instance_uid: str, stored: str = "B") -> None:
        tags = {"MainDicomTags": {"SOPInstanceUID": sop_instance_uid}}
        self.values = {
            f"/instances/{INSTANCE}": json.dumps(tags).encode(),
            f"/instances/{INSTANCE}/metadata/TransferSyntax": stored.encode(),
        }

    def rest_get(self, uri: str) -> bytes:
        try:
            return self.values[uri.removesuffix("/data")]
        except KeyError as error:
            raise RestError(uri) from error

    def rest_put(self, uri: str, body: bytes) -> None:
        self.values[uri] = body


def report(uid: str = "1.2", source: str = "A", target: str = "B") -> Report:
    outcome = Outcome.TRANSCODED if target else Outcome.DECLINED
    return Report(outcome, sop_instance_uid=uid, result_sop_instance_uid=uid,
                  source_syntax=source, target_syntax=target, notes=("one", "two"))  # fmt: skip


def taken(records: Records, thread: int, syntax: str = "B", ingest: str = "B") -> Report:
    found = records.take(thread, syntax, ingest)
    assert found is not None
    ours, told, since = found
    assert told == syntax
    assert 0 <= time.time() - since < 60
    return ours


def test_a_report_survives_its_journey() -> None:
    original = report()
    assert Report.from_json(json.loads(json.dumps(original.to_json()))) == original


def test_the_latest_report_of_the_thread_is_taken_once() -> None:
    records = Records(FakeRest("1.2"), 4206)
    records.remember(1, report("1.1"))
    records.remember(1, report("1.2"))
    records.remember(2, report("2.2"))
    assert taken(records, 1) == report("1.2")
    assert records.take(1, "B", "B") is None
    assert taken(records, 2) == report("2.2")


def test_a_report_about_another_syntax_is_not_taken() -> None:
    records = Records(FakeRest("1.2"), 4206)
    records.remember(1, report(target="B"))
    assert records.take(1, "A", "B") is None
    records.remember(1, report(target=""))
    assert taken(records, 1, "A") == report(target="")


def test_what_was_received_is_told_of_what_became_something_else_only() -> None:
    wrong = (Finding("odd_length", Severity.NOTE, "It has 7 bytes."),)
    records = Records(FakeRest("1.2"), 4206)
    for target, stored, told in (("B", "B", wrong), ("", "A", ()), ("", "B", wrong)):
        records.remember(1, dataclasses.replace(report(target=target), received=wrong))
        assert taken(records, 1, stored).received == told


def test_what_another_transcoder_made_of_what_we_declined_is_told() -> None:
    rest = FakeRest("7.7")
    records = Records(rest, 4206)
    records.remember(1, report("1.2", target=""))
    ours = taken(records, 1)
    assert "Another transcoder" in ours.reason
    records.write(INSTANCE, ours)
    read = records.read(INSTANCE)
    assert read is not None
    assert (read["sop_instance_uid"], read["result_sop_instance_uid"]) == ("1.2", "7.7")


def test_what_was_refused_is_not_taken_for_the_next_image_in_the_target_syntax() -> None:
    """A damaged file is declined, and Orthanc refuses it; the next one was in the target's."""
    rest = FakeRest("7.7")
    records = Records(rest, 4206)
    records.remember(1, report("1.2", target=""))
    ours = taken(records, 1, JPEG2000Lossless, JPEG2000Lossless)
    records.write(INSTANCE, ours)
    assert records.read(INSTANCE) is None
    own = Records(FakeRest("1.2"), 4206)
    own.write(INSTANCE, ours)
    assert own.read(INSTANCE) is not None


def test_a_result_that_was_refused_is_no_record_of_what_is_stored() -> None:
    """An instance from before the plugin is sent again, and Orthanc keeps the one it has."""
    rest = FakeRest("1.2", stored="A")
    records = Records(rest, 4206)
    records.write(INSTANCE, report(), "B")
    assert records.read(INSTANCE) is None
    records.write(INSTANCE, report(target=""), "A")
    assert records.read(INSTANCE) is not None


@pytest.mark.parametrize(
    ("received", "kept"), [("20261128T115959", False), ("20261128T120000", True)]
)
def test_what_was_stored_before_is_not_a_result(received: str, kept: bool) -> None:
    """An instance that came in the ingest syntax is sent again in another one, and refused."""
    rest = FakeRest("1.2", stored="B")
    rest.values[f"/instances/{INSTANCE}/metadata/ReceptionDate"] = received.encode()
    records = Records(rest, 4206)
    noon = datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.UTC).timestamp()
    records.write(INSTANCE, report(), "B", noon + 0.7)
    assert (records.read(INSTANCE) is not None) is kept


def test_a_clock_that_lags_behind_makes_nothing_older() -> None:
    """Orthanc's second may still be the one before."""
    rest = FakeRest("1.2", stored="B")
    rest.values[f"/instances/{INSTANCE}/metadata/ReceptionDate"] = b"20261128T115959"
    records = Records(rest, 4206)
    noon = datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.UTC).timestamp()
    records.write(INSTANCE, report(), "B", noon + 0.005)
    assert records.read(INSTANCE) is not None


def test_a_verdict_is_never_lost_to_what_was_not_asked_for() -> None:
    records = Records(FakeRest("1.2"), 4206)
    record = {"outcome": "unasked", "key": "", "verdict": "FAIL"}
    records.write_quality(INSTANCE, record, {"verdict": "FAIL", "findings": []})
    records.write_unasked(INSTANCE, "B", 100)
    read = records.read(INSTANCE)
    assert read is not None
    assert (read["outcome"], read["verdict"]) == ("unasked", "FAIL")


def test_what_is_sent_again_keeps_its_report_and_verdict() -> None:
    """Orthanc tells of it as of a new one, although it keeps the earlier one."""
    records = Records(FakeRest("1.2"), 4206)
    records.write(INSTANCE, report())
    record = records.read_record(INSTANCE)
    assert record is not None
    records.write_quality(INSTANCE, {**record, "verdict": "WARN"}, {"findings": []})
    records.write(INSTANCE, report())
    records.write_unasked(INSTANCE, "B", 100)
    read = records.read(INSTANCE)
    assert read is not None
    assert (read["verdict"], read["quality"]) == ("WARN", {"findings": []})
    assert read["outcome"] == "transcoded"


def test_a_report_is_written_to_its_own_instance_only() -> None:
    rest = FakeRest("1.2")
    records = Records(rest, 4206)
    records.write(INSTANCE, report("9.9"))
    assert records.read(INSTANCE) is None
    records.write(INSTANCE, report("1.2"))
    read = records.read(INSTANCE)
    assert read is not None
    assert report("1.2").to_json().items() <= read.items()
    assert (read["verdict"], read["quality"]) == ("NONE", None)
    assert f"/instances/{INSTANCE}/metadata/4206" in rest.values


def test_an_instance_that_is_gone_is_no_error() -> None:
    records = Records(FakeRest("1.2"), 4206)
    records.write("-".join(["76543210"] * 5), report())
    assert records.read("-".join(["76543210"] * 5)) is None


def test_what_the_checks_found_is_kept_beside_the_record() -> None:
    records = Records(FakeRest("1.2"), 4206)
    records.write(INSTANCE, report())
    record = records.read_record(INSTANCE)
    assert record is not None
    quality = {"verdict": "WARN", "findings": [{"code": "x"}]}
    records.write_quality(INSTANCE, {**record, "verdict": "WARN"}, quality)
    read = records.read(INSTANCE)
    assert read is not None
    assert (read["verdict"], read["quality"], read["outcome"]) == ("WARN", quality, "transcoded")


def test_findings_about_what_was_stored_before_are_not_shown() -> None:
    rest = FakeRest("1.2")
    records = Records(rest, 4206)
    records.write(INSTANCE, report())
    record = records.read_record(INSTANCE)
    assert record is not None
    records.write_quality(INSTANCE, {**record, "verdict": "FAIL"}, {"verdict": "FAIL"})
    del rest.values[f"/instances/{INSTANCE}/metadata/4206"]  # with what it replaces
    records.write(INSTANCE, report())
    read = records.read(INSTANCE)
    assert read is not None
    assert (read["verdict"], read["quality"]) == ("NONE", None)


def test_metadata_that_is_no_report_is_none() -> None:
    records = Records(FakeRest("1.2"), 4206)
    assert records.parse({}) is None
    for text in ("", "hello", "[]", "{}", "5"):
        assert records.parse({"4206": text}) is None


def test_a_uid_is_compared_as_orthanc_reads_it() -> None:
    for received, known in (("1.2\x003.4", "1.2"), (" 1.2 3\r\n.4\t", "1.23.4"), ("1.2", "1.2\0")):
        records = Records(FakeRest(known), 4206)
        records.write(INSTANCE, report(received))
        read = records.read(INSTANCE)
        assert read is not None
        assert read["sop_instance_uid"] == received
        assert read["result_sop_instance_uid"] == known
    for received, other in (("\0", "1.2"), ("1.2\x003", "1.23"), ("1.2", "1.2.3")):
        records = Records(FakeRest(other), 4206)
        records.write(INSTANCE, report(received))
        assert records.read(INSTANCE) is None
