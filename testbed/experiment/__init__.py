"""One mesh under one test: start, load, inject, record, clean."""
