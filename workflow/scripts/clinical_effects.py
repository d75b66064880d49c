"""Write the effects on the scores and their course over the sessions."""

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.inference.clinical.effects import clinical_effects
from ketfc.inference.clinical.time_course import time_course
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    scores = read_tsv(inputs.scores, numeric=("score", "hours"))
    course = read_tsv(inputs.course, numeric=("change",))
    design = read_design(inputs.design)
    about = {name: params[name] for name in ("seed", "permutations", "alpha")}
    effects = clinical_effects(scores, course, read_tsv(inputs.participants), design, **about)
    write_tsv(snakemake.output.effects, effects)
    write_tsv(snakemake.output.time_course, time_course(scores, design, alpha=params.alpha))
    write_sidecars(snakemake.output)
