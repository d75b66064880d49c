"""Say what the plan is; stop the workflow where the input cannot be used."""

import sys

from ketfc.files import read_json, read_tsv, write_text
from ketfc.logs import logged
from ketfc.study.plan import summary, unusable

with logged(snakemake.log[0]):
    problems = read_tsv(snakemake.input.problems)
    text = summary(
        read_tsv(snakemake.input.runs),
        read_tsv(snakemake.input.scores, numeric=("score",)),
        read_json(snakemake.input.design),
        problems,
    )
    print(text, file=sys.__stderr__)
    reason = unusable(problems)
    if reason is None:
        write_text(snakemake.output.summary, text)
if reason is not None:
    sys.exit(reason)
