"""List everybody and everything that is not in a result, with the reason."""

from ketfc.base.files import read_json, read_tsv, read_tsv_if_any, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.group.excluded_runs import excluded_runs
from ketfc.imaging.group.sessions import NUMERIC
from ketfc.imaging.run.extraction import coverage_by_run
from ketfc.inference.account.exclusions import all_exclusions, with_design
from ketfc.inference.account.reconcile import with_gaps
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    quality = dict(zip(params.names, map(read_json, inputs.quality), strict=True))
    activity = dict(zip(params.names, map(read_json, inputs.activity), strict=False))
    coverage = coverage_by_run(params.names, params.atlases, inputs.coverage)
    about = (quality, coverage, params.min_coverage, activity)
    found = excluded_runs(read_tsv(inputs.runs), *about, read_tsv_if_any(inputs.regions, ["note"]))
    left_out, design = read_tsv(inputs.left_out), read_design(inputs.design)
    table = with_gaps(
        with_design(design, all_exclusions(read_tsv(inputs.problems), found, left_out)),
        design=design,
        runs=read_tsv(inputs.run_quality),
        connectivity=read_tsv(inputs.connectivity, numeric=NUMERIC),
        hypotheses=read_tsv(inputs.hypotheses, numeric=("n", "n_excluded")),
        left_out=left_out,
    )
    write_tsv(snakemake.output[0], table)
    write_sidecars(snakemake.output)
