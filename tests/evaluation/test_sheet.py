"""The sheet: what is drawn is the signal, at one scale, and the choice is the seed's."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.image import imread

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.manifest import write_manifest
from fairseq_signals.data.row import Row
from fairseq_signals.data.store import ShardWriter
from fairseq_signals.evaluation.sheet import chosen_rows, draw_sheet


@pytest.fixture
def data(tmp_path):
    """Twelve recordings, of 10 s but for one of 25 s and one of 6 s; two have two leads."""
    generator = np.random.default_rng(1)
    (tmp_path / "store").mkdir()
    rows, signals = [], {}
    with ShardWriter(tmp_path / "store", "s") as writer:
        for number in range(12):
            leads = ("I", "II") if number in (4, 5) else STANDARD_LEADS
            seconds = {0: 25, 1: 6}.get(number, 10)
            rate = 100.0 if number % 2 else 50.0
            signal = generator.normal(size=(len(leads), round(seconds * rate))).clip(-2, 1.2).astype(np.float32) / 2
            writer.add(signal)
            labels = ("$NORM", "SR") if number % 3 else ()
            row = Row(f"rec-{number:02d}", f"s:{number}", 0, signal.shape[1], rate, leads, f"p{number}", labels)
            rows.append(row)
            signals[row.id] = (signal, row)
    write_manifest(tmp_path / "test.tsv", rows)
    return tmp_path / "test.tsv", signals


def panels(figure):
    return [axes for axes in figure.axes if axes.get_title(loc="left")]


def id_of(axes):
    return axes.get_title(loc="left").split(",")[0]


def test_every_line_is_the_stored_signal(data, tmp_path):
    manifest, signals = data
    figure = draw_sheet(manifest, tmp_path / "sheet.png", number=12)
    assert [id_of(axes) for axes in panels(figure)] == list(signals)
    for axes in panels(figure):
        signal, row = signals[id_of(axes)]
        zeros, joined = {}, {lead: [] for lead in row.leads}
        for line in axes.lines:
            lead = line.get_gid().removeprefix("lead-")
            x, y = line.get_data()
            np.testing.assert_allclose(np.diff(x), 25 / row.rate, atol=1e-9)  # 25 mm are a second
            first = round((x[0] - 10) / 25 * row.rate)
            expected = 10 * signal[row.leads.index(lead), first : first + len(y)]  # 10 mm are a millivolt
            zeros[lead] = np.median(y - expected)
            np.testing.assert_allclose(y - zeros[lead], expected, atol=0.011)  # a microvolt of rounding
            joined[lead].append((first, first + len(y)))
        shown = min(signal.shape[1], round(10 * row.rate))
        if len(row.leads) == 2:
            assert all(span == [(0, shown)] for span in joined.values()) and zeros["I"] > zeros["II"]
        else:
            edges = [joined[lead][0] for lead in ("I", "aVR", "V1", "V4")]
            assert edges[0][0] == 0 and edges[3][1] == shown
            assert all(one[1] == other[0] for one, other in pairwise(edges))
            rows = np.round([zeros["I"], zeros["V4"], zeros["II"], zeros["III"]]).tolist()
            assert rows == [97, 97, 61, 25]  # 36 mm apart


def tall(folder, peaks):
    """A recording of zeros but for lead V2, for each of these peaks (mV)."""
    (folder / "store").mkdir()
    rows = []
    with ShardWriter(folder / "store", "s") as writer:
        for number, peak in enumerate(peaks):
            signal = np.zeros((12, 1000), np.float32)
            signal[STANDARD_LEADS.index("V2"), 50::80] = peak
            writer.add(signal)
            labels = tuple(f"{426783006 + n}" for n in range(12))
            rows.append(Row(f"{peak}", f"s:{number}", 0, 1000, 100.0, STANDARD_LEADS, f"p{number}", labels))
    write_manifest(folder / "test.tsv", rows)
    return folder / "test.tsv"


def test_what_would_run_over_a_neighbour_is_drawn_at_half_the_scale_and_says_so(tmp_path):
    peaks = (1.0, -2.0, -4.0, 6.0, -30.0)
    figure = draw_sheet(tall(tmp_path, peaks), tmp_path / "sheet.png")
    figure.canvas.draw()
    said = {}
    for axes in panels(figure):
        heights = {one.get_gid(): np.ptp(one.get_ydata()) for one in axes.lines}
        said[id_of(axes)] = (round(heights["lead-V2"], 3), axes.get_title(loc="right"))
        left, right = axes._left_title.get_window_extent(), axes._right_title.get_window_extent()
        assert right.x1 <= axes.get_window_extent().x1 + 1 and (left.x1 < right.x0 or not axes.get_title(loc="right"))
    half = "half scale: 5 mm/mV"
    assert said == {
        "1.0": (10, ""), "-2.0": (20, ""), "-4.0": (20, half), "6.0": (30, half),
        "-30.0": (150, f"{half}, still too tall"),
    }  # fmt: skip
    assert "(1 mV at half scale)" in figure.get_suptitle()


def test_no_folder_of_a_person_stands_on_the_sheet(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    expected = f"{tmp_path.name}/test.tsv: 3 of 12 recordings, seed 1; squares of 0.2 s and 0.5 mV"
    for manifest in (data[0], "test.tsv"):
        assert draw_sheet(manifest, tmp_path / "a.png", 3).get_suptitle() == expected


def test_all_panels_have_one_scale(data, tmp_path):
    figure = draw_sheet(data[0], tmp_path / "sheet.png", number=12)
    figure.canvas.draw()
    spans = {tuple(np.round(np.diff([axes.get_xlim(), axes.get_ylim()]).ravel(), 9)) for axes in panels(figure)}
    boxes = np.array([axes.get_window_extent().size for axes in panels(figure)])
    assert len(spans) == 1 and np.ptp(boxes, axis=0).max() < 1
    (width, height), box = spans.pop(), boxes[0]
    assert box[0] / width == pytest.approx(box[1] / height, rel=0.01)  # squares are square


def test_panels_tell_what_they_show(data, tmp_path):
    titles = {id_of(axes): axes.get_title(loc="left") for axes in panels(draw_sheet(data[0], tmp_path / "a.png", 12))}
    assert titles["rec-00"] == "rec-00, 50 Hz, 25 s, first 10\nno label applies"
    assert titles["rec-01"] == "rec-01, 100 Hz, 6 s\n\\$NORM, SR"  # a dollar is no formula


def test_titles_stay_over_their_panels(data, tmp_path):
    manifest, _ = data
    rows = [line.split("\t") for line in manifest.read_text().splitlines()]
    for row in rows[1:]:
        row[0], row[7] = f"a/very/long/folder/of/a/hospital/{row[0]}", ",".join(f"{426783006 + n}" for n in range(12))
    manifest.write_text("".join("\t".join(row) + "\n" for row in rows))
    figure = draw_sheet(manifest, tmp_path / "a.png")
    figure.canvas.draw()
    boxes = [axes._left_title.get_window_extent() for axes in panels(figure)]
    assert not any(one.overlaps(other) for place, one in enumerate(boxes) for other in boxes[:place])
    assert all(box.x1 < figure.bbox.x1 for box in boxes)


def test_the_same_seed_gives_the_same_picture(data, tmp_path):
    first, second, third = tmp_path / "1.png", tmp_path / "2.png", tmp_path / "3.png"
    draw_sheet(data[0], first, 6, seed=4)
    draw_sheet(data[0], second, 6, seed=4)
    draw_sheet(data[0], third, 6, seed=5)
    assert first.read_bytes() == second.read_bytes() != third.read_bytes()
    assert imread(first)[..., :3].std() > 0.03


def test_rows_are_chosen_evenly_and_once():
    drawn = np.zeros(20)
    for seed in range(500):
        places = chosen_rows(20, 5, seed)
        assert len(set(places)) == 5 and places == sorted(places)
        drawn[places] += 1
    assert np.all(np.abs(drawn - 125) < 4.5 * np.sqrt(500 * 0.25 * 0.75))  # binomial
    assert chosen_rows(3, 12, 1) == [0, 1, 2]


@pytest.mark.parametrize(
    ("count", "number", "message"), [(9, 0, "1 to 60, got 0"), (9, 61, "got 61"), (0, 3, "got none")]
)
def test_absurd_numbers_are_refused(count, number, message):
    with pytest.raises(ValueError, match=message):
        chosen_rows(count, number, 1)
