"""The names of ``bluesky_queueserver_api.http``: scripts written for it run with this module."""
