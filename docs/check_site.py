"""Check the built site: internal links and anchors must exist, and nothing may be loaded from another host."""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

#: Tags whose address the browser loads automatically; the target of `a` is loaded only when somebody follows the link.
_LOADING = frozenset({"link", "script", "img", "iframe", "source", "video", "audio", "embed", "object"})
_IN_CSS = re.compile(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')\s]+)")


class Page(HTMLParser):
    """The ids on a page, and the addresses in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids = {"", "top"}
        self.links: list[str] = []
        self.loaded: list[str] = []
        text = path.read_text()
        self.feed(text)
        self.loaded += _IN_CSS.findall(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record the ids and addresses of a tag."""
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.ids.add(value)
            elif name in ("href", "src", "data") and value and not value.startswith(("data:", "mailto:")):
                self.links.append(value)
                if tag in _LOADING:
                    self.loaded.append(value)


def faults(site: Path) -> list[str]:
    """The errors of a site, one line each."""
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    found: list[str] = []
    for path, page in pages.items():
        here = path.relative_to(site)
        found += [f"{here}: loads {address} from another host" for address in page.loaded if urlsplit(address).netloc]
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                found.append(f"{here}: {link} leads nowhere")
            elif target in pages and unquote(parts.fragment) not in pages[target].ids:
                found.append(f"{here}: {link}: there is no such anchor")
    for css in sorted(site.rglob("*.css")):
        found += [f"{css.relative_to(site)}: loads {address}" for address in _IN_CSS.findall(css.read_text())]
    return found if pages else [f"{site} has no pages"]


def main() -> int:
    """Check the site in the given folder; return 1 if there are errors."""
    found = faults(Path(sys.argv[1]).resolve())
    print("\n".join(found), file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
