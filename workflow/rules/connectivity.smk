# In place of images: connectivity that was computed elsewhere.


rule given_connectivity:
    input:
        runs=rules.inventory.output.runs,
        plan=rules.plan.output.summary,
        registry=WORK.registry,
        tables=WORK.given_files,
    output:
        connectivity="results/connectivity.tsv",
        quality="results/quality/runs.tsv",
        regions="results/regions.tsv",
        region_quality="results/quality/regions.tsv",
        parcels="results/parcels.tsv",
        sidecars=expand(
            "results/{table}.json",
            table=[
                *("connectivity", "regions", "parcels"),
                *("quality/runs", "quality/regions"),
            ],
        ),
    log:
        "logs/given_connectivity.log",
    benchmark:
        "logs/benchmarks/given_connectivity.tsv"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        config=DECIDING,
        code=WORK.code["given_connectivity"],
    script:
        "../scripts/given_connectivity.py"


ruleorder: given_connectivity > sessions


SESSIONS = rules.given_connectivity
