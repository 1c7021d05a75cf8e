"""What the yaml of a source must tell; and every source that has a preparer has a complete one."""

from pathlib import Path

import pytest
import yaml

from fairseq_signals.data.download.origin import KINDS, origin_files, read_origin

ROOT = Path(__file__).resolve().parents[3]
ORIGINS = ROOT / "manifests" / "origins"
PUBLISHED = {
    "ptbxl", "cinc2021", "chapman", "code15", "code_test", "sami_trop", "sph", "ludb", "mimic_iv_ecg", "echonext",
}  # fmt: skip
# Preparers and their parts that belong to no publication.
OTHERS = {"__init__", "wfdb_folder", "table", "options", "class_list", "label_table"}
TOLD = {
    "name": "N", "version": 1, "licence": "L", "page": "https://x", "citation": "C", "recordings": 3, "size": "S",
    "unverified": "nothing", "zenodo": "https://z",
}  # fmt: skip


def read(tmp_path, told, form=None):
    (tmp_path / "it.yaml").write_text(yaml.safe_dump(told, sort_keys=False))
    return read_origin(tmp_path / "it.yaml", form)


def test_every_published_source_has_a_complete_origin():
    files = origin_files(ORIGINS)
    assert set(files) == PUBLISHED
    for path in files.values():
        for form in read_origin(path).forms or (None,):
            origin = read_origin(path, form)
            assert origin.kind in KINDS and origin.source == path.stem and origin.form == form
            assert len(origin.citation) > 40 and "https://doi.org/" in origin.citation
            if origin.kind == "sign":
                assert "https://" in origin.sign
            if origin.kind == "checksums":
                assert origin.checksums.endswith(f"/{origin.version}/SHA256SUMS.txt")


def test_every_preparer_of_a_publication_has_an_origin():
    preparers = {path.stem for path in (ROOT / "manifests").glob("*.py") if "def main(" in path.read_text()}
    assert preparers - OTHERS <= set(origin_files(ORIGINS))


@pytest.mark.parametrize(("source", "recordings"), [("ptbxl", 21799), ("cinc2021", 88253), ("code15", 345779)])
def test_counts_are_the_publications(source, recordings):
    assert read_origin(ORIGINS / f"{source}.yaml").recordings == recordings


def test_forms_replace_keys_and_the_first_is_the_default(tmp_path):
    told = TOLD | {"forms": {"b": {"recordings": 5}, "a": {"licence": "M"}}}
    first, second = read(tmp_path, told), read(tmp_path, told, "a")
    assert (first.form, first.recordings, first.licence) == ("b", 5, "L")
    assert (second.form, second.recordings, second.licence) == ("a", 3, "M")
    assert first.version == "1" and first.forms == ("b", "a")
    with pytest.raises(ValueError, match="form must be one of b, a, got 'c'"):
        read(tmp_path, told, "c")
    with pytest.raises(ValueError, match="form must be one of none, got 'c'"):
        read(tmp_path, TOLD, "c")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"licence": None}, "no licence"),
        ({"licences": "L"}, "the unknown key licences"),
        ({"checksums": "https://c"}, "one of checksums, .* got checksums, zenodo"),
        ({"zenodo": None}, "got none"),
        ({"zenodo": "ftp://z"}, "zenodo must be an address"),
        ({"recordings": "many"}, "recordings must be a whole number"),
    ],
)
def test_an_incomplete_origin_is_refused(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, TOLD | change)


def test_an_unknown_source_is_answered_with_the_known_ones(tmp_path):
    read(tmp_path, TOLD)
    with pytest.raises(FileNotFoundError, match="source must be one of it, got 'that'"):
        read_origin(tmp_path / "that.yaml")
    (tmp_path / "it.yaml").write_text("a: [")
    with pytest.raises(ValueError, match=r"origin must be YAML.*it\.yaml"):
        read_origin(tmp_path / "it.yaml")
