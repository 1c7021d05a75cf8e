"""The page: bars as long as the counts, every number on it, nothing over another text or over the edge."""

import random
from collections import Counter

import pytest
import yaml

from fairseq_signals.evaluation.data_counts import count_data
from fairseq_signals.evaluation.data_summary import draw_data_summary

HEADER = "id\tecg\tstart\tlength\trate\tleads\tpatient\tlabels\tage\tsex\tsource\n"


def write(folder, classes, size=(300, 60, 40), lengths=(5000,), sources=("a", "b"), told=None, shift=0):
    draw = random.Random(2)
    names = dict(zip(("train", "valid", "test"), size, strict=True))
    for name, number in names.items():
        with open(folder / f"{name}.tsv", "w") as file:
            file.write(HEADER)
            for place in range(number):
                codes = [code for rank, code in enumerate(classes) if draw.random() < 0.5 / (rank + 1)]
                cell = "-" if draw.random() < 0.1 else ",".join(codes)
                patient = f"p{place}" if shift else f"{name}{place}"
                age, sex = draw.choice(["", *map(str, range(20, 95))]), draw.choice(["male", "female", ""])
                length, source = draw.choice(lengths), draw.choice(sources)
                file.write(f"{name}{place}\tx\t0\t{length}\t500\t12\t{patient}\t{cell}\t{age}\t{sex}\t{source}\n")
    card = {"format": 1, "source": "A source", "version": "1.0.3", "counts": {"offered": 987, "rows": told or names},
            "classes": classes, "unannotated": classes[-1:], "units": "mV", "rate": 500.0, "split": "by patient " * 60,
            "files": {}, "checks": [f"check {n} " + "that tells much " * n for n in range(12)]}  # fmt: skip
    (folder / "dataset.yaml").write_text(yaml.safe_dump(card))
    reasons = "".join(f"r{n}\tf\t{draw.choice(['flat', 'leads', 'unreadable'])}\tm\n" for n in range(77))
    (folder / "rejected.tsv").write_text("id\tfile\treason\tmessage\n" + reasons)
    (folder / "warnings.tsv").write_text("id\tfile\twarning\n" + "a\tb\tgain of 0 in lead 1\n" * 5)
    return folder


def panel(figure, title):
    (found,) = [axes for axes in figure.axes if axes.get_title(loc="left").startswith(title)]
    return found


def bars(axes, gid):
    """Lengths by the name beside the bar."""
    names = [text.get_text() for text in axes.get_yticklabels()]
    container = next(one for one in axes.containers if one[0].get_gid() == gid or one.patches[0].get_gid() == gid)
    return dict(zip(names, [bar.get_width() for bar in container], strict=True))


def words(figure):
    return [text.get_text() for text in figure.texts] + [text.get_text() for axes in figure.axes for text in axes.texts]


