"""The report of one instance in a browser: findings in words, the proof, the measures."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.servers import OrthancServer
from tests.samples import sample_path
from tests.support.decoders import with_offset_beyond
from tests.synthesis import Image
from tests.web.browsing import address, numbers, pressed, rows, tab_to
from tests.web.conftest import Visit, transcoding
from tests.web.filling import until_checked

JPEG2000 = "1.2.840.10008.1.2.4.91"
DAMAGED = "JPEG2000-embedded-sequence-delimiter.dcm"
PADDED = "MR_small_padded.dcm"
NAMES = (DAMAGED, PADDED, "693_UNCR.dcm", "liver_1frame.dcm", "test-SR.dcm")


def stored(server: OrthancServer, name: str) -> str:
    """Orthanc's identifier of a sample that is stored, found as Orthanc finds it."""
    answer: str = server.store(sample_path(name).read_bytes())["ID"]
    return answer


@pytest.fixture(scope="module")
def server(start_module_orthanc: StartOrthanc) -> OrthancServer:
    """Lossless but for what is sent after a restart; see ``lossy``."""
    return start_module_orthanc(**transcoding())


@pytest.fixture(scope="module")
def shown(server: OrthancServer) -> dict[str, str]:
    found = {name: stored(server, name) for name in NAMES}
    until_checked(server)
    return found


@pytest.fixture(scope="module")
def lossy(start_module_orthanc: StartOrthanc) -> OrthancServer:
    """Ten frames, compressed lossily, of which not all can be equally good."""
    settings = {"Lossy": True, "LossyTargets": {"JPEG2000": {"Ratio": 6}}, "LossyMaximumRatio": {}}
    return start_module_orthanc(**transcoding(IngestTranscoding=JPEG2000, Transcoder=settings))


@pytest.fixture(scope="module")
def frames(lossy: OrthancServer) -> Any:
    identifier = stored(lossy, "emri_small.dcm")
    until_checked(lossy)
    report = lossy.get(f"/transcoder/instances/{identifier}/report")
    assert (report["lossy"], len(report["frame_measures"])) == (True, 10)
    return {"id": identifier, **report}


@pytest.fixture
def lossy_page(watch: Any, lossy: OrthancServer, frames: Any) -> Page:
    page: Page = watch(lossy).open(address("instances", frames["id"]))
    return page


def test_a_lossless_result_and_its_proof(
    visit: Visit, server: OrthancServer, shown: dict[str, str]
) -> None:
    report = server.get(f"/transcoder/instances/{shown['693_UNCR.dcm']}/report")
    page = visit(address("instances", shown["693_UNCR.dcm"]))
    assert numbers(page, ".steps") == [report["source_bytes"], report["result_bytes"]]
    proof = page.locator(".proof")
    expect(proof).to_contain_text("Bit-exact")
    expect(proof).to_contain_text(report["quality"]["pixel_digest"])
    expect(proof).to_contain_text(
        f"Decoded by {report['proof']['by']} {report['proof']['version']}"
    )
    expect(proof).to_contain_text("another build of the encoder")
    expect(page.locator(".figures")).to_have_count(0)
    facts = {row[0].text: row[1].text for row in rows(page, "section:has(> h2:text-is('Image'))")}
    assert facts["Rows"] == str(report["quality"]["facts"]["rows"])
    assert facts["Modality"] == "CT"
    record = page.locator("section:has(> h2:text-is('Record'))")
    expect(record).to_contain_text(report["sop_instance_uid"])
    assert report["source_bytes"] in numbers(page, "section:has(> h2:text-is('Record'))")


def test_a_second_opinion_in_words(visit: Visit, server: OrthancServer) -> None:
    content = with_offset_beyond(Image(20, 30, bits_stored=12))
    identifier = server.store(content)["ID"]
    until_checked(server)
    page = visit(address("instances", identifier))
    panel = page.locator("section:has(> h2:text-is('Transcoding'))")
    expect(panel).to_contain_text("Second opinion")
    expect(panel).to_contain_text("1 frame otherwise than the first decoder")
    expect(page.locator(".findings")).to_contain_text("Two decoders read other samples")


def test_what_was_wrong_with_what_was_received_in_words(
    visit: Visit, server: OrthancServer, shown: dict[str, str]
) -> None:
    identifier = shown[PADDED]
    (wrong,) = server.get(f"/transcoder/instances/{identifier}/report")["received"]
    page = visit(address("instances", identifier))
    panel = page.locator("section:has(> h2:text-is('As received'))")
    expect(panel).to_contain_text(wrong["sentence"])
    expect(panel).to_contain_text("Warning")
    expect(panel).to_contain_text("Who trips over it:")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Pass")
    expect(page.locator("section:has(> h2:text-is('Findings'))")).to_contain_text("Nothing was")


def test_findings_in_words(visit: Visit, server: OrthancServer, shown: dict[str, str]) -> None:
    identifier = shown[DAMAGED]
    report = server.get(f"/transcoder/instances/{identifier}/report")
    page = visit(address("instances", identifier))
    items = page.locator(".findings li")
    found = report["quality"]["findings"]
    expect(items).to_have_count(len(found))
    for number, finding in enumerate(found):
        expect(items.nth(number)).to_contain_text(finding["sentence"])
        expect(items.nth(number)).to_contain_text("What to do:")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Fail")


