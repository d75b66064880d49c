"""Error of measurement in connectivity, and what it leaves of an effect.

Connectivity of a participant is a true value of variance 1 between participants, and the error of
a session, the same in all sessions and of nothing else. An approximation: head motion differs
between people, and drugs may change it.
"""

from __future__ import annotations

from dataclasses import dataclass


def spearman_brown(reliability: float, times: float) -> float:
    """Return the reliability of a measurement so many times as long.

    Parameters
    ----------
    reliability : float
        Of the measurement as it was, above 0 and at most 1.
    times : float
        Ratio of the lengths, above 0.

    Returns
    -------
    float
        Of parts that are equally reliable and whose errors are independent. Minutes of a scan that
        follow one another are not quite, so that a longer session gains less than this.

    References
    ----------
    Spearman C (1910), Br J Psychol 3:271–295, doi:10.1111/j.2044-8295.1910.tb00206.x.
    Brown W (1910), Br J Psychol 3:296–322, doi:10.1111/j.2044-8295.1910.tb00207.x.
    """
    return times * reliability / (1 + (times - 1) * reliability)


@dataclass(frozen=True)
class Measurement:
    """Two sessions of connectivity.

    Attributes
    ----------
    reliability : float
        Share of the variance between participants at one session that is no error.
    stability : float
        Correlation of the true values at both sessions, below 1.
    """

    reliability: float
    stability: float

    @property
    def error_sd(self) -> float:
        """Standard deviation of the error of a session, in those of true values."""
        return float((1 / self.reliability - 1) ** 0.5)

    @property
    def retest(self) -> float:
        """Correlation of both sessions as they are measured."""
        return self.stability * self.reliability

    @property
    def true_change_sd(self) -> float:
        """Standard deviation of the true change, in those of true values."""
        return float((2 * (1 - self.stability)) ** 0.5)

    @property
    def change_sd(self) -> float:
        """Standard deviation of the measured change, in those of true values."""
        return float((2 * (1 - self.retest) / self.reliability) ** 0.5)

    @property
    def change_reliability(self) -> float:
        """Reliability of the change: (reliability − retest) / (1 − retest).

        References
        ----------
        Rogosa DR, Willett JB (1983), J Educ Meas 20:335–343,
        doi:10.1111/j.1745-3984.1983.tb00211.x.
        """
        return (self.reliability - self.retest) / (1 - self.retest)

    def measured_r(self, r: float) -> float:
        """Return what error leaves of a correlation with the true change.

        References
        ----------
        Spearman C (1904), Am J Psychol 15:72–101, doi:10.2307/1412159.
        """
        return float(r * self.change_reliability**0.5)
