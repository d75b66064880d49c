"""Correlate connectivity with head motion over participants, for every strategy."""

import pandas as pd

from ketfc.base.files import read_json, read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.atlas.parcellations import parcel_centres
from ketfc.imaging.group.sessions import session_fisher_z
from ketfc.inference.motion.qcfc import qcfc
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    runs, quality = read_tsv(inputs.runs), read_tsv(inputs.quality)
    design = read_design(inputs.design)
    centres = parcel_centres(inputs.image[0], read_tsv(inputs.table[0], numeric=("index",)))
    pairs = list(zip(inputs.relmats, inputs.sidecars, strict=True))
    tables = []
    for i, strategy in enumerate(params.strategies):
        # the files are listed run by run
        files = dict(zip(params.names, pairs[i :: len(params.strategies)], strict=True))
        cleaned = {run: read_json(sidecar) for run, (_, sidecar) in files.items()}
        tdof = {
            run: about["DegreesOfFreedom"]
            for run, about in cleaned.items()
            if about["Excluded"] is None
        }
        sessions = session_fisher_z(runs, files)
        about = {"atlas": params.atlas, "strategy": strategy, "alpha": params.alpha}
        tables.append(qcfc(sessions, quality, design, centres, tdof, **about))
    for path, part in zip(snakemake.output[:2], zip(*tables, strict=True), strict=True):
        write_tsv(path, pd.concat(part, ignore_index=True))
    write_sidecars(snakemake.output)
