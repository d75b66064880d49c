"""The bundle as a Workflow Run RO-Crate: files, workflow, software, and the run that joins them.

Profiles: RO-Crate 1.1, Workflow RO-Crate 1.0, Process Run Crate and Workflow Run Crate 0.5
(Leo et al. 2024, doi 10.1371/journal.pone.0309210).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import PurePosixPath
from typing import Any

from ketfc.reporting.bundle.archive import Members, content, digest

METADATA = "ro-crate-metadata.json"
WORKFLOW = "ketfc/Snakefile"
CONFIG = "config.yaml"

_DATE = "1980-01-01"
"""A crate must have a date of publication, which only its authors know: two builds are the same."""

_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
_FORMATS = {
    ".tsv": "text/tab-separated-values",
    ".json": "application/json",
    ".yaml": "application/yaml",
    ".md": "text/markdown",
    ".txt": "text/plain",
    ".rst": "text/x-rst",
    ".bib": "application/x-bibtex",
    ".py": "text/x-python",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".pdf": "application/pdf",
    ".sha256": "text/plain",
    ".gz": "application/gzip",
}
_HOMEPAGES = {"Python": "https://www.python.org", "fMRIPrep": "https://fmriprep.org"}
# a term of the Workflow Run Crate that RO-Crate 1.1 lacks
_TERMS = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}


def crate_metadata(
    members: Members,
    *,
    study: str,
    simulated: bool,
    versions: Mapping[str, str],
    described: Mapping[str, str],
) -> bytes:
    """Return ``ro-crate-metadata.json`` of a bundle.

    Parameters
    ----------
    members : mapping
        All other members of the bundle; ``config.yaml`` and ``ketfc/Snakefile`` among them.
    study : str
        Its name.
    simulated : bool
        Whether it is the demo.
    versions : mapping of str to str
        Software and its versions, ``ketfc`` and ``snakemake`` among them.
    described : mapping of str to str
        By member, what it is; others are named alone.
    """
    from rocrate.model import ContextEntity
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version="1.1")
    crate.metadata.extra_terms.update(_TERMS)
    # the versions of the profiles that a Workflow Run Crate of this version rests on
    crate.metadata["conformsTo"] = [
        {"@id": "https://w3id.org/ro/crate/1.1"},
        {"@id": "https://w3id.org/workflowhub/workflow-ro-crate/1.0"},
    ]

    def entity(of: str, /, **properties: Any) -> Any:
        told = {key.replace("type_", "@type"): value for key, value in properties.items()}
        return crate.add(ContextEntity(crate, of, properties=told))

    for profile, (name, number) in _PROFILES.items():
        crate.root_dataset.append_to(
            "conformsTo",
            entity(profile, type_="CreativeWork", name=name, version=number),
        )
    crate.name = f"Results of the study {study}"
    crate.description = (
        "Tables, figures, methods and configuration of an analysis of circuit connectivity before "
        "and after ketamine, made by ketfc, with a script that redraws the figures. "
        + ("The study is simulated. " if simulated else "")
        + "For research use only. The date of publication stands for the one to fill in."
    )
    crate.datePublished = _DATE
    crate.license = entity(
        "#license",
        type_="CreativeWork",
        name="Licence of the data",
        description="None was chosen yet: the authors name it before they publish this bundle.",
    )
    authors = entity("#authors", type_="Organization", name=f"The authors of the study {study}")
    types = {WORKFLOW: {"@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"]}}
    crate.root_dataset["author"] = crate.publisher = authors
    files = {
        name: crate.add_file(dest_path=name, properties=types.get(name)) for name in sorted(members)
    }
    for name, file in files.items():
        file["name"] = described.get(name, name)
        file["contentSize"] = str(len(content(members[name])))
        file["sha256"] = digest(members[name])
        file["encodingFormat"] = _FORMATS.get(PurePosixPath(name).suffix, "text/plain")
    files["README.md"]["about"] = crate.root_dataset
    language = entity(
        "https://w3id.org/workflowhub/workflow-ro-crate#snakemake",
        type_="ComputerLanguage",
        name="Snakemake",
        identifier={"@id": "https://snakemake.github.io"},
        url={"@id": "https://snakemake.github.io"},
        version=versions["snakemake"],
    )
    software = [
        entity(
            home, type_="SoftwareApplication", name=name, softwareVersion=number, url={"@id": home}
        )
        for name, number in versions.items()
        if (home := _homepage(name))
    ]
    figures = [file for name, file in files.items() if name.startswith("results/figures/")]
    asked = entity(
        "#config",
        type_="FormalParameter",
        name="config",
        additionalType="File",
        valueRequired=True,
        workExample=files[CONFIG],
    )
    files[CONFIG]["exampleOfWork"] = asked
    drawn = entity(
        "#figures",
        type_="FormalParameter",
        name="figures",
        additionalType="File",
        workExample=figures,
    )
    for figure in figures:
        figure["exampleOfWork"] = drawn
    workflow = files[WORKFLOW]
    workflow["name"] = "ketfc"
    workflow["version"] = versions["ketfc"]
    workflow["programmingLanguage"] = language
    workflow["softwareRequirements"] = software
    workflow["input"], workflow["output"] = asked, drawn
    crate.mainEntity = workflow
    run = entity(
        "#run",
        type_="CreateAction",
        name=f"The analysis of the study {study}",
        description="One run of the workflow, from fMRIPrep derivatives to figures and tables.",
        instrument=workflow,
        object=files[CONFIG],
        result=[file for name, file in files.items() if name.startswith("results/")],
        agent=authors,
        actionStatus="http://schema.org/CompletedActionStatus",
    )
    crate.root_dataset["mentions"] = run
    graph = crate.metadata.generate()
    return (json.dumps(graph, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _homepage(name: str) -> str | None:
    """Return the address of a software: of a package what it says itself; None if none is known."""
    if name in _HOMEPAGES:
        return _HOMEPAGES[name]
    try:
        about = metadata(name)
    except PackageNotFoundError:
        return None
    labelled = [text.split(", ", 1) for text in about.get_all("Project-URL") or []]
    found: dict[str, str] = {label.lower(): url for label, url in labelled}
    for label in ("homepage", "home", "repository", "source", "source code", "documentation"):
        if label in found:
            return found[label]
    return None
