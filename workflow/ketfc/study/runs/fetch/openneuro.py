"""Fetch a study of OpenNeuro: list and pin its files, and get those that are needed."""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from ketfc.base.errors import Problem, StudyError
from ketfc.study.config.sources import OpenNeuro
from ketfc.study.config.study import Study
from ketfc.study.config.types import expand
from ketfc.study.runs.fetch.s3 import FIELD, Bucket
from ketfc.study.runs.index import Index, index_runs
from ketfc.study.runs.listing import (
    DERIVATIVES,
    DERIVATIVES_BUCKET,
    RAW_BUCKET,
    Listing,
    StoredObject,
    bucket_of,
    path_of,
    prefixes,
    read_listing,
    write_listing,
)

_ABOUT = "dataset_description.json"

_TABLES = (".tsv", ".json")

_WANTED = re.compile(
    r"sub-[A-Za-z0-9]+/(ses-[A-Za-z0-9]+/)?func/sub-[^/]*_("
    r"desc-preproc_bold\.(nii\.gz|json)|desc-brain_mask\.nii\.gz|"
    r"desc-confounds_(timeseries|regressors)\.(tsv|json)|desc-(hmc|coreg)_boldref\.nii\.gz)"
)
"""Of the derivatives, whatever the task and space: so the plan can tell what else there is."""

_REFERENCES = ("_desc-hmc_boldref.nii.gz", "_desc-coreg_boldref.nii.gz")

_DOI = re.compile(r"openneuro\.(ds[0-9]{6})\.v([0-9]+\.[0-9]+\.[0-9]+)", re.IGNORECASE)

_WORKERS = 8


def prepare(study: Study) -> None:
    """Fetch all files of a study but its BOLD images, unless they are here.

    At first the dataset is listed, and the listing kept: from then on it says what every object
    must be. Tables, masks, confounds and sidecars of the runs that the config asks for follow.
    When all of that is here, no network is asked.

    Parameters
    ----------
    study : Study
        That section of the configuration; without ``openneuro``, nothing is done.

    Raises
    ------
    StudyError
        If the dataset is unknown or the network is, or files do not have the listed size and
        checksum: all of them together.
    """
    openneuro = study.openneuro
    if openneuro is None:
        return
    fresh = not openneuro.listing.is_file()
    if fresh:
        _say(f"listing {openneuro.accession} …")
        listing = list_dataset(openneuro)
        write_listing(openneuro, listing)
    listing = read_listing(openneuro.listing)
    index = index_runs(study)
    here, missing = [], {}
    for path in needed(listing, index):
        if (listing.folder / path).is_file():
            here.append(path)
        else:
            missing[path] = listing.objects[path]
    images = (Path(run.bold) for run in index.runs)
    here += [path.relative_to(listing.folder).as_posix() for path in images if path.is_file()]
    _check_all(listing, here, whole=fresh)
    if missing:
        _fetch_all(listing, missing)


def list_dataset(openneuro: OpenNeuro) -> Listing:
    """List a dataset of OpenNeuro and its fMRIPrep derivatives.

    Of the dataset: the tables at its top, in ``phenotype`` and of every participant's sessions.

    Raises
    ------
    StudyError
        If there is no such dataset, it has no derivatives, or OpenNeuro cannot be reached.
    """
    accession = openneuro.accession
    begin = prefixes(accession)
    raw, derived = Bucket(RAW_BUCKET), Bucket(DERIVATIVES_BUCKET)
    found: dict[str, StoredObject] = {}

    def keep(bucket: Bucket, objects: Iterable[StoredObject], wanted: Callable[[str], Any]) -> None:
        for stored in objects:
            path = path_of(bucket.name, stored.key, accession)
            if wanted(path):
                found[path] = stored

    top, folders = raw.list(begin[RAW_BUCKET], deep=False)
    if not top and not folders:
        raise StudyError([_unknown(openneuro, RAW_BUCKET, "there is no such dataset")])
    keep(raw, top, _is_table)
    keep(raw, raw.list(begin[RAW_BUCKET] + "phenotype/")[0], _is_table)
    top, folders = derived.list(begin[DERIVATIVES_BUCKET], deep=False)
    people = [PurePosixPath(folder).name for folder in folders]
    people = sorted(name for name in people if re.fullmatch("sub-[A-Za-z0-9]+", name))
    if not people:
        message = "the dataset has no fMRIPrep derivatives among those of OpenNeuroDerivatives"
        raise StudyError([_unknown(openneuro, DERIVATIVES_BUCKET, message)])
    keep(derived, top, lambda path: path == DERIVATIVES + _ABOUT)
    with ThreadPoolExecutor(_WORKERS) as pool:
        ends = [f"{begin[DERIVATIVES_BUCKET]}{name}/" for name in people]
        for objects, _ in pool.map(derived.list, ends):
            keep(derived, objects, lambda path: _WANTED.fullmatch(path.removeprefix(DERIVATIVES)))
        ends = [f"{begin[RAW_BUCKET]}{name}/{name}_sessions." for name in people]
        for objects, _ in pool.map(raw.list, ends):
            keep(raw, objects, _is_table)
    return Listing(expand(openneuro.dataset), tuple(people), found)


