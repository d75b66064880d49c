"""Write what may leave the lab, and the list of what was removed."""

from pathlib import Path

from ketfc.base.files import read_json, read_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.group.sessions import NUMERIC
from ketfc.imaging.regions.registry import load_registry
from ketfc.reporting.results import result_tables
from ketfc.reporting.share.cells import cells_of
from ketfc.reporting.share.results import BESIDE, leaving, write_leaving
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    design = read_design(inputs.design)
    connectivity = read_tsv(inputs.connectivity, numeric=NUMERIC)
    scores = read_tsv(inputs.scores, numeric=("score",))
    circuits = load_registry(inputs.registry).with_variants(params.variants).circuits.values()
    found = leaving(
        design=design,
        cells=cells_of(connectivity, scores, design, circuits, smallest=params.smallest),
        facts=read_json(inputs.facts),
        results=result_tables(inputs) | {name: read_tsv(inputs[name]) for name in BESIDE},
        every_table=params.tables,
        figures={path.stem: path for path in map(Path, inputs.figures)},
        map_pictures={path.stem: path for path in map(Path, inputs.maps)},
    )
    write_leaving(found, Path(snakemake.output.report).parent, design)
    write_sidecars(snakemake.output)
