"""A study whose jobs share no disk: results in an S3 server, jobs on a Kubernetes made here."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_kubernetes import running
from made_store import Store, serving
from made_study import REPO, SPACE, Finished, Study, contents

for plugin in ("snakemake_storage_plugin_s3", "snakemake_executor_plugin_kubernetes"):
    pytest.importorskip(plugin, reason=f"{plugin} (the extra cloud) is not installed")

MEASURED = "results/connectivity.tsv"
BUCKET = "lab"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with serving() as store:
        monkeypatch.setenv("SNAKEMAKE_STORAGE_S3_ENDPOINT_URL", store.url)
        monkeypatch.setenv("SNAKEMAKE_STORAGE_S3_ACCESS_KEY", "a")
        monkeypatch.setenv("SNAKEMAKE_STORAGE_S3_SECRET_KEY", "b")
        store.backend.create_bucket(BUCKET, "us-east-1")
        # the plugin deletes a bucket that it has emptied
        store.put(BUCKET, "others", b"not of this study")
        yield store


def stored(study: Study, *arguments: str, image: Path = REPO / "workflow") -> Finished:
    """Run a study job by job; `image` is the folder that ketfc is in where the jobs run."""
    with (
        running(study.folder.parents[1], image, hidden=study.folder) as cluster,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("KUBECONFIG", str(study.folder.parents[1] / "kubeconfig"))
        done = study.run(
            *("--profile", str(REPO / "workflow/profiles/kubernetes")),
            *("--default-storage-prefix", f"s3://{BUCKET}/mine", "--container-image", "ketfc"),
            *("--seconds-between-status-checks", "1", "--jobs", "2", "--retries", "0"),
            *arguments,
        )
    assert not cluster.secrets
    assert {container["image"] for container in cluster.requested} <= {"ketfc"}
    assert not [each for each in cluster.requested if "pip install" in " ".join(each["args"])]
    return done


@pytest.fixture
def volume(few: Study, tmp_path: Path) -> Study:
    """The four runs on a volume that every machine has, and beside it a study that names them."""
    shutil.copytree(few.derivatives, tmp_path / "volume/fmriprep")
    return at(few, tmp_path / "folders/mine", tmp_path / "volume/fmriprep")


def at(few: Study, folder: Path, derivatives: Path | str) -> Study:
    """Return a study in a folder of its own, with its small files, and images elsewhere."""
    folder.mkdir(parents=True)
    for name in ("participants.tsv", "blocks.nii.gz", "blocks.tsv"):
        shutil.copy2(few.folder / name, folder)
    study = Study(folder)
    denoising = {"primary": "24P", "strategies": ["24P"], "min-time": 60}
    study.configure(study={"derivatives": str(derivatives)}, denoising=denoising)
    return study


def in_store(store: Store) -> dict[str, bytes]:
    """Return the files of the study that are stored, by their path in its folder."""
    keys = store.backend.buckets[BUCKET].keys
    return {
        name.removeprefix("mine/"): keys[name].value for name in keys if name.startswith("mine/")
    }


@pytest.mark.slow
def test_jobs_that_share_no_disk_give_the_bytes_of_a_local_run(
    store: Store, few: Study, volume: Study, tmp_path: Path
) -> None:
    local = at(few, tmp_path / "folders/local", tmp_path / "volume/fmriprep")
    done = local.run(MEASURED)
    assert done.code == 0, done.text
    before = contents(volume.folder)
    done = stored(volume, MEASURED)
    assert done.code == 0, done.text + done.log
    assert "Ignoring source file" not in done.text
    # what was there is there still, and not among what was stored
    after = contents(volume.folder)
    assert {name: after[name] for name in before} == before
    kept = in_store(store)
    assert not set(before) & set(kept)
    expected = contents(local.results, "*.tsv")
    assert len(expected) > 40
    found = {
        name.removeprefix("results/"): content
        for name, content in kept.items()
        if name.startswith("results/") and name.endswith(".tsv")
    }
    assert sorted(found) == sorted(expected)
    assert [name for name in expected if found[name] != expected[name]] == []
    # what was made here stays, and images were read elsewhere
    assert (volume.results / "plan/summary.txt").is_file()
    assert not list(volume.folder.glob("results/extracted/**/*.npz"))
    assert any(name.endswith("_extraction.npz") for name in kept)
    # a second call finds all of it in the store, from an empty folder too
    anew = at(few, tmp_path / "folders/anew", tmp_path / "volume/fmriprep")
    store.asked.clear()
    done = stored(anew, MEASURED, "-n")
    assert done.code == 0, done.text
    assert "Nothing to be done" in done.text
    # in one listing, not file by file
    assert not [name for _, name, _ in store.asked if "results/derivatives" in name]


def test_an_image_with_other_code_says_so_on_the_terminal(
    store: Store, volume: Study, tmp_path: Path
) -> None:
    image = tmp_path / "image"
    shutil.copytree(REPO / "workflow/ketfc", image / "ketfc", symlinks=False)
    reader = image / "ketfc/imaging/run/reading.py"
    reader.write_text(f"{reader.read_text(encoding='utf-8')}\n# edited\n", encoding="utf-8")
    run = f"sub-01/ses-pre/func/sub-01_ses-pre_task-rest_space-{SPACE}"
    extracted = f"results/extracted/{run}_extraction.npz"
    done = stored(volume, extracted, image=image)
    assert done.code != 0
    assert "the code behind extract_run was changed after this job was planned" in done.text
    assert extracted not in in_store(store)


def test_images_that_jobs_would_not_see_are_refused(
    store: Store, few: Study, tmp_path: Path
) -> None:
    study = at(few, tmp_path / "folders/mine", "fmriprep")
    shutil.copytree(few.derivatives, study.derivatives)
    done = stored(study, "plan", "-n")
    assert done.code != 0
    assert "study.derivatives: fmriprep/sub-01" in done.text
    assert "jobs on other machines do not see this folder" in done.text


def test_a_store_that_is_not_there_is_named(
    store: Store, volume: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNAKEMAKE_STORAGE_S3_ENDPOINT_URL", "http://127.0.0.1:9")
    done = stored(volume, "plan", "--storage-s3-retries", "1")
    assert done.code != 0
    assert f"The storage s3://{BUCKET}/mine/ cannot be used, and nothing was begun." in done.text
    assert "http://127.0.0.1:9" in done.text
    assert not volume.results.exists()
