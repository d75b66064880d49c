"""Put a seed's connectivity with every voxel to a test of the design."""

from pathlib import Path

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.io.reader import read_volume
from ketfc.inference.maps.clusters import Parcels, map_clusters
from ketfc.inference.maps.files import write_group_map
from ketfc.inference.maps.questions import group_map
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    files = zip(inputs.maps, inputs.sidecars, strict=True)
    found = group_map(
        dict(zip(params.names, files, strict=True)),
        read_tsv(inputs.runs),
        read_tsv(inputs.scores, numeric=("score",)),
        read_design(inputs.design),
        **{key: snakemake.wildcards[key] for key in ("region", "question")},
        **{key: params[key] for key in ("strategy", "seed", "permutations", "fitted_tail")},
    )
    parcels = Parcels(*read_volume(inputs.image[0]), read_tsv(inputs.table[0], numeric=("index",)))
    write_group_map(Path(snakemake.output.sidecar).with_suffix(""), found, alpha=params.alpha)
    write_tsv(snakemake.output.clusters, map_clusters(found, parcels, alpha=params.alpha))
    write_sidecars([snakemake.output.clusters])
