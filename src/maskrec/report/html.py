"""HTML of one file: what is no `Html` is text, and is escaped."""

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

STYLE = """
:root{color-scheme:light dark;--ink:#1c1f23;--soft:#61676f;--line:#dcdfe3;--back:#fff;--panel:#f5f6f8;--mark:#0b6bcb}
@media (prefers-color-scheme:dark){
:root{--ink:#e6e8eb;--soft:#9aa2ab;--line:#363b42;--back:#15181c;--panel:#1e2227;--mark:#6cb2ff}
img.chart{filter:invert(.9) hue-rotate(180deg)}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:0 auto;padding:1rem 1rem 4rem;color:var(--ink);
background:var(--back);overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.2;margin:1rem 0 .3rem}h2{font-size:1.25rem;margin:2.5rem 0 .6rem}
h3{font-size:1rem;margin:1.8rem 0 .5rem}a{color:var(--mark)}
.note{color:var(--soft);font-size:.85rem}ul.note{padding-left:1.2rem}
.headline{font-size:1.15rem;border-left:4px solid var(--mark);padding:.2rem 0 .2rem .9rem;
margin:1.2rem 0;max-width:45rem}
.scroll{overflow-x:auto;margin:.5rem 0}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;overflow-wrap:normal}
th,td{padding:.35rem .9rem .35rem 0;border-bottom:1px solid var(--line);text-align:right;vertical-align:top;
white-space:nowrap}
th{font-weight:600;vertical-align:bottom;white-space:normal}
th:first-child,td:first-child{text-align:left;white-space:normal;min-width:7rem;position:sticky;left:0;
background:var(--back)}
td small{display:block;color:var(--soft);font-size:.75rem;line-height:1.3}
figure{margin:0 0 1rem}figcaption{color:var(--soft);font-size:.85rem;max-width:45rem}
img{display:block;width:100%;height:auto}.photo img{width:auto;max-width:100%}
.charts{margin:.5rem 0 1rem;display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,19rem),1fr));gap:1rem}
.wide img{width:100%;min-width:34rem;max-width:56rem}
pre{background:var(--panel);padding:.8rem 1rem;overflow-x:auto;font-size:.8rem;overflow-wrap:normal}
summary{cursor:pointer}
@media print{body{max-width:none;padding:0}.scroll,pre{overflow:visible}pre{white-space:pre-wrap}
figure,tr{break-inside:avoid}.wide img{min-width:0}}
""".strip()


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def html(value: str) -> Html:
    """HTML as it is, any other text escaped."""
    return value if isinstance(value, Html) else Html(escape(value))


def breakable(name: str) -> Html:
    """A name that may be broken behind its underscores."""
    return Html(escape(name).replace("_", "_<wbr>"))


def element(name: str, *content: str, **attributes: str) -> Html:
    """`<name attribute="...">content</name>`; `class_` stands for `class`."""
    given = "".join(f' {key.rstrip("_")}="{escape(value)}"' for key, value in attributes.items())
    return Html(f"<{name}{given}>{''.join(map(html, content))}</{name}>")


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Html:
    """A table that scrolls within itself where there is little room."""
    cells = [element("tr", *(element("th", name) for name in head))]
    cells += [element("tr", *(element("td", cell) for cell in row)) for row in rows]
    return element("div", element("table", *cells), class_="scroll")


def picture(file: Path, caption: str, kind: str) -> Html:
    """A PNG within the page.

    Args:
        file: The picture.
        caption: What it shows.
        kind: `chart` is inverted on dark pages; `photo` keeps its size; `wide` scrolls within itself on a phone.
    """
    data = base64.b64encode(file.read_bytes()).decode()
    image = Html(f'<img class="{escape(kind)}" alt="{escape(caption)}" src="data:image/png;base64,{data}">')
    shown = element("div", image, class_="scroll wide") if kind == "wide" else image
    return element("figure", shown, element("figcaption", caption), class_=kind)


def document(title: str, body: Sequence[str]) -> str:
    """A whole page that needs no other file."""
    head = (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
    )
    return f"{head}{element('title', title)}\n<style>{STYLE}</style>\n" + "\n".join(map(html, body)) + "\n</html>\n"
