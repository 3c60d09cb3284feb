"""
Hold the embedded table, and the figures published for it.

The table is ``daily-bike-share.csv``: one row per day of 2011 and 2012 in Washington, D.C. LICENSE-DATA.md has its
licence and citation. The figures are from the tutorial that this project implements (R. Nagata, 2022), on ten features
and the split of conf/split/random.yaml.
"""

DAILY_SHA256 = "6352e71d36c6c5860c7e120fec48216df0f50d12bfd37e546d44ad0b9ff00730"
PUBLISHED_LINEAR = {
    "test_mse": 201972.55947035592,
    "test_rmse": 449.4135728595165,
    "test_r2": 0.6040454736919191,
}
