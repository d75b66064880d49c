"""Pool the hypotheses of several studies; draw, tell and cite it."""

from pathlib import Path

from ketfc.base.files import write_text, write_tsv
from ketfc.base.job import running
from ketfc.base.software import package_versions, write_sidecars
from ketfc.inference.synthesis.studies import read_exports, study_effects
from ketfc.inference.synthesis.table import leave_one_out, synthesis, weights
from ketfc.reporting.figures.style import save_figure
from ketfc.reporting.figures.synthesis.forest import draw_forest
from ketfc.reporting.pages.synthesis import render_synthesis
from ketfc.reporting.text.references import references_bib
from ketfc.reporting.text.synthesis import results

with running(snakemake):
    out, alpha = snakemake.output, snakemake.params.alpha
    effects = study_effects(read_exports(snakemake.input), alpha=alpha)
    table, without = synthesis(effects, alpha=alpha), leave_one_out(effects, alpha=alpha)
    for path, rows in ((out.effects, effects), (out.synthesis, table), (out.without, without)):
        write_tsv(path, rows)
    write_sidecars([out.effects, out.synthesis, out.without])
    figure, numbers = draw_forest(table, effects, weights(effects, alpha=alpha))
    save_figure(figure, Path(out.forest).with_suffix(""), numbers)
    methods = results.synthesis_methods(table, effects, package_versions(), alpha=alpha)
    write_text(out.methods, methods)
    write_text(out.references, references_bib(methods))
    page = results.synthesis_page(table, effects, without, alpha=alpha)
    write_text(out.report, render_synthesis(page, figure=Path(out.forest), methods=methods))
    write_text(out.words, results.synthesis_in_words(table, alpha=alpha))
