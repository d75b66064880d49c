# Where there is a storage (--default-storage-provider), what Snakemake must know of it: what a study makes lies there,
# under the names that it has in a folder, and everything else is where the config says.

from contextlib import suppress
from dataclasses import replace
from errno import ENOENT
from functools import cache
from pathlib import Path

from snakemake.dag import DAG
from snakemake.exceptions import WorkflowError
from snakemake.path_modifier import PathModifier
from snakemake.spawn_jobs import SpawnedJobArgsFactory
from snakemake_interface_storage_plugins.storage_object import StorageObjectBase

from ketfc.imaging.run.resources import file_mb
from ketfc.workflow import is_made

STORAGE = workflow.storage_settings.default_storage_provider
STORED_UNDER = (workflow.storage_settings.default_storage_prefix or "").rstrip(
    "/"
) + "/"


def only_what_is_made(apply):
    """Return the method that puts a file into the storage, for files that the workflow makes."""

    def apply_where_made(modifier, path):
        return apply(modifier, path) if is_made(path) else path

    return apply_where_made


def stored_under_its_name(modify):
    """Return the method that says where a path leads: it takes a name that stays for a file that is not stored."""

    def modify_and_store(modifier, path, property=None):
        return modifier.apply_default_storage(modify(modifier, path, property))

    return modify_and_store


def in_this_folder(local_path):
    """Return the method that names the copy of a stored file, as a file of the study's folder.

    Scripts find their files where they are without a storage, so that no table is another one.
    """

    def named_as_made(stored):
        name = stored.query.removeprefix(STORED_UNDER)
        return Path(name) if is_made(name) else local_path(stored)

    return named_as_made


def known_by_its_name(cache_key):
    """Return the method that names a stored file in what Snakemake remembers of files: as the rules do."""
    place = STORED_UNDER.partition("://")[2]

    def key(stored, local_suffix=None):
        name = str(local_suffix or stored.local_suffix()).removeprefix(place)
        return name if is_made(name) else cache_key(stored, local_suffix)

    return key


def listed_once(inventory):
    """Return the method that looks for what is stored: all of it in one listing, not file by file, in 3 calls each."""

    async def list_all(stored, known):
        place = stored.get_inventory_parent()
        if place not in known.exists_in_storage.has_inventory:
            # what lies beside a file of the study's folder, and deeper, is all of it
            await inventory(stored.provider.object(f"{STORED_UNDER}beside"), known)
            known.exists_in_storage.has_inventory.add(place)

    return list_all


def of_names(expand):
    """Return the function that fills in a pattern, for the outputs of rules too, which know their storage."""

    def expand_names(patterns, *combinators, **wildcards):
        if isinstance(patterns, str):
            patterns = [patterns]
        return expand([str(each) for each in patterns], *combinators, **wildcards)

    return expand_names


def nothing_installed(precommand):
    """Return the method that gives what a job runs first, without pip: the image has all that is needed."""

    def precommand_alone(factory, executor_common_settings, **others):
        settings = replace(
            executor_common_settings, auto_deploy_default_storage_provider=False
        )
        return precommand(factory, settings, **others)

    return precommand_alone


def sent(dag):
    """Return the files that go to every job: Snakemake would add the rules and scripts, and ask git for more."""
    return set(SENT)


@cache
def stored_bytes(name):
    """Return the size of a stored file, which hardly changes when the file is made again."""
    stored = workflow.storage_registry.default_storage_provider.object(
        STORED_UNDER + name
    )
    if not stored.exists():
        # asked again before the job starts, as for every file that is not there yet
        raise FileNotFoundError(ENOENT, "not in the storage yet", name)
    return stored.size()


def stored_mb(file):
    """Return the size of an input in MB, in the storage if that is where it is."""
    return stored_bytes(str(file)) / 1e6 if is_made(file) else file_mb(Path(file))


def fetch_from_storage(*names):
    """Fetch what an earlier call left, and say so where there is no storage."""
    provider = workflow.storage_registry.default_storage_provider
    for name in names:
        stored = provider.object(STORED_UNDER + name)
        try:
            there = workflow.async_run(stored.managed_exists())
            # of another study, what is in this folder tells
            if there and not Path(name).exists():
                workflow.async_run(stored.managed_retrieve())
        except WorkflowError as error:
            told = str(error).strip().splitlines()[-1]
            raise WorkflowError(
                f"The storage {STORED_UNDER} cannot be used, and nothing was begun. {told}\n"
                "Is its address right, and are your credentials known? docs/cloud.md names the options."
            ) from None


def log_here(said):
    """Return the path of a job's log in this folder, where it is fetched to from the storage."""
    name = said.removeprefix(STORED_UNDER).partition(" ")[0]
    if STORAGE is not None and is_made(name):
        stored = workflow.storage_registry.default_storage_provider.object(
            STORED_UNDER + name
        )
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        # where the storage is gone, that is said elsewhere; its clients have no error in common
        with suppress(Exception):
            stored.retrieve_object()
        return name
    return said


if STORAGE is not None:
    if MODULE:
        raise WorkflowError(
            "--default-storage-provider: ketfc keeps its results in a storage only where it is no module of another "
            "workflow (docs/cloud.md)."
        )
    PathModifier.apply_default_storage = only_what_is_made(
        PathModifier.apply_default_storage
    )
    PathModifier.modify = stored_under_its_name(PathModifier.modify)
    StorageObjectBase.local_path = in_this_folder(StorageObjectBase.local_path)
    StorageObjectBase.cache_key = known_by_its_name(StorageObjectBase.cache_key)
    # This plugin lists what lies in a folder, in none it lists nothing; a job elsewhere asks for its own files alone.
    if STORAGE == "s3" and STORED_UNDER.count("/") > 3 and workflow.is_main_process:
        stored_files = (
            workflow.storage_registry.default_storage_provider.get_storage_object_cls()
        )
        stored_files.inventory = listed_once(stored_files.inventory)
    SpawnedJobArgsFactory.precommand = nothing_installed(
        SpawnedJobArgsFactory.precommand
    )
    expand = of_names(expand)
    DAG.get_sources = sent
    # what is read or made here stays, the report among it; nor must results of an earlier call vanish
    workflow.storage_registry.default_storage_provider.keep_local = True
