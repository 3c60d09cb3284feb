"""How sure a figure is: intervals, comparisons and prediction intervals, of arrays alone."""
