"""Write the clinical course: changes, responses and remissions, and their summary."""

from ketfc.base.errors import RefusalError
from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.study.config.config import parse_config
from ketfc.study.design.design import read_design
from ketfc.study.scores.response import (
    clinical_rules,
    clinical_scores,
    clinical_summary,
    compared_roles,
)
from ketfc.study.summary import unusable_scores

with running(snakemake):
    if (reason := unusable_scores(read_tsv(snakemake.input.problems))) is not None:
        raise RefusalError(reason)
    config = parse_config(snakemake.params.config)
    rules = clinical_rules(config.scores)
    scores = read_tsv(snakemake.input.scores, numeric=("score", "hours"))
    participants = read_tsv(snakemake.input.participants)
    design = read_design(snakemake.input.design)
    course = clinical_scores(scores, rules, compared_roles(design))
    summary = clinical_summary(scores, course, participants, rules, design)
    write_tsv(snakemake.output.scores, course)
    write_tsv(snakemake.output.summary, summary)
    write_sidecars(snakemake.output)
