# The paper bundle: everything behind a paper in one archive, with a script that redraws the figures.

from ketfc import __version__


# what the run knows of the items that a paper is asked for
rule cobidas:
    input:
        facts=rules.methods.output.facts,
        design=rules.inventory.output.design,
        native=rules.inventory.output.native,
        hypotheses=rules.hypotheses.output.hypotheses,
        robustness=rules.robustness.output[0],
        runs=SESSIONS.output.quality,
        exclusions=rules.exclusions.output[0],
        regions=SESSIONS.output.regions,
    output:
        text="results/cobidas.md",
        table="results/cobidas.tsv",
        sidecar="results/cobidas.json",
    log:
        "logs/cobidas.log",
    benchmark:
        "logs/benchmarks/cobidas.tsv"
    localrule: True
    resources:
        mem_mb=500,
        runtime=5,
    params:
        maps=bool(WORK.seeds),
        code=WORK.code["cobidas"],
    script:
        "../scripts/cobidas.py"


# titles and captions: for a paper, and each for Snakemake's own report (workflow/report)
rule captions:
    input:
        design=rules.inventory.output.design,
        clusters=[rules.clusters.output[0]] if WORK.seeds else [],
    output:
        page="results/figures/captions.md",
        figures=expand("results/figures/{figure}.rst", figure=FIGURES),
        maps=expand(
            "results/figures/seed-{region}_{question}.rst",
            region=WORK.seeds,
            question=WORK.map_questions,
        ),
    log:
        "logs/captions.log",
    benchmark:
        "logs/benchmarks/captions.tsv"
    localrule: True
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=WORK.code["captions"],
    script:
        "../scripts/captions.py"


# what a bundle holds beside the figures and what they are drawn from
_results = [
    *SESSIONS.output,
    rules.inventory.output.scores,
    rules.inventory.output.participants,
    *expand("results/plan/{table}.json", table=["scores", "participants"]),
    *rules.clinical_course.output,
    *rules.clinical_effects.output,
    *rules.hypotheses.output,
    *rules.tipping_point.output,
    *rules.robustness.output,
    *rules.reliability.output,
    *rules.influence.output,
    *rules.attrition.output,
    *rules.specifications.output,
    *rules.motion.output,
    *rules.exclusions.output,
    *of_images(
        [
            *rules.matched_null.output,
            *rules.qcfc.output,
            *rules.similarity.output,
            *rules.habenula.output,
        ]
    ),
    *of_matrices(
        [
            *rules.edges.output,
            *rules.mean_relmat.output,
            *rules.networks.output,
            *rules.network_tests.output,
        ]
    ),
    *([*rules.activity.output, *rules.activity_tests.output] if _measured else []),
    *(rules.clusters.output if WORK.seeds else []),
    *expand(
        [*_map_images.values(), f"{_group_map}.json"],
        region=WORK.seeds,
        question=WORK.map_questions,
    ),
    rules.methods.output.methods,
    rules.methods.output.references,
    *rules.cobidas.output,
    *rules.captions.output,
]
_drawn = {
    "ketfc": __version__,
    "study": WORK.config.study.name,
    "figures": {
        name: {key: path.removeprefix(PREFIX) for key, path in files.items()}
        for name, files in FIGURES.items()
    },
    "maps": {
        "of": {key: path.removeprefix(PREFIX) for key, path in _of_map.items()},
        "seeds": list(WORK.seeds),
        "questions": list(WORK.map_questions),
    },
    "printed": FIGURE_PRINTED,
}


rule bundle:
    """Pack all that is behind a paper; it redraws its figures."""
    input:
        # a study without a single result ends here, in words
        summary=rules.summary.output[0],
        results=_results,
        figures=rules.figures.input,
        drawn_from=[path for files in FIGURES.values() for path in files.values()],
        facts=rules.methods.output.facts,
        workflow=str(bundled("Snakefile")),
    output:
        "results/bundle.zip",
    log:
        "logs/bundle.log",
    benchmark:
        "logs/benchmarks/bundle.tsv"
    localrule: True
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        drawn=_drawn,
        root=PREFIX,
        code=WORK.code["bundle"],
    script:
        "../scripts/bundle.py"
