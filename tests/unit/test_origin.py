"""Which requests come from pages of other sites."""

import pytest

from orthanc_transcoder.web.origin import is_foreign

HOST = "pacs.example:8042"


@pytest.mark.parametrize(
    ("headers", "foreign"),
    [
        ({"host": HOST}, False),
        ({}, False),
        ({"host": HOST, "origin": "http://pacs.example:8042"}, False),
        ({"host": HOST, "origin": "https://PACS.example:8042"}, False),
        ({"host": HOST, "origin": "http://pacs.example:8043"}, True),
        ({"host": HOST, "origin": "http://pacs.example"}, True),
        ({"host": HOST, "origin": "http://evil.example:8042"}, True),
        ({"host": HOST, "origin": "http://pacs.example:8042.evil.example"}, True),
        ({"host": HOST, "origin": "http://pacs.example:8042@evil.example"}, True),
        ({"host": HOST, "origin": "http://pacs.example.evil.example:8042"}, True),
        ({"host": "pacs.example", "origin": "https://pacs.example"}, False),
        ({"host": "pacs.example:443", "origin": "https://pacs.example"}, False),
        ({"host": "127.0.0.1:8042", "origin": "https://pacs.example"}, True),
        ({"host": "[::1]:8042", "origin": "http://[::1]:8042"}, False),
        ({"host": HOST, "origin": "null"}, True),
        ({"host": HOST, "origin": ""}, True),
        ({"host": "", "origin": "null"}, True),
        ({"host": "null", "origin": "null"}, True),
        ({"host": HOST, "origin": "http://[::1"}, True),
        ({"host": HOST, "origin": "http://pacs.example:port"}, True),
        ({"origin": "http://evil.example"}, True),
        ({"host": "orthanc:8042", "x-forwarded-host": "pacs.example",
          "origin": "https://pacs.example"}, False),
        ({"host": "orthanc:8042", "x-forwarded-host": "pacs.example, inner",
          "origin": "https://pacs.example"}, False),
        ({"host": "orthanc:8042", "x-forwarded-host": "pacs.example",
          "origin": "https://evil.example"}, True),
        ({"host": HOST, "sec-fetch-site": "cross-site"}, True),
        ({"host": HOST, "sec-fetch-site": "same-origin"}, False),
        ({"host": HOST, "sec-fetch-site": "none"}, False),
        ({"host": "orthanc:8042", "sec-fetch-site": "same-origin",
          "origin": "https://pacs.example"}, False),
        ({"host": HOST, "sec-fetch-site": "cross-site", "origin": "http://evil.example"}, True),
        ({"host": HOST, "sec-fetch-site": "same-site", "origin": "http://pacs.example:1"}, True),
    ],
)  # fmt: skip
def test_is_foreign(headers: dict[str, str], foreign: bool) -> None:
    assert is_foreign(headers) is foreign
