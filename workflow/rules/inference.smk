# From connectivity to evidence.


# where pairs of spheres like a circuit's edges put its change
rule matched_null:
    input:
        connectivity=SESSIONS.output.connectivity,
        regions=rules.sessions.output.regions,
        runs=rules.inventory.output.runs,
        design=rules.inventory.output.design,
        registry=WORK.registry,
        spheres=rules.null_spheres.output[0],
        relmats=every_run(rules.denoise_run.output.sphere_relmat),
        sidecars=every_run(rules.denoise_run.output.sphere_sidecar),
        sphere_coverage=every_run(rules.denoise_run.output.sphere_coverage),
        circuit_coverage=every_run(f"{_stem}_atlas-Circuits_stat-coverage_bold.tsv"),
    output:
        "results/tests/matched_null.tsv",
        sidecar="results/tests/matched_null.json",
    log:
        "logs/matched_null.log",
    benchmark:
        "logs/benchmarks/matched_null.tsv"
    resources:
        mem_mb=group_memory,
        runtime=group_minutes,
    params:
        names=WORK.names,
        strategy=WORK.primary,
        min_coverage=WORK.config.circuits.min_coverage,
        seed=WORK.config.statistics.seed,
        code=WORK.code["matched_null"],
    script:
        "../scripts/matched_null.py"


# whether motion changed, and whether the circuits' changes go with its change
rule motion:
    input:
        connectivity=SESSIONS.output.connectivity,
        quality=SESSIONS.output.quality,
        design=rules.inventory.output.design,
        registry=WORK.registry,
    output:
        "results/quality/motion.tsv",
        sidecar="results/quality/motion.json",
    log:
        "logs/motion.log",
    benchmark:
        "logs/benchmarks/motion.tsv"
    resources:
        mem_mb=group_memory,
        runtime=group_minutes,
    params:
        strategies=WORK.strategies,
        seed=WORK.config.statistics.seed,
        permutations=WORK.config.statistics.permutations,
        alpha=WORK.config.statistics.alpha,
        code=WORK.code["motion"],
    script:
        "../scripts/motion.py"


# how far the edges of the first parcellation go with motion, strategy by strategy
rule qcfc:
    input:
        runs=rules.inventory.output.runs,
        quality=SESSIONS.output.quality,
        design=rules.inventory.output.design,
        relmats=every_run(
            *expand(
                f"{_relmat}.tsv",
                atlas=WORK.matrix_atlas,
                strategy=WORK.strategies,
                allow_missing=True,
            )
        ),
        sidecars=every_run(
            *expand(
                f"{_relmat}.json",
                atlas=WORK.matrix_atlas,
                strategy=WORK.strategies,
                allow_missing=True,
            )
        ),
        image=expand(rules.parcellation.output.image, atlas=WORK.matrix_atlas),
        table=expand(rules.parcellation.output.table, atlas=WORK.matrix_atlas),
    output:
        summary="results/quality/qcfc.tsv",
        curves="results/quality/qcfc_curves.tsv",
        sidecars=expand("results/quality/{table}.json", table=["qcfc", "qcfc_curves"]),
    log:
        "logs/qcfc.log",
    benchmark:
        "logs/benchmarks/qcfc.tsv"
    resources:
        mem_mb=matrix_memory,
        runtime=group_minutes,
    params:
        names=WORK.names,
        strategies=WORK.strategies,
        atlas=WORK.matrix_atlas,
        alpha=WORK.config.statistics.alpha,
        code=WORK.code["qcfc"],
    script:
        "../scripts/qcfc.py"


rule hypotheses:
    input:
        connectivity=SESSIONS.output.connectivity,
        scores=rules.inventory.output.scores,
        design=rules.inventory.output.design,
        null=of_images(rules.matched_null.output[0]),
        habenula=of_images(rules.habenula.output[0]),
        motion=rules.motion.output[0],
        curves=rules.specifications.output.curve,
        registry=WORK.registry,
    output:
        hypotheses="results/tests/hypotheses.tsv",
        left_out="results/tests/left_out.tsv",
        shrinkage="results/tests/shrinkage.tsv",
        sidecars=expand(
            "results/tests/{table}.json", table=["hypotheses", "left_out", "shrinkage"]
        ),
    log:
        "logs/hypotheses.log",
    benchmark:
        "logs/benchmarks/hypotheses.tsv"
    resources:
        mem_mb=group_memory,
        runtime=group_minutes,
    params:
        strategy=WORK.primary,
        seed=WORK.config.statistics.seed,
        permutations=WORK.config.statistics.permutations,
        alpha=WORK.config.statistics.alpha,
        variants=WORK.variants,
        code=WORK.code["hypotheses"],
    script:
        "../scripts/hypotheses.py"


