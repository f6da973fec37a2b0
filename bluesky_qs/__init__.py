"""The Bluesky Queue Server."""
