import numpy as np
import pytest

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.record import Record
from fairseq_signals.evaluation.transform_picture import draw_transforms, transformed_examples
from fairseq_signals.transforms import TRANSFORMS
from fairseq_signals.transforms.pipeline import resolve_transforms


def _record(seconds=3.0, rate=120.0):
    signal = np.random.default_rng(0).normal(size=(12, round(seconds * rate))).astype(np.float32)
    return Record(signal, rate, STANDARD_LEADS, "r1", "p1", ("SR",))


def test_every_transform_has_a_panel_with_its_name_settings_and_a_changed_lead(tmp_path):
    record = _record()
    figure = draw_transforms(record, None, tmp_path / "a.png", lead="V2")
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    panels = figure.axes
    assert len(panels) == 1 + len(TRANSFORMS.names()) and "r1" in panels[0].get_title(loc="left")
    original = record.signal[STANDARD_LEADS.index("V2")]
    for panel, name in zip(panels[1:], TRANSFORMS.names(), strict=True):
        lines = {line.get_gid(): line.get_ydata() for line in panel.lines}
        np.testing.assert_array_equal(lines["original"], original)
        changed = np.flatnonzero(~(lines["transformed"] == original))
        assert len(changed), name
        title = " ".join(panel.get_title(loc="left").split())
        assert title.startswith(name) and all(key in title for key in TRANSFORMS.resolve(name) if key != "_name")


def test_padding_behind_a_compressed_window_is_a_gap():
    ((spec, after),) = transformed_examples(_record(), [{"_name": "resize", "factor": [0.5, 0.5]}], "I")
    assert spec == resolve_transforms([{"_name": "resize", "factor": [0.5, 0.5]}])[0]
    assert np.isfinite(after[:180]).all() and np.isnan(after[180:]).all()
    np.testing.assert_array_equal(after[:180], _record().signal[0, ::2])


def test_draws_depend_on_the_seed_alone():
    first, again, other = (transformed_examples(_record(), "gaussian_noise", "I", seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0][1], again[0][1])
    assert (first[0][1] != other[0][1]).any()


def test_at_most_ten_seconds_are_shown():
    assert len(transformed_examples(_record(12.0), "emg", "II")[0][1]) == 1200


def test_what_cannot_be_shown_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"lead must be one of I, II, .*, got 'V9'"):
        transformed_examples(_record(), None, "V9")
    with pytest.raises(ValueError, match=r"transform must be one of .* got 'resiz'"):
        transformed_examples(_record(), "resiz", "I")
    with pytest.raises(ValueError, match="transforms must be named, got none"):
        draw_transforms(_record(), "", tmp_path / "a.png")
    gap = _record()
    gap.signal[3, 7] = np.nan
    with pytest.raises(ValueError, match=r"signal must be finite, got samples that are not \(record r1\)"):
        transformed_examples(gap, None, "I")
