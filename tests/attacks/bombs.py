"""A few bytes that stand for very many: YAML, JSON, compressed tables, spreadsheets, and columns of one value."""

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from random import Random

Write = Callable[[Random], bytes]
LARGE = 150_000_000
PIECE = 10_000_000


def _laugh(rng: Random) -> bytes:
    width, levels = rng.randint(2, 20), rng.randint(20, 60)
    form = rng.choice(["[{}]", "{{<<: [{}]}}"])
    first = "a0: &a0 [x, x]" if form == "[{}]" else "a0: &a0 {x: y}"
    lines = [f"a{n}: &a{n} {form.format(', '.join([f'*a{n - 1}'] * width))}" for n in range(1, levels)]
    return "\n".join([first, *lines]).encode()


def _laugh_flat(rng: Random) -> bytes:
    return f"a: &a [{', '.join(['x'] * 1000)}]\nb: [{'*a, ' * rng.randint(1_000, 100_000)}]".encode()


def _deep_aliases(rng: Random) -> bytes:
    n = rng.randint(200, 20_000)
    return "\n".join(["a0: &a0 [x]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, n))]).encode()


def _cycle(rng: Random) -> bytes:
    return rng.choice([b"a: &a [*a]", b"&a {b: *a}", b"a: &a {<<: *a}", b"a: &a [&b [*a, *b]]", b"&a [*a, *a, *a]"])


def _deep(rng: Random) -> bytes:
    depth, pair = rng.choice([101, 900, 3_000, 100_000]), rng.choice(["[]", '{"a":', "- ", "? "])
    if pair == "[]":
        return b"[" * depth + b"]" * depth
    return (pair * depth + "1" + ("}" * depth if pair[0] == "{" else "")).encode()


def _many(rng: Random) -> bytes:
    item = rng.choice(["0", "[]", '""', '{"a": 1}'])
    return f"[{', '.join([item] * rng.choice([150_000, 900_000]))}]".encode()


def _large(rng: Random) -> bytes:
    return json.dumps({"a": rng.choice("xä ") * rng.choice([1_900_000, 30_000_000])}).encode()


def _number(rng: Random) -> bytes:
    long = rng.randint(5_000, 900_000)
    number = rng.choice(["1" + ":1" * long, "9" * long, "1" + ":1" * long + ".5", "0x" + "f" * long, "1e" + "9" * 400])
    return f"a: {number}".encode()


def _tagged(rng: Random) -> bytes:
    tags = ["!!timestamp x", "!!bool x", '!!int ""', "!!float ''", "!!set [a]", "!!python/object/apply:os.system [ls]"]
    return f"a: {rng.choice(tags)}".encode()


def _not_utf8(rng: Random) -> bytes:
    return rng.choice([b"\xff\xfe", b"a: \x80", b"a: \0", b"\xef\xbb\xbf", b'{"a": "\\ud800"}', b"", b"\n" * 100_000])


def _json_number(rng: Random) -> bytes:
    return f'{{"a": {rng.choice(["9" * 5_000, "9" * 1_500_000, "1e" + "9" * 400, "-1e999", "NaN"])}}}'.encode()


YAML: dict[str, Write] = {
    "a billion laughs": _laugh,
    "one list repeated": _laugh_flat,
    "aliases of aliases": _deep_aliases,
    "a cycle": _cycle,
    "deep": _deep,
    "many values": _many,
    "large": _large,
    "a long number": _number,
    "a tag": _tagged,
    "not UTF-8": _not_utf8,
}
JSON: dict[str, Write] = {
    "deep": _deep,
    "many values": _many,
    "large": _large,
    "a long number": _json_number,
    "not UTF-8": _not_utf8,
}


def _zeros(rng: Random) -> Iterator[bytes]:
    line = rng.choice([b"0,0\n", b"0", b"0,", b"\n", b'"0', b"a,y\n", b"\0", b" "])
    yield b"a,y\n"
    for _ in range(LARGE // PIECE):
        yield line * (PIECE // len(line))


def _gzip(rng: Random) -> bytes:
    content = io.BytesIO()
    with gzip.open(content, "wb", compresslevel=1) as file:
        file.writelines(_zeros(rng))
    return content.getvalue()


def _bz2(rng: Random) -> bytes:
    packer = bz2.BZ2Compressor()
    return b"".join([*map(packer.compress, _zeros(rng)), packer.flush()])


def _xz(rng: Random) -> bytes:
    packer = lzma.LZMACompressor(preset=0)
    return b"".join([*map(packer.compress, _zeros(rng)), packer.flush()])


def _zip(rng: Random, *names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(
        content, "w", rng.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA]), compresslevel=1
    ) as archive:
        for name in names:
            with archive.open(name, "w") as file:
                file.writelines(_zeros(rng))
    return content.getvalue()


def _lying_zip(rng: Random) -> bytes:
    """A zip file that says of its table that it is small."""
    content = bytearray(_zip(rng, "table.csv"))
    end = content.rfind(b"PK\x01\x02")
    content[end + 24 : end + 28] = (100).to_bytes(4, "little")
    return bytes(content)


def _nested(rng: Random) -> bytes:
    return gzip.compress(_gzip(rng))


def _sheet(cells: Callable[[Random], str], rng: Random, more: str = "") -> bytes:
    """An Excel file with these rows."""
    import openpyxl

    content, packed = io.BytesIO(), io.BytesIO()
    openpyxl.Workbook().save(content)
    with zipfile.ZipFile(content) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            text = old.read(name).decode()
            if name.endswith("sheet1.xml"):
                begin, _, end = text.partition("<sheetData")
                end = end.partition("/>" if end.startswith(("/>", " />")) else "</sheetData>")[2]
                text = f"{more}{begin}<sheetData>{cells(rng)}</sheetData>{end}"
            new.writestr(name, text)
    return packed.getvalue()


def _wide(rng: Random) -> str:
    return "".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(1, rng.choice([2_000, 300_000])))


def _tall(_: Random) -> str:
    return '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="A1048576"><v>1</v></c></row>'


def _beyond(rng: Random) -> str:
    row = rng.choice([10**8, 10**12])
    return f'<row r="{row}"><c r="A{row}"><v>1</v></c></row>'


def _entities(rng: Random) -> bytes:
    lines = [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)]
    more = f'<!DOCTYPE x [<!ENTITY a0 "x">{"".join(lines)}]>'
    return _sheet(lambda _: '<row r="1"><c r="A1" t="inlineStr"><is><t>&a11;</t></is></c></row>', rng, more)


TABLES: dict[str, Write] = {
    "gzip": _gzip,
    "bz2": _bz2,
    "xz": _xz,
    "zip": lambda rng: _zip(rng, "table.csv"),
    "zip of two": lambda rng: _zip(rng, "table.csv", "other.csv"),
    "zip that says it is small": _lying_zip,
    "zip that says it is Excel": lambda rng: _zip(rng, "[Content_Types].xml"),
    "gzip in gzip": _nested,
    "a sheet of wide rows": partial(_sheet, _wide),
    "a sheet of many rows": partial(_sheet, _tall),
    "a sheet beyond the last row": partial(_sheet, _beyond),
    "entities": _entities,
}


def _columns(write: Callable[..., None], rng: Random) -> bytes:
    """A Parquet or Feather file of one value in every cell."""
    import pyarrow as pa

    value = rng.choice([0.0, 1, "x" * 1_000, "x" * 100_000])
    n_rows = 100_000_000 if value in (0.0, 1) else 1_000_000
    column = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int8()), n_rows), pa.array([value]))
    content = io.BytesIO()
    write(pa.table({"a": column, "y": pa.repeat(pa.scalar(1.0), n_rows)}), content, compression="zstd")
    return content.getvalue()


def _parquet(rng: Random) -> bytes:
    from pyarrow.parquet import write_table

    return _columns(write_table, rng)


def _feather(rng: Random) -> bytes:
    from pyarrow.feather import write_feather

    return _columns(write_feather, rng)


COLUMNS: dict[str, Write] = {"Parquet": _parquet, "Feather": _feather}
