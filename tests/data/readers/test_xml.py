"""Untrusted XML: what is read, what is mended, what is refused."""

import os
import re
import resource
import subprocess
import sys

import pytest

from fairseq_signals.data.readers import _xml
from fairseq_signals.data.readers._xml import read_xml, root_name

pytest.importorskip("defusedxml", reason="the extra vendors is not installed")


def tree(tmp_path, content, encoding="utf-8"):
    path = tmp_path / "a.xml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return read_xml(path)


def test_namespaces_are_dropped_from_tags_and_attributes(tmp_path):
    root, notes = tree(tmp_path, '<a:r xmlns:a="urn:x" xmlns="urn:y"><b a:c="1">t</b></a:r>')
    assert (root.tag, root.find("b").get("c"), root.findtext("b"), notes) == ("r", "1", "t", ())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "iso-8859-1", "cp1252"])
def test_the_declared_encoding_or_the_byte_order_mark_is_followed(tmp_path, encoding):
    stated = {"utf-8-sig": "utf-8", "utf-16-le": "utf-16", "utf-16-be": "utf-16"}.get(encoding, encoding)
    root, notes = tree(tmp_path, f'<?xml version="1.0" encoding="{stated}"?><r>Müller µV</r>', encoding)
    assert root.text == "Müller µV" and notes == ()


def test_a_file_that_is_utf_8_and_says_utf_16_is_read(tmp_path):
    root, _ = tree(tmp_path, '<?xml version="1.0" encoding="UTF-16"?><r>é</r>', "utf-8")
    assert root.text == "é"


def test_bytes_that_do_not_fit_the_declared_encoding_are_noted(tmp_path):
    root, notes = tree(tmp_path, '<?xml version="1.0" encoding="UTF-8"?><r>Müller</r>', "latin-1")
    assert root.text == "Müller" and "read as ISO-8859-1" in notes[0]


@pytest.mark.parametrize("encoding", ["zlib", "unicode_escape", "idna", "utf-7", "nonsense"])
def test_other_encodings_are_refused(tmp_path, encoding):
    with pytest.raises(ValueError, match=rf"encoding must be one of text, got '{encoding}' \(.*a\.xml\)"):
        tree(tmp_path, f'<?xml version="1.0" encoding="{encoding}"?><r/>')


def test_careless_text_is_mended_and_noted(tmp_path):
    root, notes = tree(tmp_path, "<r><s>QTc < 450 & PR <> 5 &nbsp; &amp; \x0b ok</s></r>")
    assert root.findtext("s") == "QTc < 450 & PR <> 5 &nbsp; & \ufffd ok"
    assert notes == ("text must be well-formed XML, got bare characters: mended",)


def test_trailing_zeros_after_the_document_do_not_matter(tmp_path):
    assert tree(tmp_path, b"<r/>\r\n\x1a\0\0\0")[0].tag == "r"


def test_a_doctype_is_skipped_and_its_file_never_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo(tmp_path / "restecg.dtd")  # who opens it waits for ever
    for doctype in ('SYSTEM "restecg.dtd"', 'PUBLIC "-//x//y" "restecg.dtd"', "SYSTEM 'http://localhost:9/x.dtd'"):
        assert tree(tmp_path, f'<?xml version="1.0"?><!DOCTYPE r {doctype}><r>1</r>')[0].text == "1"


