"""Predict the outcome by one model from the circuits or from whole matrices before treatment."""

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.imaging.group.sessions import NUMERIC, session_fisher_z
from ketfc.imaging.regions.registry import load_registry
from ketfc.inference.prediction.sample import circuit_features, edge_features, prediction_sample
from ketfc.inference.prediction.settings import Settings
from ketfc.inference.prediction.table import prediction_tables
from ketfc.study.design.design import read_design
from ketfc.study.predicted import target_of

with running(snakemake):
    inputs, params, design = snakemake.input, snakemake.params, read_design(snakemake.input.design)
    settings = Settings.of(params, snakemake.wildcards, design)
    before = target_of(settings.about, design).before
    if settings.matrix:
        files = dict(
            zip(params.names, zip(inputs.relmats, inputs.sidecars, strict=True), strict=True)
        )
        features = edge_features(session_fisher_z(read_tsv(inputs.runs), files), role=before)
    else:
        table = read_tsv(inputs.connectivity, numeric=NUMERIC)
        circuits = load_registry(inputs.registry).circuits.values()
        features = circuit_features(table, circuits, strategy=params.strategy, role=before)
    tables = [read_tsv(path) for path in (inputs.course, inputs.scores, inputs.quality)]
    found = prediction_tables(prediction_sample(features, *tables, design, settings), settings)
    for name in ("accuracy", "curves", "out_of_fold"):
        write_tsv(snakemake.output[name], getattr(found, name))
