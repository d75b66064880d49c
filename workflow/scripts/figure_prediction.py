"""Draw the predictions beside the clinical model, with their calibration and learning curves."""

from pathlib import Path

from ketfc.base.files import read_tsv
from ketfc.base.job import running
from ketfc.inference.prediction.table import (
    OUT_OF_FOLD_NUMBERS,
    PREDICTION_CURVE_NUMBERS,
    PREDICTION_NUMBERS,
)
from ketfc.reporting.figures.prediction.panels import draw_prediction
from ketfc.reporting.figures.style import printed, save_figure

with running(snakemake), printed(snakemake.params.printed):
    inputs = snakemake.input
    figure, numbers = draw_prediction(
        read_tsv(inputs.accuracy, numeric=PREDICTION_NUMBERS),
        read_tsv(inputs.curves, numeric=PREDICTION_CURVE_NUMBERS),
        read_tsv(inputs.out_of_fold, numeric=OUT_OF_FOLD_NUMBERS),
    )
    save_figure(figure, Path(snakemake.output[0]).with_suffix(""), numbers)
