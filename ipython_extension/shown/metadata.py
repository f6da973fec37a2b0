"""Plan metadata as text."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from bluesky_qs.error_text import safe
from bluesky_qs.words.planexpr import Item
from ipython_extension.shown.tables import shortened

#: Maximum width of a value in a reply.
_LONGEST = 40


def metadata_text(metadata: Any) -> str:
    """Metadata as you would type it after ``--md``; several dictionaries are separated by semicolons."""
    parts = metadata if isinstance(metadata, list) else [metadata]
    return "; ".join(
        " ".join(f"{name}={value!r}" for name, value in part.items()) for part in parts if isinstance(part, Mapping)
    )


def stored_metadata(items: Sequence[Item]) -> str:
    """The metadata of several items. Long values are shortened; ``…`` stands for values that differ."""
    plans = [item for item in items if item.get("item_type", "plan") == "plan"]
    each = [merged(item.get("meta")) for item in plans]
    texts = {key: {repr(one[key]) if key in one else "" for one in each} for key in dict.fromkeys(chain(*each))}
    return safe(" ".join(f"{key}={'…' if more else shortened(text, _LONGEST)}" for key, (text, *more) in texts.items()))


def merged(metadata: Any) -> dict[str, Any]:
    """Metadata as one dictionary. If there are several, earlier ones take precedence, as in the run."""
    parts = metadata if isinstance(metadata, list) else [metadata]
    return {key: value for part in reversed(parts) if isinstance(part, Mapping) for key, value in part.items()}
