"""A lab's own regions: a copy of circuits.yaml, some lines more, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from made_study import (
    REPO,
    SPACE,
    Study,
    brain,
    labels,
    people,
    save,
    write_blocks,
    write_participants,
    write_run,
)

from ketfc.base.files import read_tsv

MAKE = Callable[..., Study]

REGIONS = """
  myBlock:
    name: a block of the study's own parcellation
    hemisphere: left
    labels: {atlas: Blocks, names: [LH_Block_2]}
    source: {text: "here", verified: true}
  myMap:
    name: a map of the lab's own
    hemisphere: right
    map: {image: maps/mine.nii.gz, space: MNI152NLin2009cAsym}
    source: {text: "here", verified: true}
  myBoth:
    name: both
    hemisphere: midline
    union: [myMap, PCC]
    source: {text: "here", verified: true}
"""
CIRCUIT = """
  mine:
    name: my circuit
    within: [myBlock, myMap, sgACC]
    hypothesis: it changes
    source: {text: "here", verified: true}
  more:
    name: another
    edge: [myBoth, lLP]
    preregistered: {direction: "+", registration: "https://osf.io/abcde"}
    hypothesis: it rises
    source: {text: "here", verified: true}
"""


def add_regions(study: Study, *, name: str = "mine.yaml", regions: str = REGIONS) -> None:
    """Copy the bundled registry, add regions and circuits, and name it in the config."""
    text = (REPO / "atlases/circuits.yaml").read_text(encoding="utf-8")
    text = text.replace("\ncircuits:\n", f"{regions}\ncircuits:\n") + CIRCUIT
    (study.folder / name).write_text(text, encoding="utf-8")
    blocks = {"name": "Blocks", "image": "blocks.nii.gz", "labels": "blocks.tsv", "space": SPACE}
    study.configure(
        circuits={"registry": name, "parcellation": blocks},
        denoising={"strategies": ["24P"], "primary": "24P"},
    )


def test_regions_added_in_yaml_alone_are_measured(tmp_path: Path) -> None:
    study = Study(tmp_path)
    for participant in labels(people(1)):
        for session in ("pre", "post"):
            write_run(study, participant, session)
    write_participants(study, people(1))
    write_blocks(study)
    shape = np.zeros(brain().shape, dtype=np.float32)
    shape[10:13, 8:11, 8:11] = 0.3
    shape[11, 9, 9] = 0.9
    save(study.folder / "maps/mine.nii.gz", shape)
    add_regions(study)
    done = study.run("results/connectivity.tsv", "results/explain.html")
    assert done.code == 0, done.text
    table = read_tsv(study.results / "connectivity.tsv", numeric=("z",))
    mine = table[(table["circuit"] == "mine") & (table["measure"] == "edge")]
    assert len(mine) == 3 * 4
    assert mine["z"].notna().all()
    assert table.loc[table["circuit"] == "more", "z"].notna().all()
    assert "sgacc-rlpfc.sgACC-Fox2012" in set(table["circuit"])
    regions = read_tsv(study.results / "regions.tsv", numeric=("x", "n_voxels_median"))
    regions = regions.set_index("region")
    assert regions.loc["myBlock", "definition"] == "LH_Block_2 of Blocks"
    assert regions.loc["myMap", "n_voxels_median"] == 27
    assert regions.loc["myMap", "x"] == 30  # 11 voxels of 10 mm from -80
    page = (study.results / "explain.html").read_text(encoding="utf-8")
    for said in ("my circuit", "LH_Block_2 of Blocks", "probability map", "https://osf.io/abcde"):
        assert said in page
    # a lab's map is part of what a run depends on
    save(study.folder / "maps/mine.nii.gz", shape / 2)
    assert study.run("-n", "results/connectivity.tsv").jobs["extract_run"] == 4


def test_wrong_regions_stop_the_plan_with_file_key_and_reason(empty: MAKE) -> None:
    study = empty()
    save(study.folder / "maps/mine.nii.gz", brain().astype(np.float32))
    wrong = (
        REGIONS.replace("LH_Block_2", "LH_Blok_2")
        + """
  far:
    name: far away
    hemisphere: left
    spheres: [{space: MNI152, centre: [-70, -100, 70], radius: 4}]
    source: {text: "here", verified: true}
"""
    )
    add_regions(study, regions=wrong)
    done = study.run("plan", cores=1)
    assert done.code != 0
    for said in (
        "mine.yaml: regions.myBlock.labels = LH_Blok_2: is not a label of Blocks; did you mean "
        "'LH_Block_2'",
        "mine.yaml: regions.far.spheres = (-70, -100, 70) r 4: lies outside the brain",
    ):
        assert said in done.text, done.text
    # what the file itself tells is told first, at once too
    add_regions(study, regions=REGIONS.replace("    source:", "    sauce:", 1) + "  x: {}\n")
    done = study.run("plan", cores=1)
    assert done.code != 0
    for said in (
        "mine.yaml: regions.myBlock.source: is missing",
        "mine.yaml: regions.myBlock.sauce",
        "mine.yaml: regions.x = {}: must be a mapping",
    ):
        assert said in done.text, done.text
