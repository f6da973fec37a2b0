"""The options of commands that use a service's store directly."""

import os
from typing import Any

from bluesky_qs.cli.parser import Parser
from bluesky_qs.config.load import load
from bluesky_qs.config.schema import Settings

_KEYS = {"store": "operation.store", "redis_addr": "network.redis_addr", "prefix": "network.redis_name_prefix"}


def add_store_options(parser: Parser) -> None:
    """Add the options that name a store. They are those of ``start-re-manager``."""
    parser.add_argument("--store", metavar="PATH", help="File with the service's queue.  [QSERVER_STORE]")
    parser.add_argument(
        "--redis-addr", metavar="ADDRESS", help="Redis server with the service's queue.  [QSERVER_REDIS_ADDR]"
    )
    parser.add_argument("--redis-name-prefix", dest="prefix", metavar="TEXT", help="Key prefix on the Redis server.")
    parser.add_argument("--config", metavar="PATH", help="Configuration file of the service.  [QSERVER_CONFIG]")


def settings_of(options: Any) -> Settings:
    """Return the settings of the service, from these options, the environment and the configuration file.

    Raises
    ------
    ConfigError
        A setting is wrong, or the file cannot be read.
    """
    return load({key: getattr(options, name) for name, key in _KEYS.items()}, os.environ, options.config).settings
