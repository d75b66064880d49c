"""Simulate the power curves of one question of a planned study."""

from ketfc.base.files import write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.inference.power.curves import power_table
from ketfc.inference.power.planned import planned_study
from ketfc.study.config.planning.power import Power
from ketfc.study.design.design import read_design

with running(snakemake):
    designs = [read_design(path) for path in snakemake.input.design]
    planned = planned_study(Power.model_validate(snakemake.params.power), *designs)
    write_tsv(snakemake.output[0], power_table(planned, snakemake.wildcards.question))
    write_sidecars([snakemake.output[0]])
