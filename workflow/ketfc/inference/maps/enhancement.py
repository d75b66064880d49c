"""Threshold-free cluster enhancement of group maps, and p by the largest enhanced value.

The deviates of every voxel are enhanced exactly (no step of heights; package ``tfce``), as are
those of every arrangement of whole participants; p of a voxel is the share of arrangements whose
largest enhanced value in the whole mask is no smaller: two-sided, and corrected for all voxels of
the map.

References
----------
Smith SM, Nichols TE (2009), NeuroImage 44:83–98, doi:10.1016/j.neuroimage.2008.03.061.
Winkler AM et al. (2014), NeuroImage 92:381–397, doi:10.1016/j.neuroimage.2014.01.060.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ketfc.inference.core.permutation import Floats
from ketfc.inference.design.model import Model
from ketfc.inference.maps.arrangements import Maps, Places, arranged
from ketfc.inference.maps.tail import Tail, fit_tail

NEIGHBOURS = 26
"""Voxels that share a face, an edge or a corner are neighbours."""

EXTENT, HEIGHT = 0.5, 2.0
"""Exponents of extent and height: those that Smith and Nichols chose for volumes."""

_TIE = 1e-6
"""Share of an enhanced value by which others may be smaller and still equal it but for rounding."""


@dataclass(frozen=True, eq=False)
class MapTest:
    """Outcome of a two-sided test of every voxel; arrays have one value per tested voxel.

    Attributes
    ----------
    kept : numpy.ndarray of int
        Voxels that could be tested.
    estimate, t, df : numpy.ndarray of shape (kept,)
        As :class:`ketfc.inference.maps.arrangements.Arranged` has them.
    enhanced : numpy.ndarray of shape (kept,)
        Enhanced deviates, signed.
    p_tfce : numpy.ndarray of shape (kept,)
        p by the largest enhanced value of the map.
    p_t : numpy.ndarray of shape (kept,)
        p by the largest t of the map, each t taken for the deviate that it amounts to.
    permutations : int
        Arrangements evaluated.
    exhaustive : bool
        Whether these are all there are, the observed one included.
    fitted : numpy.ndarray of bool, shape (kept,)
        Whose `p_tfce` is from a fit to the tail, not counted.
    tail : Tail or None
        That fit.
    """

    kept: Places
    estimate: Floats
    t: Floats
    df: Floats
    enhanced: Maps
    p_tfce: Floats
    p_t: Floats
    permutations: int
    exhaustive: bool
    fitted: npt.NDArray[np.bool_]
    tail: Tail | None

    @property
    def smallest_p(self) -> float:
        """The smallest p of the map, 1 where no voxel was tested."""
        return float(self.p_tfce.min(initial=1.0))


def map_test(
    model: Model,
    mask: npt.NDArray[np.bool_],
    *,
    permutations: int,
    rng: np.random.Generator,
    fitted_tail: bool = False,
) -> MapTest:
    """Test the term of interest of a model in every voxel.

    Parameters
    ----------
    model : Model
        From :func:`ketfc.inference.design.model.model_over`, a column of connectivity per voxel of
        the mask, none missing; its sample large enough.
    mask : numpy.ndarray of shape (i, j, k)
        Where the voxels lie, in Fortran order.
    permutations : int
        Random arrangements of whole participants, or all there are when they are no more.
    rng : numpy.random.Generator
        Stream of this map: a single voxel has the p that
        :func:`ketfc.inference.design.fit.evidence_of` gives it with the same stream.
    fitted_tail : bool
        Whether small p are taken from a fit to the tail of the largest enhanced values
        (:mod:`ketfc.inference.maps.tail`) instead of counted.
    """
    found = arranged(model, permutations=permutations, rng=rng)
    places = np.flatnonzero(mask.ravel(order="F"))[found.kept]
    box = Box.around(places, mask.shape)
    enhanced = box.enhance(found.observed[np.newaxis])[0]
    largest, largest_deviate = np.zeros((2, found.arrangements))
    start = 0
    for maps in found.maps:
        rows = slice(start, start + len(maps))
        largest[rows] = np.abs(box.enhance(maps)).max(axis=1, initial=0.0)
        largest_deviate[rows] = np.abs(maps).max(axis=1, initial=0.0)
        start = rows.stop
    known = {"exhaustive": found.exhaustive}
    size, p = np.abs(enhanced), largest_p(enhanced, largest, **known)
    tail = fit_tail(largest, rng) if fitted_tail and not found.exhaustive else None
    return MapTest(
        kept=found.kept,
        estimate=found.estimate,
        t=found.t,
        df=found.df,
        enhanced=enhanced,
        p_tfce=p if tail is None else tail.p(size, p),
        p_t=largest_p(found.observed, largest_deviate, **known),
        permutations=found.arrangements,
        exhaustive=found.exhaustive,
        fitted=np.zeros(len(p), dtype=bool) if tail is None else tail.holds(size, p),
        tail=tail,
    )


def largest_p(values: Maps, largest: Floats, *, exhaustive: bool) -> Floats:
    """Return the share of arrangements whose largest value is no smaller than each value's size.

    Parameters
    ----------
    values : numpy.ndarray of shape (voxels,)
        Observed values.
    largest : numpy.ndarray of shape (arrangements,)
        Largest size in the map of each arrangement.
    exhaustive : bool
        Whether the observed arrangement is among them; else it is counted beside them.
    """
    own = 0 if exhaustive else 1
    reached = np.abs(values.astype(np.float64)) * (1 - _TIE)
    smaller = np.searchsorted(np.sort(largest), reached)
    return (len(largest) - smaller + own) / (len(largest) + own)


@dataclass(frozen=True, eq=False)
class Box:
    """The smallest box of a grid that holds some voxels.

    Attributes
    ----------
    shape : tuple of int
        Its size.
    places : numpy.ndarray of int
        Where the voxels lie in it, in Fortran order.
    """

    shape: tuple[int, ...]
    places: Places

    @classmethod
    def around(cls, places: Places, shape: tuple[int, ...]) -> Box:
        """Return the box of the voxels at some places of a grid, in Fortran order."""
        if not len(places):
            return cls((1, 1, 1), places)
        along = np.stack(np.unravel_index(places, shape, order="F"))
        low = along.min(axis=1, keepdims=True)
        size = tuple(int(n) for n in along.max(axis=1) - low[:, 0] + 1)
        return cls(size, np.ravel_multi_index(tuple(along - low), size, order="F"))

    def enhance(self, maps: Maps) -> Maps:
        """Return enhanced maps, both of shape (maps, voxels); values below zero by themselves."""
        from tfce import tfce

        whole = np.zeros((len(maps), int(np.prod(self.shape))), dtype=np.float32)
        whole[:, self.places] = maps
        volumes = whole.T.reshape((*self.shape, len(maps)), order="F")
        enhanced = tfce(volumes, connectivity=NEIGHBOURS, E=EXTENT, H=HEIGHT, two_sided=True)
        flat: Maps = enhanced.reshape((-1, len(maps)), order="F")[self.places].T
        return flat
