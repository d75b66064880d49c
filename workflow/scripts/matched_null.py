"""Rank every circuit's change among pairs of spheres like its edges."""

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.group.sessions import NUMERIC, session_fisher_z
from ketfc.imaging.regions.registry import load_registry
from ketfc.imaging.run.extraction import read_coverage
from ketfc.inference.null.matched_null import matched_null
from ketfc.inference.null.sphere_pairs import measured_regions, with_features
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    runs = read_tsv(inputs.runs)
    own = map(read_coverage, inputs.circuit_coverage)
    spheres = dict(zip(params.names, map(read_coverage, inputs.sphere_coverage), strict=True))
    files = zip(inputs.relmats, inputs.sidecars, strict=True)
    table = matched_null(
        read_tsv(inputs.connectivity, numeric=NUMERIC),
        read_design(inputs.design),
        load_registry(inputs.registry).circuits.values(),
        session_fisher_z(runs, dict(zip(params.names, files, strict=True))),
        regions=with_features(inputs.regions, "region", ["x", "y", "z"], own),
        spheres=with_features(inputs.spheres, "name", ["x", "y", "z", "radius"], spheres.values()),
        measured=measured_regions(runs, spheres, params.min_coverage),
        **{key: params[key] for key in ("strategy", "seed")},
    )
    write_tsv(snakemake.output[0], table)
    write_sidecars(snakemake.output)
