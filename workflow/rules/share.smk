# What may leave the lab: report and tables without participants, and the list of what was removed.

from ketfc.reporting.share.allowed import allowed

_every_table = [
    path.removeprefix(f"{PREFIX}results/")
    for path in map(str, [*_results, *rules.inventory.output])
    # the checklist of the bundle is of no result
    if path.endswith(".tsv") and path != rules.cobidas.output.table
]


rule share:
    """Write the report and tables without participants."""
    input:
        # a study without a single result ends here, in words
        summary=rules.summary.output[0],
        facts=rules.methods.output.facts,
        design=rules.inventory.output.design,
        connectivity=SESSIONS.output.connectivity,
        scores=rules.inventory.output.scores,
        registry=WORK.registry,
        hypotheses=rules.hypotheses.output.hypotheses,
        incomplete=rules.hypotheses.output.left_out,
        regions=SESSIONS.output.regions,
        runs=SESSIONS.output.quality,
        exclusions=rules.exclusions.output,
        null=of_images(rules.matched_null.output[0]),
        habenula=of_images(rules.habenula.output[0]),
        robustness=rules.robustness.output[0],
        reliability=rules.reliability.output[0],
        shrinkage=rules.hypotheses.output.shrinkage,
        specifications=rules.specifications.output.all,
        curves=rules.specifications.output.curve,
        attrition=rules.attrition.output[0],
        clinical=rules.clinical_course.output.summary,
        effects=rules.clinical_effects.output.effects,
        time_course=rules.clinical_effects.output.time_course,
        participants=rules.inventory.output.participants,
        paired="results/figures/paired.tsv",
        networks=of_matrices(rules.network_tests.output[0]),
        edges=of_matrices(rules.edges.output[0]),
        activity=_tested_activity,
        # predictions stay: their curves are of single participants
        prediction=[],
        motion=rules.motion.output[0],
        qcfc=of_images(rules.qcfc.output.summary),
        clusters=[rules.clusters.output[0]] if WORK.seeds else [],
        figures=expand("results/figures/{figure}.png", figure=FIGURES),
        maps=expand(
            "results/figures/seed-{region}_{question}.png",
            region=WORK.seeds,
            question=WORK.map_questions,
        ),
    output:
        report="results/share/report.html",
        methods="results/share/methods.md",
        references="results/share/references.bib",
        removed="results/share/removed.tsv",
        tables=[f"results/share/{path}" for path in allowed() if path in _every_table],
        sidecars=[
            f"results/share/{path.removesuffix('.tsv')}.json"
            for path in ["removed.tsv", *allowed()]
            if path in ["removed.tsv", *_every_table]
        ],
    log:
        "logs/share.log",
    benchmark:
        "logs/benchmarks/share.tsv"
    localrule: True
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        variants=WORK.variants,
        smallest=WORK.config.statistics.smallest_cell,
        tables=_every_table,
        code=WORK.code["share"],
    script:
        "../scripts/share.py"
