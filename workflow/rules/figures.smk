# Every figure from its tables, of a study (reporting.smk) or of a bundle unpacked elsewhere (redraw.smk).
# They say before what each figure is drawn from (FIGURES, MAPS), by which code (FIGURE_CODE) and how it is
# printed (FIGURE_PRINTED).

from ketfc.workflow import figure_labels, map_labels

_other_files = [".pdf", ".svg", ".tsv", ".json"]


rule figure:
    input:
        unpack(entry("{figure}", within=FIGURES)),
    output:
        report(
            "results/figures/{figure}.png",
            caption="../report/figure.rst",
            category="Figures",
            labels=figure_labels,
        ),
        multiext("results/figures/{figure}", *_other_files),
    log:
        "logs/figure/{figure}.log",
    benchmark:
        "logs/benchmarks/figure/{figure}.tsv"
    wildcard_constraints:
        figure="|".join(FIGURES),
    localrule: True
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        printed=lambda wildcards: FIGURE_PRINTED[wildcards.figure],
        code=lambda wildcards: FIGURE_CODE[f"figure_{wildcards.figure}"],
    script:
        "../scripts/figure_{wildcards.figure}.py"


rule map_figure:
    input:
        **MAPS["of"],
    output:
        report(
            "results/figures/seed-{region}_{question}.png",
            caption="../report/map.rst",
            category="Group maps",
            labels=map_labels,
        ),
        multiext("results/figures/seed-{region}_{question}", *_other_files),
    log:
        "logs/map_figure/seed-{region}_{question}.log",
    benchmark:
        "logs/benchmarks/map_figure/seed-{region}_{question}.tsv"
    wildcard_constraints:
        region="[A-Za-z0-9]+",
        question="change|association",
    localrule: True
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        printed=FIGURE_PRINTED["map"],
        code=FIGURE_CODE["map_figure"],
    script:
        "../scripts/map_figure.py"


rule figures:
    """Draw the figures from the tables."""
    input:
        expand(rules.figure.output, figure=FIGURES),
        expand(
            rules.map_figure.output,
            region=MAPS["seeds"],
            question=MAPS["questions"],
        ),