# how different those who did not come back would have to be to change a conclusion
rule tipping_point:
    input:
        connectivity=SESSIONS.output.connectivity,
        scores=rules.inventory.output.scores,
        design=rules.inventory.output.design,
        registry=WORK.registry,
    output:
        "results/tests/tipping_point.tsv",
        sidecar="results/tests/tipping_point.json",
    log:
        "logs/tipping_point.log",
    benchmark:
        "logs/benchmarks/tipping_point.tsv"
    resources:
        mem_mb=group_memory,
        runtime=group_minutes,
    params:
        strategy=WORK.primary,
        seed=WORK.config.statistics.seed,
        alpha=WORK.config.statistics.alpha,
        code=WORK.code["tipping_point"],
    script:
        "../scripts/tipping_point.py"


# the primary hypotheses by other methods, and what they could have found
rule robustness:
    input:
        tipping=rules.tipping_point.output[0],
        connectivity=SESSIONS.output.connectivity,
        scores=rules.inventory.output.scores,
        design=rules.inventory.output.design,
        registry=WORK.registry,
    output:
        "results/tests/robustness.tsv",
        sidecar="results/tests/robustness.json",
    log:
        "logs/robustness.log",
    benchmark:
        "logs/benchmarks/robustness.tsv"
    resources:
        mem_mb=group_memory,
        runtime=group_minutes,
    params:
        strategy=WORK.primary,
        seed=WORK.config.statistics.seed,
        permutations=WORK.config.statistics.permutations,
        alpha=WORK.config.statistics.alpha,
        combat=WORK.config.harmonized_beside,
        margin=WORK.config.statistics.equivalence_margin,
        code=WORK.code["robustness"],
    script:
        "../scripts/robustness.py"


# how reliably the circuits were measured, from what was measured twice
rule reliability:
    input:
        connectivity=SESSIONS.output.connectivity,
        circuits=every_run(rules.denoise_run.output.circuits),
        runs=rules.inventory.output.runs,
        design=rules.inventory.output.design,
        registry=WORK.registry,
    output:
        "results/tests/reliability.tsv",
        sidecar="results/tests/reliability.json",
    log:
        "logs/reliability.log",
    benchmark:
        "logs/benchmarks/reliability.tsv"
    resources:
        mem_mb=group_memory,
        runtime=group_minutes,
    params:
        names=WORK.names,
        strategy=WORK.primary,
        alpha=WORK.config.statistics.alpha,
        supplied=WORK.config.statistics.reliability,
        code=WORK.code["reliability"],
    script:
        "../scripts/reliability.py"


# the primary results without each participant and site, in resamples and in halves
rule influence:
    input:
        connectivity=SESSIONS.output.connectivity,
        scores=rules.inventory.output.scores,
        design=rules.inventory.output.design,
        participants=rules.inventory.output.participants,
        reliability=rules.reliability.output[0],
        registry=WORK.registry,
    output:
        influence="results/tests/influence.tsv",
        stability="results/tests/stability.tsv",
        sidecars=expand("results/tests/{table}.json", table=["influence", "stability"]),
    log:
        "logs/influence.log",
    benchmark:
        "logs/benchmarks/influence.tsv"
    resources:
        mem_mb=group_memory,
        runtime=group_minutes,
    params:
        strategy=WORK.primary,
        seed=WORK.config.statistics.seed,
        permutations=WORK.config.statistics.permutations,
        alpha=WORK.config.statistics.alpha,
        order=WORK.config.statistics.enrolment,
        code=WORK.code["influence"],
    script:
        "../scripts/influence.py"


# who came back beside who did not, at baseline
rule attrition:
    input:
        connectivity=SESSIONS.output.connectivity,
        quality=SESSIONS.output.quality,
        scores=rules.inventory.output.scores,
        design=rules.inventory.output.design,
        registry=WORK.registry,
    output:
        "results/tests/attrition.tsv",
        sidecar="results/tests/attrition.json",
    log:
        "logs/attrition.log",
    benchmark:
        "logs/benchmarks/attrition.tsv"
    resources:
        mem_mb=group_memory,
        runtime=group_minutes,
    params:
        strategy=WORK.primary,
        alpha=WORK.config.statistics.alpha,
        code=WORK.code["attrition"],
    script:
        "../scripts/attrition.py"