def needed(listing: Listing, index: Index) -> list[str]:
    """Return the files needed beside the images, as paths below the dataset's folder."""
    wanted = {str(listing.folder / DERIVATIVES / _ABOUT)}
    for run in index.runs:
        wanted |= {path for path in (run.mask, run.confounds) if path is not None}
        wanted |= {str(Path(run.bold).with_name(run.name + end)) for end in _REFERENCES}
        wanted.add(run.sidecar)
        if run.confounds is not None:
            wanted.add(str(Path(run.confounds).with_suffix(".json")))
    return [
        path
        for path in listing.objects
        if not path.startswith(DERIVATIVES) or str(listing.folder / path) in wanted
    ]


def fetch_image(listing: Listing, path: Path) -> None:
    """Fetch one BOLD image, with its progress on the terminal.

    Parameters
    ----------
    listing : Listing
        Of its dataset.
    path : pathlib.Path
        Where it goes; nothing is fetched if it is there as it was listed.

    Raises
    ------
    StudyError
        As :meth:`ketfc.study.runs.fetch.s3.Bucket.fetch`.
    """
    stored = listing.stored(path)
    bucket = Bucket(bucket_of(path.relative_to(listing.folder).as_posix()))
    if path.is_file() and bucket.matches(stored, path):
        return
    bucket.fetch(stored, path, tell=_Progress(path.name, stored.size))


def version_problems(study: Study) -> list[Problem]:
    """Return problems of the version: errors if the files are not of the one asked for.

    The dataset's version is that of its ``DatasetDOI``; the derivatives name the one that they
    were made from in ``SourceDatasets``.
    """
    openneuro = study.openneuro
    if openneuro is None:
        return []
    folder = expand(openneuro.dataset)
    about = {"dataset": _about(folder), "derivatives": _about(folder / DERIVATIVES)}
    sources = about["derivatives"].get("SourceDatasets")
    told = {
        "dataset": _version(about["dataset"].get("DatasetDOI"), openneuro),
        "derivatives": _version(sources, openneuro),
    }
    asked = openneuro.version
    if asked is None:
        held, source = (version or "unknown" for version in told.values())
        message = (
            f"none is asked for: OpenNeuro held version {held} of the dataset when it was listed, "
            f"and its derivatives were made from version {source}"
        )
        return [Problem("note", message, field=f"{FIELD}.version")]
    problems = []
    if told["dataset"] != asked:
        message = (
            "is not the version of the dataset in OpenNeuro's store, which holds one version "
            "alone; take that one, or get this one with DataLad (docs/openneuro.md)"
        )
        allowed = told["dataset"] or "unknown"
        problems.append(_of_version("error", asked, message, allowed))
    if told["derivatives"] != asked:
        known = told["derivatives"] is not None
        message = (
            "is not the version that the derivatives were made from"
            if known
            else "cannot be compared: the derivatives do not say what they were made from"
        )
        severity = "error" if known else "note"
        problems.append(_of_version(severity, asked, message, told["derivatives"]))
    return problems


def images_summary(listing: Listing, bolds: Iterable[str], *, kept: bool) -> str:
    """Return the number and size of the images still to be fetched, as lines of the plan.

    Parameters
    ----------
    listing : Listing
        Of the dataset.
    bolds : iterable of str
        The images, as they will be named here.
    kept : bool
        Whether they stay; if so, a line says where the disk is too small for them.
    """
    sizes = {path: listing.stored(path).size for path in bolds}
    here = {path for path in sizes if Path(path).is_file()}
    total = sum(size for path, size in sizes.items() if path not in here)
    stay = "they stay" if kept else "each is deleted once it has been read"
    text = (
        f"  images on OpenNeuro: {len(sizes)} files, {_bytes(sum(sizes.values()))}; {stay}\n"
        f"  to fetch: {len(sizes) - len(here)} files, {_bytes(total)} ({len(here)} already here)\n"
    )
    free = shutil.disk_usage(listing.folder).free
    if kept and total > free:
        text += f"  only {_bytes(free)} are free for them: keep-images: false needs far less\n"
    return text


