"""Items that have run: their results, documents and logs."""