# every edge of the first parcellation and of the circuits, in families of their own
rule edges:
    input:
        connectivity=SESSIONS.output.connectivity,
        runs=rules.inventory.output.runs,
        scores=rules.inventory.output.scores,
        design=rules.inventory.output.design,
        registry=WORK.registry,
        relmats=every_run(f"{_first_matrix}.tsv"),
        sidecars=every_run(f"{_first_matrix}.json"),
        given=WORK.given_files,
        table=_parcels,
    output:
        "results/tests/edges.tsv",
        sidecar="results/tests/edges.json",
    log:
        "logs/edges.log",
    benchmark:
        "logs/benchmarks/edges.tsv"
    resources:
        mem_mb=edge_memory,
        runtime=edge_minutes,
    params:
        names=WORK.names,
        given=_given,
        atlas=WORK.matrix_atlas,
        strategy=WORK.primary,
        seed=WORK.config.statistics.seed,
        permutations=WORK.config.statistics.permutations,
        alpha=WORK.config.statistics.alpha,
        code=WORK.code["edges"],
    script:
        "../scripts/edges.py"


# whether the three networks changed, in a family of their own
rule network_tests:
    input:
        networks=rules.networks.output[0],
        quality=SESSIONS.output.quality,
        scores=rules.inventory.output.scores,
        design=rules.inventory.output.design,
    output:
        "results/tests/networks.tsv",
        sidecar="results/tests/networks.json",
    log:
        "logs/network_tests.log",
    benchmark:
        "logs/benchmarks/network_tests.tsv"
    resources:
        mem_mb=group_memory,
        runtime=group_minutes,
    params:
        strategy=WORK.primary,
        seed=WORK.config.statistics.seed,
        permutations=WORK.config.statistics.permutations,
        alpha=WORK.config.statistics.alpha,
        code=WORK.code["network_tests"],
    script:
        "../scripts/network_tests.py"


rule mean_relmat:
    input:
        runs=rules.inventory.output.runs,
        design=rules.inventory.output.design,
        relmats=every_run(f"{_first_matrix}.tsv"),
        sidecars=every_run(f"{_first_matrix}.json"),
        given=WORK.given_files,
        table=_parcels,
    output:
        "results/tests/mean_relmat.tsv",
        sidecar="results/tests/mean_relmat.json",
    log:
        "logs/mean_relmat.log",
    benchmark:
        "logs/benchmarks/mean_relmat.tsv"
    resources:
        mem_mb=group_memory,
        runtime=group_minutes,
    params:
        names=WORK.names,
        given=_given,
        atlas=WORK.matrix_atlas,
        strategy=WORK.primary,
        code=WORK.code["mean_relmat"],
    script:
        "../scripts/mean_relmat.py"


rule exclusions:
    input:
        runs=rules.inventory.output.runs,
        problems=rules.inventory.output.problems,
        design=rules.inventory.output.design,
        run_quality=SESSIONS.output.quality,
        connectivity=SESSIONS.output.connectivity,
        hypotheses=rules.hypotheses.output.hypotheses,
        left_out=rules.hypotheses.output.left_out,
        regions=SESSIONS.output.region_quality if WORK.given else [],
        quality=every_run(rules.denoise_run.output.quality),
        activity=every_run(f"{_activity}.json") if _measured else [],
        coverage=every_run(
            *expand(
                f"{_stem}_atlas-{{atlas}}_stat-coverage_bold.tsv",
                atlas=WORK.atlases,
                allow_missing=True,
            )
        ),
    output:
        "results/quality/exclusions.tsv",
        sidecar="results/quality/exclusions.json",
    log:
        "logs/exclusions.log",
    benchmark:
        "logs/benchmarks/exclusions.tsv"
    resources:
        mem_mb=group_memory,
        runtime=group_minutes,
    params:
        names=WORK.names,
        atlases=WORK.atlases,
        min_coverage=WORK.config.circuits.min_coverage,
        code=WORK.code["exclusions"],
    script:
        "../scripts/exclusions.py"
