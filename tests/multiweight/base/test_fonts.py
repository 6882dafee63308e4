"""A machine may have no Chinese font: the tests make one, with boxes for glyphs."""

import matplotlib
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from multiweight.base import fonts

matplotlib.use("Agg")

from matplotlib import font_manager  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402


def font(path, marks, family):
    pen = TTGlyphPen(None)
    for at, point in enumerate([(100, 0), (100, 700), (900, 700), (900, 0)]):
        (pen.lineTo if at else pen.moveTo)(point)
    pen.closePath()
    names = [".notdef", *(f"u{ord(mark):X}" for mark in marks)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(mark): f"u{ord(mark):X}" for mark in marks})
    builder.setupGlyf({name: pen.glyph() for name in names})
    builder.setupHorizontalMetrics({name: (1000, 100) for name in names})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": family, "styleName": "Regular", "psName": family.replace(" ", "")})
    builder.setupOS2()
    builder.setupPost()
    builder.save(str(path))
    return str(path)


@pytest.fixture
def installed(monkeypatch):
    def only(*paths):
        monkeypatch.setattr(font_manager, "findSystemFonts", lambda: list(paths))
        monkeypatch.setattr(fonts, "_TOLD", set())

    before = list(font_manager.fontManager.ttflist)
    yield only
    font_manager.fontManager.ttflist[:] = before
    font_manager._findfont_cached.cache_clear() if hasattr(font_manager, "_findfont_cached") else None


def figure(text):
    result = Figure()
    axes = result.subplots()
    axes.bar([0, 1], [1, 2])
    axes.set_xticks([0, 1], ["plain", text])
    axes.set_title(text)
    return result


def test_chinese_takes_an_installed_font_that_has_its_glyphs(tmp_path, installed, capfd):
    installed(font(tmp_path / "a.ttf", "长衫", "Half Font"), font(tmp_path / "b.ttf", "长袖衫", "Whole Font"))
    chart = figure("长袖衫")
    fonts.write(chart, tmp_path / "a.png")
    labels = chart.axes[0].get_xticklabels()
    assert labels[1].get_fontfamily() == chart.axes[0].title.get_fontfamily() == ["DejaVu Sans", "Whole Font"]
    assert labels[0].get_fontfamily() == ["sans-serif"]
    assert capfd.readouterr() == ("", "") and (tmp_path / "a.png").stat().st_size > 1000


def test_several_fonts_together(tmp_path, installed):
    installed(font(tmp_path / "a.ttf", "长", "First Font"), font(tmp_path / "b.ttf", "袖", "Second Font"))
    chart = figure("长袖")
    fonts.write(chart, tmp_path / "a.svg")
    assert set(chart.axes[0].title.get_fontfamily()[1:]) == {"First Font", "Second Font"}


@pytest.mark.filterwarnings("error")
def test_one_note_where_no_font_has_them(tmp_path, installed, capfd):
    installed()
    for name in ("a.png", "b.png"):
        fonts.write(figure("长袖"), tmp_path / name)
    note = capfd.readouterr().err
    assert note.count("\n") == 1 and "no installed font has 2 of the figures' characters" in note and "长" in note


def test_other_figures_are_untouched(tmp_path, installed, capfd):
    installed()
    chart = figure("Größe café −1")
    fonts.write(chart, tmp_path / "a.png")
    assert chart.axes[0].title.get_fontfamily() == ["sans-serif"] and capfd.readouterr().err == ""
