"""List everybody and everything that is not in a result, with the reason."""

import pandas as pd

from ketfc.base.files import read_json, read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.group.excluded_runs import excluded_runs
from ketfc.imaging.group.sessions import NUMERIC
from ketfc.imaging.run.extraction import COVERAGE_NUMBERS
from ketfc.inference.account.exclusions import all_exclusions, design_exclusions
from ketfc.inference.account.reconcile import with_gaps
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    quality = {
        name: read_json(path) for name, path in zip(params.names, inputs.quality, strict=True)
    }
    paths = iter(inputs.coverage)
    coverage = {
        name: {atlas: read_tsv(next(paths), numeric=COVERAGE_NUMBERS) for atlas in params.atlases}
        for name in params.names
    }
    found = excluded_runs(read_tsv(inputs.runs), quality, coverage, params.min_coverage)
    left_out, design = read_tsv(inputs.left_out), read_design(inputs.design)
    known = all_exclusions(read_tsv(inputs.problems), found, left_out)
    table = with_gaps(
        pd.concat([design_exclusions(design), known.astype(object)], ignore_index=True),
        design=design,
        runs=read_tsv(inputs.run_quality),
        connectivity=read_tsv(inputs.connectivity, numeric=NUMERIC),
        hypotheses=read_tsv(inputs.hypotheses, numeric=("n", "n_excluded")),
        left_out=left_out,
    )
    write_tsv(snakemake.output[0], table)
    write_sidecars(snakemake.output)
