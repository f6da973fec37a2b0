"""The items that have run, with their results, documents and logs."""
