"""Measure the page that the HTTP door serves, in a real Chromium.

    page_perf.py --bin DIR [--bin2 DIR2] [--args="..."] [--args2="..."] [--only NAME,NAME] [--out report.json]
                 [--repeats N] [--quick]

DIR holds the console scripts of an installation whose page is built (`make web`). Each group starts its own services,
as in http_perf.py, and opens their page in a new browser: `chromium` on PATH, or the one in QS_CHROMIUM. Without a
browser, nothing is measured. The last column of the table has the limits.
"""

import signal
import sys

import measure_page  # noqa: F401 - its groups register themselves
from http_perf import options
from page_browser import chromium
from perf import measure

LIMITS = {
    "page.first_content": 1000,
    "page.scripts": 200,
    "page.rows_of_10000": 120,
    "page.scroll_frame_p95": 8,
    "page.heap_ratio": 1.1,
    "page.heap_data_ratio": 1.1,
}
GROUPS = ("page", "scroll", "heap")


def main():
    o, impls, names = options(__doc__, GROUPS)
    if chromium() is None:
        print("Skipped: the page needs Chromium. Install Debian's package chromium, or set QS_CHROMIUM to a browser.")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    return measure(o, impls, names, LIMITS)


if __name__ == "__main__":
    sys.exit(main())
