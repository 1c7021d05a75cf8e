"""The paper is measured in the rendered picture, dot by dot."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.record import Record
from fairseq_signals.evaluation.ecg_paper import draw, labels_text

DOTS = 10  # per millimetre
DPI = DOTS * 25.4


def recording(rate=250.0, seconds=10.0, leads=STANDARD_LEADS, value=0.0):
    """A level in every lead; the level is a multiple of the lead's place so that leads can be told apart."""
    signal = np.full((len(leads), round(rate * seconds)), value, dtype=np.float32)
    return Record(signal, rate, leads, "r1", "p1", ("426783006",), {"age": 63, "sex": "female"})


def picture(tmp_path, *arguments, **settings):
    path = tmp_path / "ecg.png"
    draw(*(arguments or (recording(),)), path, dpi=DPI, **settings)
    return imread(path)[..., :3]


def ink(image):
    """Where the picture is nearly black."""
    return image.max(axis=2) < 0.4


def line(figure, gid):
    return [line for line in figure.axes[0].lines if line.get_gid() == gid]


def test_grid_lines_stand_a_millimetre_and_five_apart(tmp_path):
    image = picture(tmp_path, recording(), title="")
    row = image[DOTS * 2 + DOTS // 2 :: DOTS * 5][0]  # between two horizontal lines, above the traces
    pink = 1 - row[:, 2]
    period = np.abs(np.fft.rfft(pink - pink.mean()))
    per_dot = np.fft.rfftfreq(len(pink))
    assert pink[:3].max() > 0 and image.shape[1] % (5 * DOTS) == 0
    peaks = {step: period[np.abs(per_dot - 1 / (step * DOTS)).argmin()] for step in (1, 5, 3.3)}
    assert peaks[1] > 10 * peaks[3.3] and peaks[5] > 10 * peaks[3.3]
    strong = np.flatnonzero(pink > 0.5 * (pink.max() + np.sort(pink)[len(pink) // 2]))
    gaps = np.diff(strong)
    assert np.all(np.abs(gaps[gaps > 2] - 5 * DOTS) <= 2)


def test_calibration_pulse_is_ten_millimetres_high_and_five_wide(tmp_path):
    image = ink(picture(tmp_path, recording(), title=""))
    pulse = image[: image.shape[0] // 3, : 8 * DOTS]  # the first row's
    rows = np.flatnonzero(pulse.sum(1) > 3 * DOTS)  # the flat top
    feet = np.flatnonzero(pulse.any(1))
    assert abs((feet.max() - rows.min()) - 10 * DOTS) <= 4
    columns = np.flatnonzero(pulse.sum(0) > 8 * DOTS)  # the two upright sides
    assert abs((columns.max() - columns.min()) - 5 * DOTS) <= 4


def test_one_second_is_25_millimetres_and_one_millivolt_ten(tmp_path):
    """A single square pulse of 1 s and 1 mV in lead II, measured in the rhythm strip's dots."""
    record = recording(leads=("II",))
    record.signal[0, 1000:1250] = 1.0
    image = ink(picture(tmp_path, record, title=""))[:, 15 * DOTS :]  # right of the calibration and name
    image = image[: -8 * DOTS]  # above the footer
    columns = np.flatnonzero(image.sum(0) > 8 * DOTS)
    assert abs((columns.max() - columns.min()) - 25 * DOTS) <= 4
    rows = np.flatnonzero(image.sum(1) > 20 * DOTS)
    assert abs((rows.max() - rows.min()) - 10 * DOTS) <= 4


def test_every_lead_shows_its_own_stretch_of_the_recording(tmp_path):
    signal = np.arange(12)[:, None] * 0.1 + np.arange(2500)[None] * 1e-4
    figure = draw(signal, tmp_path / "a.png", rate=250.0, leads=STANDARD_LEADS)
    columns = {"I": 0, "aVR": 1, "V1": 2, "V4": 3, "III": 0, "aVF": 1, "V3": 2, "V6": 3, "aVL": 1, "V2": 2, "V5": 3}
    for lead, column in columns.items():
        (drawn,) = line(figure, f"lead-{lead}")
        zero = {"I": 0, "aVR": 0, "V1": 0, "V4": 0, "aVL": 1, "V2": 1, "V5": 1}.get(lead, 2)
        y = drawn.get_ydata() - (7 + 14 + (3 - zero) * 28)
        np.testing.assert_allclose(
            y, 10 * signal[STANDARD_LEADS.index(lead), 625 * column : 625 * (column + 1)], atol=1e-9
        )
        np.testing.assert_allclose(np.diff(drawn.get_xdata()), 0.1)
        assert drawn.get_xdata()[0] == pytest.approx(10 + column * 62.5)
    strip = max(line(figure, "lead-II"), key=lambda drawn: len(drawn.get_xdata()))
    assert len(strip.get_xdata()) == 2500


def test_masked_leads_are_flat_and_say_so(tmp_path):
    record = recording(value=0.7)
    figure = draw(record, tmp_path / "a.png", masked_leads=("V1", "II"))
    for lead in ("V1", "II"):
        for drawn in line(figure, f"lead-{lead}"):
            assert np.ptp(drawn.get_ydata()) == 0 and (drawn.get_ydata()[0] - 21) % 28 == 0
    assert (line(figure, "lead-V2")[0].get_ydata()[0] - 21) % 28 == pytest.approx(7, abs=1e-5)
    assert [text.get_text() for text in figure.axes[0].texts].count("masked") == 3  # II stands twice


def test_a_lead_keeps_its_name_under_a_tall_complex(tmp_path):
    """The name's own dots, drawn without any trace, are all dark where a trace runs through them as well."""
    quiet, busy = recording(leads=("II",)), recording(leads=("II",))
    busy.signal[0, 20:60:2] = 3.0  # a comb through the name
    name = slice(-36 * DOTS, -22 * DOTS), slice(11 * DOTS, 15 * DOTS)  # the paper grows upwards
    bare, crossed = (picture(tmp_path, one, title="")[name] for one in (quiet, busy))
    around = ink(crossed) & ~ink(bare)
    letters = np.argwhere(ink(bare))
    (top, left), (bottom, right) = letters.min(0), letters.max(0)
    assert len(letters) > 100 and ink(crossed)[ink(bare)].all()
    between = around[top : bottom + 1, left : right + 1]
    assert between.mean() < 0.05 < around.mean()  # the comb is dark around the name, and not within


@pytest.mark.parametrize("lead", ["I", "V1", "V2", "V3", "V6"])
@pytest.mark.parametrize("peak", [3.0, -3.0])
def test_tall_complexes_keep_their_scale_and_run_over_nothing(tmp_path, lead, peak):
    record = recording()
    place = STANDARD_LEADS.index(lead)
    record.signal[place, 20:2500:200] = peak
    record.signal[STANDARD_LEADS.index("II"), 30:2500:200] = 1.0  # a little later than the other
    figure = draw(record, tmp_path / "a.png")
    figure.canvas.draw()
    axes, dots = figure.axes[0], figure.dpi / 25.4
    lines = [one for one in axes.lines if (one.get_gid() or "").startswith("lead-")]
    assert max(np.ptp(one.get_ydata()) for one in line(figure, f"lead-{lead}")) == 30  # 10 mm/mV
    title, footer = (text.get_window_extent() for text in (axes.texts[-2], axes.texts[-1]))
    names = [text for text in axes.texts if text.get_text() in STANDARD_LEADS]
    for one in lines:
        x, y = (one.get_xdata() * dots, one.get_ydata() * dots)
        assert footer.y1 < y.min() and y.max() < title.y0
        for name in names:
            box, zero = name.get_window_extent(), min(abs(np.median(y) - name.get_window_extent().y0), 99 * dots)
            own = zero < 11 * dots and np.median(y) < box.y0
            under = (x > box.x0) & (x < box.x1)
            assert own or not np.any((y[under] > box.y0) & (y[under] < box.y1))
        for other in lines:
            if np.median(other.get_ydata()) < np.median(one.get_ydata()):
                near = np.abs(other.get_xdata()[:, None] - one.get_xdata()[None]) < 0.1 * 25
                gaps = one.get_ydata()[None] - other.get_ydata()[:, None]
                assert gaps[near].min(initial=99) > 0.5
    quiet = draw(recording(), tmp_path / "a.png")
    assert figure.get_figheight() > quiet.get_figheight() or (lead, peak) == ("I", -3.0)


def test_what_the_file_says_stands_above_and_the_scale_below(tmp_path):
    figure = draw(recording(), tmp_path / "a.png")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert any(all(word in text for word in ("r1", "p1", "63", "female", "426783006")) for text in texts)
    assert any("25 mm/s" in text and "10 mm/mV" in text and "250 Hz" in text for text in texts)


def test_unknown_labels_are_told_apart_from_absent_ones():
    def said(labels=(), **meta):
        return labels_text(Record(np.zeros((1, 9), np.float32), 100.0, ("I",), "r", None, labels, meta))

    assert said(("AF", "SR")) == "AF, SR" and said() == ""
    assert said(("AF",), unknown=("LVH", "X"), unlabelled=False) == "AF; unknown: LVH, X"
    assert said(unknown=(), unlabelled=False) == "no label applies"
    assert said(unknown=("X",), unlabelled=False) == "no label applies; unknown: X"
    assert said(unknown=(), unlabelled=True) == "labels unknown"


def test_a_long_title_is_broken_into_lines_on_taller_paper(tmp_path):
    labels = tuple(f"{284470000 + number}|{63593006 + number}" for number in range(60))
    for leads in (STANDARD_LEADS, ("II",)):
        record = recording(seconds=10.0 if len(leads) > 1 else 1.0, leads=leads)
        short = draw(record, tmp_path / "a.png")
        long = draw(Record(record.signal, 250.0, leads, "r1", "p1", labels), tmp_path / "a.png")
        long.canvas.draw()
        title = next(text for text in long.axes[0].texts if "r1" in text.get_text())
        assert set(title.get_text().replace("\n", " ").replace(",", "").split()) >= set(labels)
        box = title.get_window_extent()
        assert 0 <= box.x0 and box.x1 <= long.bbox.x1 and box.y1 <= long.bbox.y1
        dots = long.dpi / 25.4
        assert box.y0 / dots > max(line.get_ydata().max() for line in long.axes[0].lines)
        assert round((long.get_figheight() - short.get_figheight()) * 25.4, 6) % 5 == 0


@pytest.mark.parametrize(
    "rate, seconds, leads",
    [
        (100.0, 1.3, STANDARD_LEADS),
        (500.0, 30.0, ("I",)),
        (360.0, 5.0, ("I", "II", "V2")),
        (128.0, 10.0, STANDARD_LEADS[:6]),
    ],
)
def test_any_rate_length_and_number_of_leads(tmp_path, rate, seconds, leads):
    figure = draw(recording(rate, seconds, leads), tmp_path / "a.png")
    shown = {drawn.get_gid() for drawn in figure.axes[0].lines if (drawn.get_gid() or "").startswith("lead-")}
    assert shown == {f"lead-{lead}" for lead in leads}
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_given_axes_are_drawn_into():
    axes = Figure().add_subplot()
    assert draw(recording(), axes) is axes.figure
    assert line(axes.figure, "lead-V6")


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"masked_leads": ("V9",)}, "masked_leads must be names among"),
        ({"masked_leads": "V1"}, "masked_leads must be names among"),
        ({"start": 10.0}, "start must be within"),
        ({"start": -1.0}, "start must be within"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        draw(recording(), tmp_path / "a.png", **settings)


def test_an_array_must_come_with_rate_and_fitting_leads(tmp_path):
    with pytest.raises(ValueError, match="rate and leads must be given"):
        draw(np.zeros((2, 10)), tmp_path / "a.png")
    with pytest.raises(ValueError, match="one row per lead"):
        draw(np.zeros((3, 10)), tmp_path / "a.png", rate=100.0, leads=("I", "II"))


@pytest.mark.parametrize("leads", [("I",), ("I", "II"), STANDARD_LEADS])
@pytest.mark.parametrize("whole", [False, True])
def test_a_title_of_three_lines_stands_above_the_names(leads, whole):
    figure = draw(recording(leads=leads), Figure().add_subplot(), title="a\nb\nc", whole=whole)
    figure.set_size_inches(*(side / 25.4 for side in (figure.axes[0].get_xlim()[1], figure.axes[0].get_ylim()[1])))
    axes = figure.axes[0]
    axes.set_position((0, 0, 1, 1))
    figure.canvas.draw()
    title = next(text for text in axes.texts if text.get_text() == "a\nb\nc").get_window_extent()
    names = [text.get_window_extent() for text in axes.texts if text.get_text() in STANDARD_LEADS]
    assert title.y0 > max(name.y1 for name in names)


def test_every_lead_is_drawn_in_full_length_where_it_is_asked_for(tmp_path):
    figure = draw(recording(value=0.3), tmp_path / "a.png", whole=True)
    drawn = [one for one in figure.axes[0].lines if (one.get_gid() or "").startswith("lead-")]
    assert [one.get_gid() for one in drawn] == [f"lead-{lead}" for lead in STANDARD_LEADS]
    assert all(len(one.get_xdata()) == 2500 for one in drawn)
    heights = [one.get_ydata()[0] for one in drawn]
    assert heights == sorted(heights, reverse=True) and min(-np.diff(heights)) >= 28