NAMED = {"426783006": "NSR 426783006"}
CLASSES = [f"{426783000 + number}" for number in range(12)]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Counts of a small data set, and its page."""
    folder = write(tmp_path_factory.mktemp("data"), CLASSES)
    return count_data(folder), draw_data_summary(folder, folder / "page.png")


def test_bars_and_numbers_are_the_counts(page):
    counts, figure = page
    assert bars(panel(figure, "source"), "source") == dict(counts.sources)
    mixed = bars(panel(figure, "sex"), "sex, rate, leads")
    sexes = {"male": counts.sexes["male"], "female": counts.sexes["female"], "sex unknown": counts.sexes["unknown"]}
    assert mixed == sexes | {"500 Hz": 400, "12 leads": 400}
    (classes,) = [axes for axes in figure.axes if axes.get_xscale() == "log"]
    present = sum((counts.present[name] for name in counts.splits), Counter())
    assert bars(classes, "present") == {NAMED.get(code, code): present[code] for code in CLASSES}
    ages = panel(figure, "age")
    heights = {round(bar.get_x()): bar.get_height() for bar in ages.patches}
    for left, height in heights.items():
        assert height == sum(
            number for age, number in counts.ages.items() if age is not None and left <= age < left + 5
        )
    assert ages.get_title(loc="left") == f"age (years); unknown {counts.ages[None]:,}"


def test_each_class_has_its_line_of_numbers(page):
    counts, figure = page
    (axes,) = [axes for axes in figure.axes if axes.get_xscale() == "log"]
    names = [text.get_text().rpartition(" ")[2] for text in axes.get_yticklabels()]
    lines = {}
    for text in axes.texts:
        lines.setdefault(text.get_position()[1], []).append(text.get_text())
    assert lines.pop(-1) == ["all", "train", "valid", "test", "unknown"]
    for place, code in enumerate(names):
        each = [counts.present[name][code] for name in ("train", "valid", "test")]
        unknown = sum(counts.unknown[name][code] for name in counts.splits)
        assert lines[place] == [f"{number:,}" for number in (sum(each), *each, unknown)]
    assert lines[names.index(CLASSES[-1])][-1] == "400"  # never annotated


def test_the_heading_and_the_lists_tell_the_rest(page):
    counts, figure = page
    text = "\n".join(words(figure))
    assert "A source 1.0.3" in text and "400 recordings of 400 patients; 987 offered; 77 left out; 5 warnings" in text
    for reason, number in counts.rejected.items():
        assert f"{number:>9,}  {reason}" in text
    without, dark = sum(counts.without_class.values()), sum(counts.nothing_known.values())
    assert f"no class is present in {without:,} recordings; nothing is known of {dark:,} more" in text
    assert "check 1 that tells much" in text and "and 4 more in dataset.yaml" in text
    assert "check 7 that" in text and "check 8 that" not in text
    assert f"{5:>9,}  gain of # in lead #" in text and "75.0%" in text and "more than one split" not in text


def test_leaks_and_wrong_cards_stand_in_red(tmp_path):
    write(tmp_path, CLASSES, told={"train": 301}, shift=1)
    figure = draw_data_summary(tmp_path, tmp_path / "page.png")
    (alarm,) = [text for text in figure.texts if text.get_color() == "#bb2233"]
    assert alarm.get_text() == "train.tsv has 300 rows, dataset.yaml says 301; 60 patients are in more than one split"


@pytest.mark.parametrize("number", [26, 71, 133])
def test_nothing_lies_over_another_text_or_over_the_edge(tmp_path, number):
    """With the numbers of a million recordings in 300 lines."""
    classes = [f"{284470004 + n}|{63593006 + n}" for n in range(number)]
    write(
        tmp_path,
        classes,
        (1500, 60, 40),
        range(2500, 60000, 50),
        [f"a hospital's long name {n}" for n in range(20)],
        shift=1,
    )
    figure = draw_data_summary(tmp_path, tmp_path / "page.png")
    large = [
        text for axes in figure.axes if axes.get_xscale() == "log" for text in axes.texts if "," in text.get_text()
    ]
    for text in large:
        text.set_text("999,999")
    figure.canvas.draw()
    texts = [
        *figure.texts,
        *(text for axes in figure.axes for text in (*axes.texts, *axes.get_yticklabels(), axes._left_title)),
    ]
    shown = [text for text in texts if text.get_text().strip() and text.get_visible()]
    boxes = [(text.get_text(), text.get_window_extent()) for text in shown]
    for place, (name, box) in enumerate(boxes):
        assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0 and box.y1 <= figure.bbox.y1, name
        for other, box_ in boxes[:place]:
            assert not (
                box.x0 < box_.x1 - 1 and box_.x0 < box.x1 - 1 and box.y0 < box_.y1 - 1 and box_.y0 < box.y1 - 1
            ), (
                name,
                other,
            )


def test_many_lengths_are_a_histogram_of_all(tmp_path):
    counts = count_data(write(tmp_path, CLASSES, lengths=range(2500, 60000, 50)))
    axes = panel(draw_data_summary(tmp_path, tmp_path / "page.png"), "length")
    assert sum(bar.get_height() for bar in axes.patches) == 400 and axes.get_xscale() == "log"
    assert axes.get_xlabel() == "logarithmic axis"
    edges = [bar.get_x() for bar in axes.patches]
    for bar, left, right in zip(axes.patches, edges, [*edges[1:], 1e9], strict=True):
        assert bar.get_height() == sum(number for length, number in counts.seconds.items() if left <= length < right)


def test_a_panel_without_data_says_so(tmp_path):
    folder = write(tmp_path, CLASSES)
    for name in ("train", "valid", "test"):
        lines = [line.split("\t") for line in (folder / f"{name}.tsv").read_text().splitlines()]
        place = lines[0].index("age")
        text = "".join("\t".join([*line[:place], *line[place + 1 :]]) + "\n" for line in lines)
        (folder / f"{name}.tsv").write_text(text)
    ages = panel(draw_data_summary(folder, tmp_path / "page.png"), "age (years); unknown 400")
    assert [text.get_text() for text in ages.texts] == ["unknown"] and not ages.patches
    assert not len(ages.get_xticks()) and not len(ages.get_yticks())


def test_rare_classes_are_told_in_sum(tmp_path):
    classes = [f"C{number:03d}" for number in range(100)]
    counts = count_data(write(tmp_path, classes))
    text = "\n".join(words(draw_data_summary(tmp_path, tmp_path / "page.png")))
    present = sum((counts.present[name] for name in counts.splits), Counter())
    rare = sorted(present[code] for code in classes)[:20]
    assert f"not shown: 20 rarer classes with {sum(rare)} labels" in text


def test_a_data_set_without_classes_and_recordings_is_a_page_too(tmp_path):
    write(tmp_path, ["X"], size=(0, 0, 0))
    card = yaml.safe_load((tmp_path / "dataset.yaml").read_text()) | {"classes": [], "unannotated": []}
    (tmp_path / "dataset.yaml").write_text(yaml.safe_dump(card))
    figure = draw_data_summary(tmp_path, tmp_path / "page.pdf")
    assert words(figure).count("no recordings") == 4 and "no labels" in words(figure)
    assert "0 recordings of 0 patients" in "\n".join(words(figure))
    assert (tmp_path / "page.pdf").read_bytes()[:5] == b"%PDF-"
