"""Say what the effects on the scores are."""

from ketfc.base.files import read_tsv, write_text
from ketfc.base.job import running
from ketfc.inference.clinical.effects import NUMBERS
from ketfc.reporting.text.clinical.effects import effects_in_words
from ketfc.study.design.design import read_design

with running(snakemake):
    effects = read_tsv(snakemake.input.effects, numeric=NUMBERS)
    text = effects_in_words(effects, read_design(snakemake.input.design))
    print(text)
    write_text(snakemake.output[0], text)