BILLION = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
HOSTILE = {
    "billion laughs": f'<!DOCTYPE r [<!ENTITY e0 "ha">{BILLION}]><r>&e11;</r>',
    "quadratic blowup": f'<!DOCTYPE r [<!ENTITY e "{"x" * 50_000}">]><r>{"&e;" * 50_000}</r>',
    "external entity": '<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]><r>&e;</r>',
    "parameter entity": '<!DOCTYPE r [<!ENTITY % p SYSTEM "http://localhost:9/x">%p;]><r/>',
    "default attributes": f'<!DOCTYPE r [<!ATTLIST b c CDATA "{"x" * 60_000}">]><r>{"<b/>" * 100_000}</r>',
    "two doctypes": '<!DOCTYPE r SYSTEM "a"><!DOCTYPE r [<!ENTITY e "x">]><r>&e;</r>',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents_are_refused_with_the_files_name(tmp_path, name):
    with pytest.raises(ValueError, match=r"an XML file must be .*a\.xml") as caught:
        tree(tmp_path, HOSTILE[name])
    assert "root:" not in str(caught.value)


def test_an_undefined_entity_is_text_and_never_a_file(tmp_path):
    root, notes = tree(tmp_path, '<!DOCTYPE r SYSTEM "x.dtd"><r>&passwd;</r>')
    assert root.text == "&passwd;" and notes


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<r>" * 65 + "</r>" * 65, "nested at most 64 deep"),
        ("<r>" + "<b/>" * 200_000 + "</r>", "at most 200000 elements"),
        ("<r " + " ".join(f'a{i}=""' for i in range(20_000)) + "/>", "a tag must be at most 65536 bytes long"),
        (
            "<r>" + ("<b " + " ".join(f'a{i}=""' for i in range(7000)) + "/>") * 30 + "</r>",
            "at most 200000 elements and attr",
        ),
        ("<r>" + "&" * 10_001 + "</r>", "must be well-formed"),
        ("<r><b></r>", "must be well-formed"),
        ("<r>", "must be well-formed"),
        ("", "must be well-formed"),
        ("<r/><r/>", "must be well-formed"),
        ("<r>&#0;</r>", "must be well-formed"),
    ],
)
def test_what_is_out_of_proportion_or_broken_is_refused(tmp_path, content, message):
    with pytest.raises(ValueError, match=rf"{message}.*a\.xml"):
        tree(tmp_path, content)


def test_a_large_file_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(_xml, "LARGEST_FILE", 20)
    with pytest.raises(ValueError, match=r"at most 20 bytes, got 21 \(.*a\.xml\)"):
        tree(tmp_path, "<r>" + "x" * 14 + "</r>")


def test_half_a_character_of_utf_16_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"text must be whole UTF-16.*a\.xml"):
        tree(tmp_path, "<r/>".encode("utf-16") + b"\0\xd8x")


@pytest.mark.parametrize(
    "content", ["<r>" + "<" * 300_000, "<!--" * 100_000, "<r>" + "&" * 300_000, "<r><![CDATA[" * 9999]
)
def test_hopeless_documents_end_quickly_and_in_little_memory(tmp_path, content):
    path = tmp_path / "a.xml"
    path.write_text(content)
    program = (
        "import resource, sys, pathlib\n"
        "from fairseq_signals.data.readers._xml import read_xml, root_name\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "root_name(path, path.read_bytes()[:512])\n"
        "try:\n    read_xml(path)\nexcept ValueError as error:\n    print(error)\n"
    )

    def limit():
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
        resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))

    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, preexec_fn=limit)
    assert done.returncode == 0, done.stderr[-500:]
    assert re.search(r"an XML file must be well-formed.*a\.xml", done.stdout)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"<r>", "r"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- <x> --><!DOCTYPE r SYSTEM "x">\n<n:r a="1">', "r"),
        ('<?xml version="1.0" encoding="utf-16"?><r >'.encode("utf-16"), "r"),
        (b"<!--" + b"x" * 3000 + b"--><r/>", "r"),
        (b"<!--" + b"x" * 70_000 + b"--><r/>", None),
        (b"{}", None),
        (b"", None),
        (b"<", None),
        (b"<?xml", None),
    ],
)
def test_the_name_of_the_root_is_found_in_the_head_or_after_comments(tmp_path, content, name):
    path = tmp_path / "a"
    path.write_bytes(content)
    assert root_name(path, content[:512]) == name


def test_a_missing_library_is_named_with_the_extra_that_has_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "defusedxml.ElementTree", None)
    with pytest.raises(ImportError, match=r'defusedxml must be installed.*pip install "fairseq-signals\[vendors\]"'):
        tree(tmp_path, "<r/>")
