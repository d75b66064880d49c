"""Write the methods in words, their references, and the facts behind both."""

from ketfc.base.files import read_tsv, write_json, write_text
from ketfc.base.job import running
from ketfc.inference.activity.table import ACTIVITY_NUMBERS
from ketfc.inference.clinical.effects import NUMBERS
from ketfc.inference.maps.clusters import read_clusters
from ketfc.reporting.of_images import tables_of_images
from ketfc.reporting.pages.provenance import study_facts
from ketfc.reporting.text.methods import methods_text
from ketfc.reporting.text.references import references_bib
from ketfc.study.config.config import parse_config
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    config, n = parse_config(params.config), len(params.strategies)
    sidecars = {each: inputs.sidecars[i::n] for i, each in enumerate(params.strategies)}
    atlases = dict(zip(params.atlases, inputs.atlases, strict=True))
    facts = study_facts(config, params.folders, sidecars, atlases)
    tables = ("hypotheses", "regions", "runs", "robustness", "reliability", "shrinkage")
    tables += ("attrition", "curves")
    text = methods_text(
        design=read_design(inputs.design),
        **{name: read_tsv(inputs[name]) for name in tables},
        **tables_of_images(inputs),
        exclusions=read_tsv(inputs.exclusions[0]),
        effects=read_tsv(inputs.effects, numeric=NUMBERS),
        clusters=read_clusters(inputs.clusters),
        activity=read_tsv(inputs.activity, numeric=ACTIVITY_NUMBERS) if inputs.activity else None,
        **facts,
    )
    write_text(snakemake.output.methods, text)
    write_text(snakemake.output.references, references_bib(text))
    write_json(snakemake.output.facts, facts)
