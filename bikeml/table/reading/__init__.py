"""From a file to cells: open it, find out how it is written, and read numbers, dates and text."""
