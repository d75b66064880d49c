"""Write the methods in words, their references, and the facts behind both."""

from ketfc.base.files import read_json, read_tsv, write_json, write_text
from ketfc.base.job import running
from ketfc.inference.edges.edgewise import EDGE_NUMBERS
from ketfc.reporting.pages.provenance import software_versions
from ketfc.reporting.text.methods import methods_text
from ketfc.reporting.text.references import references_bib
from ketfc.study.config.config import parse_config
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, strategies = snakemake.input, snakemake.params.strategies
    sidecars = {
        # the versions are told once, for all
        strategy: [
            {key: told for key, told in read_json(path).items() if key != "GeneratedBy"}
            for path in inputs.sidecars[i :: len(strategies)]
        ]
        for i, strategy in enumerate(strategies)
    }
    facts = {
        "config": parse_config(snakemake.params.config).model_dump(by_alias=True, mode="json"),
        "versions": software_versions(snakemake.params.folders),
        "sidecars": sidecars,
        "atlases": {
            name: read_json(path)
            for name, path in zip(snakemake.params.atlases, inputs.atlases, strict=True)
        },
    }
    text = methods_text(
        design=read_design(inputs.design),
        hypotheses=read_tsv(inputs.hypotheses),
        regions=read_tsv(inputs.regions),
        runs=read_tsv(inputs.runs),
        exclusions=read_tsv(inputs.exclusions[0]),
        null=read_tsv(inputs.null),
        habenula=read_tsv(inputs.habenula, numeric=("runs",)),
        robustness=read_tsv(inputs.robustness),
        edges=read_tsv(inputs.edges, numeric=EDGE_NUMBERS),
        **facts,
    )
    write_text(snakemake.output.methods, text)
    write_text(snakemake.output.references, references_bib(text))
    write_json(snakemake.output.facts, facts)
