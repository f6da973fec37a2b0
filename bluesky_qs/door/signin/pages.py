"""The pages of the device flow: plain HTML without scripts or other files."""

from collections.abc import Mapping
from html import escape

from starlette.responses import HTMLResponse

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font-family: sans-serif; max-width: 36rem; margin: 4rem auto; padding: 0 1rem; line-height: 1.5 }}
input, button {{ font: inherit; padding: 0.5rem 0.75rem }}
input[name=user_code] {{ text-transform: uppercase; width: 12rem }}
</style>
</head>
<body>
<h1>{title}</h1>
{content}
</body>
</html>
"""
#: These pages may load nothing, and no other page may show them in a frame.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def message_page(title: str, text: str, *, status: int = 200) -> HTMLResponse:
    """A page with one sentence."""
    return _page(title, f"<p>{escape(text)}</p>", status)


def code_page(action: str, *, user_code: str, hidden: Mapping[str, str], problem: str = "") -> HTMLResponse:
    """The page that asks for a terminal's code."""
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in hidden.items()
    )
    alert = f'<p role="alert"><strong>{escape(problem)}</strong></p>' if problem else ""
    content = f"""{alert}<p>A program in a terminal asks to be signed in as you. Continue only if you started it
yourself, and if it shows this code.</p>
<form action="{escape(action)}" method="post">
<p><label>Code <input name="user_code" value="{escape(user_code)}" placeholder="XXXX-XXXX" autocomplete="off" required
autofocus></label></p>
{fields}<p><button>Sign in</button></p>
</form>"""
    return _page("Sign in a terminal", content, 401 if problem else 200)


def _page(title: str, content: str, status: int) -> HTMLResponse:
    return HTMLResponse(_PAGE.format(title=escape(title), content=content), status, _HEADERS)
