"""The memo as a page: HTML of one file, with its pictures and the audit of every number."""

from __future__ import annotations

import base64
import html
import re
from pathlib import Path

import pandas as pd

__all__ = ["memo_html"]


def memo_html(markdown: str, folder: Path, audit: pd.DataFrame | None = None) -> str:
    """The memo as one HTML file.

    Parameters
    ----------
    folder : its pictures are put into the page.
    audit : every line of every route with its formula, inputs, source and date, to unfold.
    """
    body = [_block(block, folder) for block in markdown.strip().split("\n\n")]
    if audit is not None:
        body += ["<h2>Where each number comes from</h2>", *_audit(audit)]
    style = (
        "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}"
        "table{border-collapse:collapse;font-size:14px}td,th{padding:.25em .7em;border-bottom:"
        "1px solid #ddd;text-align:right}td:first-child,th:first-child{text-align:left}"
        "img{max-width:100%}details td{text-align:left;font-size:12px;vertical-align:top}"
        "details td:nth-child(2){text-align:right;white-space:nowrap}summary{cursor:pointer}"
    )
    title = html.escape(markdown.splitlines()[0].lstrip("# "))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{style}</style></head><body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def _audit(audit: pd.DataFrame) -> list[str]:
    """A table a route, folded."""
    columns = ["line", "usd", "formula", "inputs", "source", "checked"]
    found = []
    for route, table in audit.groupby("route", sort=False):
        shown = table.loc[table["usd"] > 0, columns]
        rows = [
            "".join(
                f"<td>{html.escape(f'{cell:,.2f}' if name == 'usd' else str(cell))}</td>"
                for name, cell in row.items()
            )
            for row in shown.to_dict(orient="records")
        ]
        head = "".join(f"<th>{'USD' if name == 'usd' else name}</th>" for name in columns)
        body = "".join(f"<tr>{row}</tr>" for row in (head, *rows))
        total = f"{html.escape(str(route))}: ${table['usd'].sum():,.2f} a month"
        found.append(f"<details><summary>{total}</summary><table>{body}</table></details>")
    return found


def _block(block: str, folder: Path) -> str:
    lines = block.split("\n")
    if block.startswith("#"):
        level = len(block) - len(block.lstrip("#"))
        return f"<h{level}>{_inline(block.lstrip('# '))}</h{level}>"
    picture = re.fullmatch(r"!\[(.*)\]\((.*)\)", block)
    if picture is not None:
        data = base64.b64encode((folder / picture[2]).read_bytes()).decode("ascii")
        return f'<p><img alt="{html.escape(picture[1])}" src="data:image/png;base64,{data}"></p>'
    if block.startswith("| "):
        cells = [line.strip("| ").split(" | ") for line in lines if not line.startswith("|--")]
        rows = ["".join(f"<td>{_inline(cell)}</td>" for cell in row) for row in cells]
        rows[0] = rows[0].replace("<td>", "<th>").replace("</td>", "</th>")
        return "<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"
    if block.startswith("* "):
        return "<ul>" + "".join(f"<li>{_inline(line[2:])}</li>" for line in lines) + "</ul>"
    numbered = re.match(r"(\d+)\. ", block)
    if numbered is not None:
        items = "".join(f"<li>{_inline(line.split('. ', 1)[1])}</li>" for line in lines)
        return f'<ol start="{numbered[1]}">{items}</ol>'
    return f"<p>{_inline(block)}</p>"


def _inline(text: str) -> str:
    bold = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", html.escape(text))
    return bold.replace(" %", "&nbsp;%")
