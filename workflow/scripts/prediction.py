"""Put the predictions of all features and models into one table each."""

import pandas as pd

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.inference.prediction.table import PREDICTION_NUMBERS, corrected

with running(snakemake):
    inputs, outputs = snakemake.input, snakemake.output
    accuracy = [read_tsv(path, numeric=PREDICTION_NUMBERS) for path in inputs.accuracy]
    write_tsv(outputs.accuracy, corrected(accuracy))
    for name in ("curves", "out_of_fold"):
        write_tsv(outputs[name], pd.concat(map(read_tsv, inputs[name]), ignore_index=True))
    write_sidecars(outputs)