@pytest.mark.parametrize("name", ["liver_1frame.dcm", "test-SR.dcm"])
def test_what_was_declined_says_why(
    visit: Visit, server: OrthancServer, shown: dict[str, str], name: str
) -> None:
    report = server.get(f"/transcoder/instances/{shown[name]}/report")
    page = visit(address("instances", shown[name]))
    expect(page.locator("#report")).to_contain_text(report["reason"])
    expect(page.locator("#report")).to_contain_text("Declined")
    assert page.locator("img.picture").count() == (name == "liver_1frame.dcm")


def test_the_way_up(visit: Visit, server: OrthancServer, shown: dict[str, str]) -> None:
    page = visit(address("instances", shown["693_UNCR.dcm"]))
    study = server.get(f"/instances/{shown['693_UNCR.dcm']}/study")["ID"]
    page.locator(".crumbs a").nth(1).click()
    page.wait_for_url(f"**/study.html?level=studies&id={study}")
    page.locator("body.ready").wait_for()
    page.get_by_role("link", name="Orthanc Explorer").last.click()
    page.wait_for_url(f"**/app/explorer.html#study?uuid={study}")


def test_what_is_downloaded_is_the_report(visit: Visit, shown: dict[str, str]) -> None:
    page = visit(address("instances", shown["693_UNCR.dcm"]))
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 2
    assert shown["693_UNCR.dcm"] in lines[1]


def test_measures_of_the_worst_frame(lossy_page: Page, frames: Any) -> None:
    shown = numbers(lossy_page, "section:has(> h2:text-is('Transcoding')) .facts")
    measures = frames["measures"]
    names = ("maximum_error", "rmse", "psnr", "ssim", "ratio")
    assert shown == [measures[name] for name in names]


def test_pictures_of_the_worst_frame(lossy_page: Page, frames: Any) -> None:
    evidence = frames["evidence"]
    pictures = lossy_page.locator(".figures img")
    expected = [evidence[name] for name in ("original", "result", "difference")]
    assert pictures.evaluate_all("all => all.map(one => one.src)") == expected
    assert all(pictures.evaluate_all("all => all.map(one => one.naturalWidth > 0)"))
    captions = lossy_page.locator(".figures figcaption").all_inner_texts()
    assert [text.split()[0] for text in captions] == ["Original", "Result", "Difference"]
    assert f"{evidence['amplification']} times" in captions[2]
    heading = lossy_page.get_by_role("heading", name="worst frame:")
    expect(heading).to_contain_text(str(evidence["frame"]))
    worst = min(frames["frame_measures"], key=lambda one: one["psnr"])
    assert frames["frame_measures"].index(worst) + 1 == evidence["frame"]
    assert base64.b64decode(expected[2].partition(",")[2])[:2] in (b"\xff\xd8", b"\x89P")


def test_the_curve_has_a_point_for_each_frame(lossy_page: Page, frames: Any) -> None:
    """Higher values are drawn higher; frames go from left to right."""
    for kind, key in (("psnr", "psnr"), ("error", "maximum_error")):
        points = lossy_page.locator(f".line-{kind}").get_attribute("points") or ""
        places = [tuple(map(float, one.split(","))) for one in points.split()]
        values = [one[key] for one in frames["frame_measures"]]
        assert len(places) == len(values) == 10
        assert [x for x, _ in places] == sorted(x for x, _ in places)
        by_height = sorted(range(10), key=lambda one: -places[one][1])
        assert [values[one] for one in by_height] == sorted(values)


def test_frames_are_read_out_with_the_keyboard(lossy_page: Page, frames: Any) -> None:
    worst = frames["evidence"]["frame"]
    slider = lossy_page.get_by_role("slider", name="Frame")
    expect(slider).to_have_value(str(worst))
    tab_to(lossy_page, "frame-slider")
    pressed(lossy_page, "Home", "ArrowRight")
    second = frames["frame_measures"][1]
    expected = f"Frame 2: PSNR {second['psnr']:.1f} dB, maximum error {second['maximum_error']:.0f}"
    assert slider.get_attribute("aria-valuetext") == expected
    expect(lossy_page.locator("#frame-readout")).to_have_text(expected)


def test_numbers_of_each_frame(lossy_page: Page, frames: Any) -> None:
    lossy_page.get_by_text("Numbers of each frame").click()
    names = ("psnr", "maximum_error", "rmse", "ssim", "ratio")
    shown = [[cell.values[0] for cell in row[1:]] for row in rows(lossy_page, "#frame-numbers")]
    assert shown == [[one[name] for name in names] for one in frames["frame_measures"]]


def test_the_study_of_a_lossy_image_has_its_measures(
    watch: Any, lossy: OrthancServer, frames: Any
) -> None:
    study = lossy.get(f"/instances/{frames['id']}/study")["ID"]
    page = watch(lossy).open(address("studies", study))
    assert [frames["measures"]["psnr"], frames["measures"]["maximum_error"]] == (
        numbers(page, "section.series tbody")[-2:]
    )
