rule figures:
    input:
        "results/connectivity.tsv",


rule methods:
    input:
        "results/quality/exclusions.tsv",
    output:
        "results/methods.md",
    shell:
        "touch {output}"


rule report:
    input:
        "results/tests/hypotheses.tsv",
        "results/tests/mean_relmat.tsv",
    output:
        "results/report.html",
    shell:
        "touch {output}"
