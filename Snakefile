# ketfc: from fMRIPrep derivatives to circuits tested against suicidal ideation.
#
#   snakemake --cores 2            everything, to results/report.html
#   snakemake --cores 1 plan       who and what there is, in seconds
#   snakemake --cores 1 figures    redraw the figures from the tables
#   snakemake --cores 1 clinical   what happened to the scores; needs no images
#   snakemake --cores 1 export     what a study gives to a synthesis; export_preview shows it first
#   snakemake --cores 1 synthesis --config studies=list.yaml    several studies in one
#   snakemake --cores 2 bundle     everything behind a paper, in one archive that redraws its figures
#   snakemake --cores 2 share      report and tables without participants
#   snakemake --cores 2 power --configfile power.yaml           how many participants a study needs
#   snakemake --cores 2 quality    the quality pages of the study and of every participant

from snakemake.utils import min_version

from ketfc.base.bundled import bundled

min_version("9.15")


include: "workflow/rules/module.smk"
include: "workflow/rules/scripts.smk"


# the demo study runs as it is; a study of one's own replaces its configuration as a whole
if not workflow.config_settings.configfiles:

    configfile: str(bundled("config/config.yaml"))


if not MODULE:

    # one image for every rule, used only with --software-deployment-method apptainer: docs/cluster.md
    container: "ketfc.sif"


# several studies are another matter than one: what each exported is all that is read
if "studies" in config:

    include: "workflow/rules/synthesis.smk"


# nor is a bundle that was unpacked: its figures are drawn again from the tables in it
elif "bundle" in config:

    include: "workflow/rules/redraw.smk"


# a study that is planned is another matter too: a config of the section power alone
elif "power" in config and "study" not in config:

    include: "workflow/rules/power.smk"

else:

    include: "workflow/rules/scheduler.smk"
    include: "workflow/rules/storage.smk"
    include: "workflow/rules/common.smk"
    include: "workflow/rules/study.smk"
    include: "workflow/rules/clinical.smk"
    include: "workflow/rules/imaging.smk"
    include: "workflow/rules/maps.smk"

    if WORK.given:

        include: "workflow/rules/connectivity.smk"
    include: "workflow/rules/specifications.smk"
    include: "workflow/rules/inference.smk"
    include: "workflow/rules/prediction.smk"
    include: "workflow/rules/reporting.smk"
    include: "workflow/rules/export.smk"
    include: "workflow/rules/bundle.smk"
    include: "workflow/rules/share.smk"
    include: "workflow/rules/power.smk"

    rule all:
        """Make everything, to results/report.html."""
        default_target: FIRST
        input:
            rules.report.output,
            rules.methods.output,
            rules.figures.input,
            rules.captions.output,
            of_images(rules.quality.input),
            of_images(rules.dataset_description.output),
            rules.summary.output,

    if not MODULE:

        onsuccess:
            say(answer())
