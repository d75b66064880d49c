"""Write what leaves the lab, or say it in words before anything does."""

from ketfc.base.files import read_tsv, write_json, write_text
from ketfc.base.job import running
from ketfc.base.software import package_versions
from ketfc.imaging.group.sessions import NUMERIC
from ketfc.imaging.regions.registry import load_registry
from ketfc.inference.synthesis.export import HYPOTHESIS_NUMBERS, study_export
from ketfc.reporting.text.synthesis.exports import export_in_words
from ketfc.study.config.config import parse_config
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, config = snakemake.input, parse_config(snakemake.params.config)
    export = study_export(
        read_tsv(inputs.connectivity, numeric=NUMERIC),
        read_tsv(inputs.scores, numeric=("score",)),
        read_tsv(inputs.hypotheses, numeric=HYPOTHESIS_NUMBERS),
        read_design(inputs.design),
        load_registry(inputs.registry).with_variants(snakemake.params.variants).circuits.values(),
        config=config.model_dump(by_alias=True, mode="json"),
        versions=package_versions(),
        smallest_cell=config.statistics.smallest_cell,
    )
    if snakemake.params.preview:
        write_text(snakemake.output[0], export_in_words(export))
    else:
        write_json(snakemake.output[0], export)
