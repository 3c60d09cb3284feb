"""Least-squares lines."""

import numpy as np
from matplotlib.axes import Axes
from scipy.special import stdtrit  # the quantile of Student's t; scipy.stats takes a second to import

from bikeml.pages.style import WARM


def fit_line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return the slope and the intercept of the least-squares line of y on x, shape (n,) each; x is not constant."""
    across, unit = np.ptp(x), np.abs(y).max() or 1.0  # the square of a tiny or a huge value is no float
    place, height = (x - x.mean()) / across, y / unit
    slope = float(place @ (height - height.mean()) / (place @ place)) * unit / across
    return slope, float(y.mean() - slope * x.mean())


def draw_calibration_line(axes: Axes, x: np.ndarray, y: np.ndarray, confidence: float) -> None:
    """Draw the least-squares line of y on x with the band of its mean (Draper and Smith, 1998, chapter 1)."""
    if np.ptp(x) == 0:
        return  # a line needs two different predictions
    slope, intercept = fit_line(x, y)
    grid = np.linspace(x.min(), x.max(), 50)
    line = slope * grid + intercept
    shown = f"{round(slope, 2) + 0.0:.2f}".replace("-", "−")  # + 0.0 turns -0.0 into 0.0
    axes.plot(grid, line, color=WARM, linewidth=1.6, label=f"fitted line: calibration slope {shown}")
    if (freedom := len(x) - 2) < 1:
        return
    across, unit = np.ptp(x), np.abs(y).max() or 1.0  # the square of a tiny or a huge target is no float
    spread = unit * np.sqrt(np.sum(((y - slope * x - intercept) / unit) ** 2) / freedom)
    distances = (grid - x.mean()) / across
    error = spread * np.sqrt(1 / len(x) + distances**2 / np.sum(((x - x.mean()) / across) ** 2))
    width = stdtrit(freedom, (1 + confidence) / 2) * error
    label = f"its {100 * confidence:g} % band, if rows are independent"
    axes.fill_between(grid, line - width, line + width, color=WARM, alpha=0.16, linewidth=0, label=label)
