"""Sentences and figures on predictions."""

from __future__ import annotations

import made_prediction
import made_tables
import pytest

from ketfc.reporting.figures.prediction.panels import draw_prediction
from ketfc.reporting.text.beside.prediction import prediction_methods, prediction_section
from ketfc.reporting.text.references import cited
from ketfc.study.config.analyses.prediction import Prediction


@pytest.fixture(scope="module")
def design():
    return made_tables.two_arms().design


def config(**keys):
    about = Prediction.model_validate({"repeats": 1} | keys)
    return {"statistics": {"prediction": about.model_dump(mode="json", by_alias=True)}}


def test_nothing_is_said_where_nothing_was_predicted(design):
    assert prediction_section(None, design).sentences == []
    assert prediction_methods(None, {}, design) == []


@pytest.mark.parametrize("found", [True, False])
def test_better_than_chance_is_said_after_correction_alone(design, found):
    table = made_prediction.table_of()
    own = (table["predictors"] == "connectivity") & (table["metric"] == "r2")
    table.loc[own, ["estimate", "p_permutation"]] = [0.3, 0.01]
    table.loc[own, "p_holm"] = 0.03 if found else 0.06
    said = prediction_section(table, design).sentences[1]
    assert ("better than chance in this sample" in said) == found
    assert ("no better than chance" in said) != found


def test_a_wrong_direction_is_no_finding_whatever_its_p(design):
    table = made_prediction.table_of()
    own = (table["predictors"] == "connectivity") & (table["metric"] == "r2")
    table.loc[own, ["estimate", "p_holm"]] = [-0.1, 0.01]
    assert "no better than chance" in prediction_section(table, design).sentences[1]


@pytest.mark.parametrize("classes", [False, True])
def test_methods_say_what_was_done_and_cite_works_that_are_there(design, classes):
    table = made_prediction.table_of(classes=classes)
    text = "\n".join(
        prediction_methods(table, config(outcome="response" if classes else "change"), design)
    )
    assert ("AUC was tested" in text) == classes
    assert ("R² was tested" in text) != classes
    assert "5 folds" in text
    assert "Below 200 participants" in text
    assert "mean framewise displacement" in text
    assert len(cited(text)) >= 6
    still = "\n".join(prediction_methods(table, config(**{"adjust-for-motion": False}), design))
    assert "displacement" not in still


@pytest.mark.parametrize("classes", [False, True])
def test_no_word_is_of_use_for_a_patient(design, classes):
    table = made_prediction.table_of(classes=classes)
    section = prediction_section(table, design)
    words = " ".join([*section.sentences, *prediction_methods(table, config(), design)]).lower()
    for word in ("patient", "diagnos", "clinical use", "personal", "should be treated", "causes"):
        assert word not in words
    assert "nothing about any single participant" in words


@pytest.mark.parametrize("classes", [False, True])
def test_the_figure_draws_its_numbers(classes):
    tables = made_prediction.predicted(classes=classes)
    accuracy = made_prediction.table_of(classes=classes)
    figure, numbers = draw_prediction(accuracy, tables.curves, tables.out_of_fold)
    assert len(figure.axes) == 4
    panels = {"predictions", "accuracy", "learning", "calibration"} | (
        {"roc"} if classes else set()
    )
    assert set(numbers["panel"]) == panels
    labels = [axes.get_xlabel() for axes in figure.axes]
    assert labels[0] == ("1 − specificity" if classes else "predicted change, left out")
    learned = numbers[(numbers["panel"] == "learning") & (numbers["predictors"] == "both")]
    line = next(one for one in figure.axes[2].lines if one.get_marker() == "D")
    assert list(line.get_ydata()) == pytest.approx(learned["y"].tolist())


def test_a_figure_of_nothing_says_why():
    empty = (
        made_prediction.table_of()
        .iloc[:1]
        .assign(reason="8 participants", p_permutation=float("nan"), p_difference=float("nan"))
    )
    tables = made_prediction.predicted()
    figure, _ = draw_prediction(empty, tables.curves.iloc[:0], tables.out_of_fold.iloc[:0])
    assert "8 participants" in figure.texts[0].get_text()
