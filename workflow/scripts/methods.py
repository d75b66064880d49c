"""Write the methods in words, their references, and the facts behind both."""

from ketfc.base.files import read_tsv, write_json, write_text
from ketfc.base.job import running
from ketfc.reporting.pages.provenance import study_facts
from ketfc.reporting.results import result_tables
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
    of_plan = {name: read_tsv(inputs[name]) for name in ("participants", "native")}
    design, tables = read_design(inputs.design), result_tables(inputs)
    text = methods_text(design=design, **tables, **of_plan, **facts)
    write_text(snakemake.output.methods, text)
    write_text(snakemake.output.references, references_bib(text))
    write_json(snakemake.output.facts, facts)
