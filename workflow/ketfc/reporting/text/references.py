"""The literature behind what was done, for the report and as BibTeX."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ketfc.reporting.text.reference import Reference
from ketfc.reporting.text.references_tests import OF_TESTS

_NEUROIMAGE = "NeuroImage"

REFERENCES: Mapping[str, Reference] = {
    reference.key: reference
    for reference in (
        *OF_TESTS,
        Reference(
            "behzadi2007",
            "article",
            "Behzadi, Yashar and Restom, Khaled and Liau, Joy and Liu, Thomas T.",
            "A component based noise correction method (CompCor) for BOLD and perfusion based fMRI",
            2007,
            _NEUROIMAGE,
            "37",
            "1",
            "90--101",
            "10.1016/j.neuroimage.2007.04.042",
        ),
        Reference(
            "ciric2017",
            "article",
            "Ciric, Rastko and Wolf, Daniel H. and Power, Jonathan D. and Roalf, David R. and "
            "Baum, Graham L. and Ruparel, Kosha and Shinohara, Russell T. and Elliott, Mark A. and "
            "Eickhoff, Simon B. and Davatzikos, Christos and Gur, Ruben C. and Gur, Raquel E. and "
            "Bassett, Danielle S. and Satterthwaite, Theodore D.",
            "Benchmarking of participant-level confound regression strategies for the control of "
            "motion artifact in studies of functional connectivity",
            2017,
            _NEUROIMAGE,
            "154",
            "",
            "174--187",
            "10.1016/j.neuroimage.2017.03.020",
        ),
        Reference(
            "esteban2019",
            "article",
            "Esteban, Oscar and Markiewicz, Christopher J. and Blair, Ross W. and Moodie, Craig A. "
            "and Isik, A. Ilkay and Erramuzpe, Asier and Kent, James D. and Goncalves, Mathias and "
            "DuPre, Elizabeth and Snyder, Madeleine and Oya, Hiroyuki and Ghosh, Satrajit S. and "
            "Wright, Jessey and Durnez, Joke and Poldrack, Russell A. and "
            "Gorgolewski, Krzysztof J.",
            "fMRIPrep: a robust preprocessing pipeline for functional MRI",
            2019,
            "Nature Methods",
            "16",
            "1",
            "111--116",
            "10.1038/s41592-018-0235-4",
        ),
        Reference(
            "fair2020",
            "article",
            "Fair, D. A. and Miranda-Dominguez, O. and Snyder, A. Z. and Perrone, A. and "
            "Earl, E. A. and Van, A. N. and Koller, J. M. and Feczko, E. and Tisdall, M. D. and "
            "van der Kouwe, A. and Klein, R. L. and Mirro, A. E. and Hampton, J. M. and "
            "Adeyemo, B. and Laumann, T. O. and Gratton, C. and Greene, D. J. and "
            "Schlaggar, B. L. and Hagler, D. J. and Watts, R. and Garavan, H. and Barch, D. M. and "
            "Nigg, J. T. and Petersen, S. E. and Dale, A. M. and Feldstein-Ewing, S. W. and "
            "Nagel, B. J. and Dosenbach, N. U. F.",
            "Correction of respiratory artifacts in MRI head motion estimates",
            2020,
            _NEUROIMAGE,
            "208",
            "",
            "116400",
            "10.1016/j.neuroimage.2019.116400",
        ),
        Reference(
            "freeman1989",
            "article",
            "Freeman, Peter R.",
            "The performance of the two-stage analysis of two-treatment, two-period crossover "
            "trials",
            1989,
            "Statistics in Medicine",
            "8",
            "12",
            "1421--1432",
            "10.1002/sim.4780081202",
        ),
        Reference(
            "freedman1983",
            "article",
            "Freedman, David and Lane, David",
            "A nonstochastic interpretation of reported significance levels",
            1983,
            "Journal of Business & Economic Statistics",
            "1",
            "4",
            "292--298",
            "10.2307/1391660",
        ),
        Reference(
            "friston1996",
            "article",
            "Friston, Karl J. and Williams, Steven and Howard, Robert and "
            "Frackowiak, Richard S. J. and Turner, Robert",
            "Movement-related effects in fMRI time-series",
            1996,
            "Magnetic Resonance in Medicine",
            "35",
            "3",
            "346--355",
            "10.1002/mrm.1910350312",
        ),
        Reference(
            "gratton2020",
            "article",
            "Gratton, C. and Dworetsky, A. and Coalson, R. S. and Adeyemo, B. and "
            "Laumann, T. O. and Wig, G. S. and Kong, T. S. and Gratton, G. and Fabiani, M. and "
            "Barch, D. M. and Tranel, D. and Miranda-Dominguez, O. and Fair, D. A. and "
            "Dosenbach, N. U. F. and Snyder, A. Z. and Perlmutter, J. S. and Petersen, S. E. and "
            "Campbell, M. C.",
            "Removal of high frequency contamination from motion estimates in single-band fMRI "
            "saves data without biasing functional connectivity",
            2020,
            _NEUROIMAGE,
            "217",
            "",
            "116866",
            "10.1016/j.neuroimage.2020.116866",
        ),
        Reference(
            "hedges1981",
            "article",
            "Hedges, Larry V.",
            "Distribution theory for Glass's estimator of effect size and related estimators",
            1981,
            "Journal of Educational Statistics",
            "6",
            "2",
            "107--128",
            "10.3102/10769986006002107",
        ),
        Reference(
            "hills1979",
            "article",
            "Hills, Michael and Armitage, Peter",
            "The two-period cross-over clinical trial",
            1979,
            "British Journal of Clinical Pharmacology",
            "8",
            "1",
            "7--20",
            "10.1111/j.1365-2125.1979.tb05903.x",
        ),
        Reference(
            "holm1979",
            "article",
            "Holm, Sture",
            "A simple sequentially rejective multiple test procedure",
            1979,
            "Scandinavian Journal of Statistics",
            "6",
            "2",
            "65--70",
        ),
        Reference(
            "mackinnon1985",
            "article",
            "MacKinnon, James G. and White, Halbert",
            "Some heteroskedasticity-consistent covariance matrix estimators with improved finite "
            "sample properties",
            1985,
            "Journal of Econometrics",
            "29",
            "3",
            "305--325",
            "10.1016/0304-4076(85)90158-7",
        ),
        Reference(
            "molder2021",
            "article",
            "Mölder, Felix and Jablonski, Kim Philipp and Letcher, Brice and Hall, Michael B. and "
            "Tomkins-Tinch, Christopher H. and Sochat, Vanessa and Forster, Jan and Lee, Soohyun "
            "and Twardziok, Sven O. and Kanitz, Alexander and Wilm, Andreas and "
            "Holtgrewe, Manuel and Rahmann, Sven and Nahnsen, Sven and Köster, Johannes",
            "Sustainable data analysis with Snakemake",
            2021,
            "F1000Research",
            "10",
            "",
            "33",
            "10.12688/f1000research.29032.2",
        ),
        Reference(
            "morris2008",
            "article",
            "Morris, Scott B.",
            "Estimating effect sizes from pretest-posttest-control group designs",
            2008,
            "Organizational Research Methods",
            "11",
            "2",
            "364--386",
            "10.1177/1094428106291059",
        ),
        Reference(
            "nilearn",
            "software",
            "{Nilearn contributors}",
            "nilearn",
            2023,
            "Zenodo",
            doi="10.5281/zenodo.8397156",
        ),
        Reference(
            "power2012",
            "article",
            "Power, Jonathan D. and Barnes, Kelly A. and Snyder, Abraham Z. and "
            "Schlaggar, Bradley L. and Petersen, Steven E.",
            "Spurious but systematic correlations in functional connectivity MRI networks arise "
            "from subject motion",
            2012,
            _NEUROIMAGE,
            "59",
            "3",
            "2142--2154",
            "10.1016/j.neuroimage.2011.10.018",
        ),
        Reference(
            "power2014",
            "article",
            "Power, Jonathan D. and Mitra, Anish and Laumann, Timothy O. and Snyder, Abraham Z. "
            "and Schlaggar, Bradley L. and Petersen, Steven E.",
            "Methods to detect, characterize, and remove motion artifact in resting state fMRI",
            2014,
            _NEUROIMAGE,
            "84",
            "",
            "320--341",
            "10.1016/j.neuroimage.2013.08.048",
        ),
        Reference(
            "pruim2015",
            "article",
            "Pruim, Raimon H. R. and Mennes, Maarten and van Rooij, Daan and Llera, Alberto and "
            "Buitelaar, Jan K. and Beckmann, Christian F.",
            "ICA-AROMA: A robust ICA-based strategy for removing motion artifacts from fMRI data",
            2015,
            _NEUROIMAGE,
            "112",
            "",
            "267--277",
            "10.1016/j.neuroimage.2015.02.064",
        ),
        Reference(
            "satterthwaite2013",
            "article",
            "Satterthwaite, Theodore D. and Elliott, Mark A. and Gerraty, Raphael T. and "
            "Ruparel, Kosha and Loughead, James and Calkins, Monica E. and Eickhoff, Simon B. and "
            "Hakonarson, Hakon and Gur, Ruben C. and Gur, Raquel E. and Wolf, Daniel H.",
            "An improved framework for confound regression and filtering for control of motion "
            "artifact in the preprocessing of resting-state functional connectivity data",
            2013,
            _NEUROIMAGE,
            "64",
            "",
            "240--256",
            "10.1016/j.neuroimage.2012.08.052",
        ),
        Reference(
            "schaefer2018",
            "article",
            "Schaefer, Alexander and Kong, Ru and Gordon, Evan M. and Laumann, Timothy O. and "
            "Zuo, Xi-Nian and Holmes, Avram J. and Eickhoff, Simon B. and Yeo, B. T. Thomas",
            "Local-global parcellation of the human cerebral cortex from intrinsic functional "
            "connectivity MRI",
            2018,
            "Cerebral Cortex",
            "28",
            "9",
            "3095--3114",
            "10.1093/cercor/bhx179",
        ),
        Reference(
            "seitzman2020",
            "article",
            "Seitzman, Benjamin A. and Gratton, Caterina and Marek, Scott and Raut, Ryan V. and "
            "Dosenbach, Nico U. F. and Schlaggar, Bradley L. and Petersen, Steven E. and "
            "Greene, Deanna J.",
            "A set of functionally-defined brain regions with improved representation of the "
            "subcortex and cerebellum",
            2020,
            _NEUROIMAGE,
            "206",
            "",
            "116290",
            "10.1016/j.neuroimage.2019.116290",
        ),
        Reference(
            "vickers2001",
            "article",
            "Vickers, Andrew J. and Altman, Douglas G.",
            "Analysing controlled trials with baseline and follow up measurements",
            2001,
            "BMJ",
            "323",
            "7321",
            "1123--1124",
            "10.1136/bmj.323.7321.1123",
        ),
        Reference(
            "winkler2014",
            "article",
            "Winkler, Anderson M. and Ridgway, Gerard R. and Webster, Matthew A. and "
            "Smith, Stephen M. and Nichols, Thomas E.",
            "Permutation inference for the general linear model",
            2014,
            _NEUROIMAGE,
            "92",
            "",
            "381--397",
            "10.1016/j.neuroimage.2014.01.060",
        ),
    )
}
"""Every work that the methods text may cite; each was looked up by its DOI, save hills1979,
freeman1989 and those of :mod:`ketfc.reporting.text.references_tests`, whose volumes, pages and DOIs
are
unverified."""


def cited(text: str) -> list[Reference]:
    """Return the references that a text cites as ``[@key]`` or ``[@key; @key]``, by key.

    Raises
    ------
    KeyError
        If the text cites a work that is not in `REFERENCES`.
    """
    keys = re.findall(r"@(\w+)", " ".join(re.findall(r"\[(@[^\]]*)\]", text)))
    return [REFERENCES[key] for key in sorted(set(keys))]


def references_bib(text: str) -> str:
    """Return ``references.bib``: the entries that a methods text cites."""
    return "\n".join(reference.bibtex() for reference in cited(text))
