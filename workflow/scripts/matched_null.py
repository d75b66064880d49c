"""Rank every circuit's change among pairs of spheres like its edges."""

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.group.sessions import NUMERIC, session_fisher_z
from ketfc.imaging.regions.registry import load_registry
from ketfc.imaging.run.extraction import COVERAGE_NUMBERS
from ketfc.inference.null.matched_null import matched_null
from ketfc.inference.null.sphere_pairs import measured_regions, region_features
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    runs = read_tsv(inputs.runs)
    own, others = (
        [read_tsv(path, numeric=COVERAGE_NUMBERS) for path in paths]
        for paths in (inputs.circuit_coverage, inputs.sphere_coverage)
    )
    regions = read_tsv(inputs.regions, numeric=("x", "y", "z")).set_index("region")
    spheres = read_tsv(inputs.spheres, numeric=("x", "y", "z", "radius")).set_index("name")
    files = zip(inputs.relmats, inputs.sidecars, strict=True)
    table = matched_null(
        read_tsv(inputs.connectivity, numeric=NUMERIC),
        read_design(inputs.design),
        load_registry(inputs.registry).circuits.values(),
        session_fisher_z(runs, dict(zip(params.names, files, strict=True))),
        regions=regions[["x", "y", "z"]].join(region_features(own)),
        spheres=spheres.join(region_features(others)),
        measured=measured_regions(
            runs, dict(zip(params.names, others, strict=True)), params.min_coverage
        ),
        strategy=params.strategy,
        seed=params.seed,
    )
    write_tsv(snakemake.output[0], table)
    write_sidecars(snakemake.output)
