"""``python -m docs.make``."""

from docs.make import generate

for page, text in generate().items():
    page.write_text(text, encoding="utf-8")
    print(page)