def earlier_images(runs: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return for each run the image of the same participant that is fetched before it.

    With a priority for those that have one, participants are completed, and their images deleted,
    one after the other. (Snakemake 9.15's scheduler does not do that by itself: 12 participants
    with 3 images each had up to 15 images at a time on one core, and have 3 so.)

    Parameters
    ----------
    runs : mapping
        By run: ``participant_id`` and ``bold``.
    """
    last: dict[str, str] = {}
    found = {}
    for name, run in runs.items():
        before = last.get(run["participant_id"])
        found[name] = [] if before is None else [before]
        last[run["participant_id"]] = run["bold"]
    return found


class _Progress:
    """Tells on the terminal how far a download is, every ten seconds at most."""

    def __init__(self, name: str, size: int) -> None:
        self.name, self.size, self.told = name, size, time.monotonic()

    def __call__(self, have: int) -> None:
        if time.monotonic() - self.told > 10:
            self.told = time.monotonic()
            _say(f"{self.name}: {_bytes(have)} of {_bytes(self.size)}")


def _fetch_all(listing: Listing, missing: Mapping[str, StoredObject]) -> None:
    """Fetch tables, masks and sidecars, some at a time; raise all that failed together."""
    total = sum(stored.size for stored in missing.values())
    _say(f"{len(missing)} files without images to fetch, {_bytes(total)}")
    buckets = {name: Bucket(name) for name in (RAW_BUCKET, DERIVATIVES_BUCKET)}
    problems: dict[Problem, None] = {}
    progress = _Progress("so far", total)
    have = 0

    def fetch(path: str) -> tuple[int, tuple[Problem, ...]]:
        try:
            buckets[bucket_of(path)].fetch(missing[path], listing.folder / path)
        except StudyError as error:
            return 0, error.problems
        except OSError as error:
            return 0, (Problem("error", f"cannot be written: {error}", file=path, field=FIELD),)
        return missing[path].size, ()

    with ThreadPoolExecutor(_WORKERS) as pool:
        for size, wrong in pool.map(fetch, missing):
            have += size
            progress(have)
            problems |= dict.fromkeys(wrong)
            # a network that is down is down for all of them
            if wrong and not have:
                pool.shutdown(cancel_futures=True)
                break
    if problems:
        raise StudyError(problems)


def _check_all(listing: Listing, paths: Iterable[str], *, whole: bool) -> None:
    """Compare what is here with the listing: its size, and its checksum too if the listing is new.

    Raises
    ------
    StudyError
        With everything that differs.
    """
    buckets = {name: Bucket(name) for name in (RAW_BUCKET, DERIVATIVES_BUCKET)} if whole else {}
    wrong = []
    for path in paths:
        stored, place = listing.objects[path], listing.folder / path
        same = place.stat().st_size == stored.size
        if same and whole:
            same = buckets[bucket_of(path)].matches(stored, place)
        if not same:
            wrong.append(_changed_here(place, stored))
    if wrong:
        raise StudyError(wrong)


def _changed_here(place: Path, stored: StoredObject) -> Problem:
    message = (
        f"is not what OpenNeuro was listed to hold ({stored.size} bytes, {stored.etag}); delete it "
        "to have it fetched again"
    )
    return Problem("error", message, file=str(place), field=FIELD)


def _is_table(path: str) -> bool:
    return path.endswith(_TABLES)


def _unknown(openneuro: OpenNeuro, bucket: str, message: str) -> Problem:
    place = f"s3://{bucket}/{prefixes(openneuro.accession)[bucket]}"
    return Problem("error", message, file=place, field=FIELD, value=openneuro.accession)


def _about(folder: Path) -> Mapping[str, Any]:
    try:
        content = json.loads((folder / _ABOUT).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, Mapping) else {}


def _version(told: object, openneuro: OpenNeuro) -> str | None:
    """Return the version that a DOI, or whatever holds one, gives for the dataset."""
    found = [
        version
        for accession, version in _DOI.findall(json.dumps(told))
        if accession.lower() == openneuro.accession
    ]
    return found[0] if found else None


def _of_version(severity: Any, asked: str, message: str, allowed: str | None) -> Problem:
    return Problem(
        severity, message, file="config", field=f"{FIELD}.version", value=asked, allowed=allowed
    )


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def _say(text: str) -> None:
    print(f"OpenNeuro: {text}", file=sys.__stderr__, flush=True)
