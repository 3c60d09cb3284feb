"""A real browser for the tests of pages, and what judges whether a page is accessible."""
