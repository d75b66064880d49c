"""Say, draw and tabulate the power of a planned study."""

from pathlib import Path

from ketfc.base.files import write_text, write_tsv
from ketfc.base.job import running
from ketfc.base.software import package_versions, write_sidecars
from ketfc.inference.power.curves import needed_table, read_power
from ketfc.inference.power.planned import planned_study
from ketfc.reporting.figures.planning.power import draw_power
from ketfc.reporting.figures.style import save_figure
from ketfc.reporting.pages.power import render_power
from ketfc.reporting.text.planning.power import power_paragraph
from ketfc.reporting.text.references import references_bib
from ketfc.study.config.planning.power import Power
from ketfc.study.design.design import read_design

with running(snakemake):
    out, power = snakemake.output, Power.model_validate(snakemake.params.power)
    planned = planned_study(power, *[read_design(path) for path in snakemake.input.design])
    table = read_power(snakemake.input.simulated)
    needed = needed_table(planned, table)
    write_tsv(out.power, table)
    write_tsv(out.needed, needed)
    write_sidecars([out.power, out.needed])
    figure, numbers = draw_power(planned, table, needed)
    save_figure(figure, Path(out.figure).with_suffix(""), numbers)
    text = power_paragraph(power, planned, table, needed, package_versions())
    write_text(out.paragraph, text)
    write_text(out.references, references_bib(text))
    write_text(out.page, render_power(table, needed, figure=Path(out.figure), paragraph=text))
