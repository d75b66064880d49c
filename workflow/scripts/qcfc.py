"""Correlate connectivity with head motion over participants, for every strategy."""

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.atlas.parcellations import parcel_centres
from ketfc.inference.motion.qcfc import qcfc_of_strategies
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    pairs, n = list(zip(inputs.relmats, inputs.sidecars, strict=True)), len(params.strategies)
    summary, curves = qcfc_of_strategies(
        read_tsv(inputs.runs),
        read_tsv(inputs.quality),
        read_design(inputs.design),
        parcel_centres(inputs.image[0], read_tsv(inputs.table[0], numeric=("index",))),
        # the files are listed run by run
        {
            strategy: dict(zip(params.names, pairs[i::n], strict=True))
            for i, strategy in enumerate(params.strategies)
        },
        atlas=params.atlas,
        alpha=params.alpha,
    )
    write_tsv(snakemake.output.summary, summary)
    write_tsv(snakemake.output.curves, curves)
    write_sidecars(snakemake.output)
