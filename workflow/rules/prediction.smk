# What becomes of suicidal ideation, predicted from connectivity before treatment, where it is asked for.

_predicted = "results/predicted/{features}_{model}"
_prediction_tables = ["prediction", "prediction_curve", "prediction_out_of_fold"]


# one job per kind of features and model, so that a cluster takes them side by side
rule predict:
    input:
        connectivity=SESSIONS.output.connectivity,
        quality=SESSIONS.output.quality,
        course=rules.clinical_course.output.scores,
        runs=rules.inventory.output.runs,
        scores=rules.inventory.output.scores,
        design=rules.inventory.output.design,
        registry=WORK.registry,
        relmats=of_whole_matrices(every_run(f"{_first_matrix}.tsv")),
        sidecars=of_whole_matrices(every_run(f"{_first_matrix}.json")),
    output:
        accuracy=f"{_predicted}_accuracy.tsv",
        curves=f"{_predicted}_curves.tsv",
        out_of_fold=f"{_predicted}_out_of_fold.tsv",
    log:
        "logs/predict/{features}_{model}.log",
    benchmark:
        "logs/benchmarks/predict/{features}_{model}.tsv"
    wildcard_constraints:
        features="circuits|matrix",
        model="ridge|elastic-net|cpm",
    resources:
        mem_mb=predict_memory,
        runtime=predict_minutes,
    params:
        names=WORK.names,
        strategy=WORK.primary,
        about=WORK.prediction,
        clinical=WORK.clinical_covariates,
        seed=WORK.config.statistics.seed,
        code=WORK.code["predict"],
    script:
        "../scripts/predict.py"


rule prediction:
    input:
        accuracy=expand(
            "results/predicted/{job}_accuracy.tsv", job=WORK.prediction_jobs
        ),
        curves=expand("results/predicted/{job}_curves.tsv", job=WORK.prediction_jobs),
        out_of_fold=expand(
            "results/predicted/{job}_out_of_fold.tsv", job=WORK.prediction_jobs
        ),
    output:
        accuracy="results/tests/prediction.tsv",
        curves="results/tests/prediction_curve.tsv",
        out_of_fold="results/tests/prediction_out_of_fold.tsv",
        sidecars=expand("results/tests/{table}.json", table=_prediction_tables),
    log:
        "logs/prediction.log",
    benchmark:
        "logs/benchmarks/prediction.tsv"
    localrule: True
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=WORK.code["prediction"],
    script:
        "../scripts/prediction.py"
