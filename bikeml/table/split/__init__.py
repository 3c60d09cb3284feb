"""
Split a table into training rows, held-out rows, and folds of the training rows.

Its modules:

    parts         split_table: the parts of a table, checked
    splitter      what a split needs of a table, and what each kind does
    kinds         one class for each kind of split, with scikit-learn's splitters
"""

from bikeml.table.split.parts import Split, find_training_rows, split_table
from bikeml.table.split.splitter import Fold

__all__ = ["Fold", "Split", "find_training_rows", "split_table"]
