"""How the page is put together, without a browser."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest

from niicorr.webpage import page

SCRIPTS = sorted(Path(page.__file__).with_name("scripts").glob("*.js"))


def elements(html):
    """Texts of the style, of the data and of the script."""
    parts = r"<style>(.*?)</style>.*?niicorr-data\">(.*?)</script>.*?<script type=\"module\">(.*?)</script>"
    return re.search(parts, html, re.DOTALL).groups()


def hash_of(text):
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_the_policy_holds_the_hashes_of_what_stands_in_the_page():
    html = page.page_html("title", '{"a":1}')
    style, data, script = elements(html)
    assert data == '{"a":1}'
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1].replace("&#39;", "'")
    parts = dict(part.split(" ", 1) for part in policy.split("; "))
    assert parts["default-src"] == "'none'"
    assert parts["script-src"] == f"'{hash_of(script)}'"
    assert parts["style-src"] == f"'{hash_of(style)}'"
    assert not re.search(r"unsafe|http|\*", policy)


def test_side_files_may_be_loaded_only_where_there_are_any():
    assert "file:" not in page.policy(False)
    assert "file: 'self'" in page.policy(True)


def test_data_may_be_anything_and_stands_there_once():
    html = page.page_html("title", "<niicorr-data/>")
    assert html.count("<niicorr-data/>") == 1
    assert elements(html)[1:] == ("<niicorr-data/>", page.script())


def test_a_title_is_text():
    html = page.page_html("</title><script>1</script>\"'", "{}")
    assert "<script>1" not in html
    assert "&lt;/title&gt;&lt;script&gt;1&lt;/script&gt;&#34;&#39;" in html


def test_nothing_in_the_frame_asks_for_anything_outside():
    html = page.page_html("title", "{}")
    assert re.findall(r"(?:src|href)=\"(?!#)[^\"]*\"", html) == []
    assert re.findall(r"url\((?!#)", page.style()) == []
    assert "@import" not in page.style()
    # Names of formats that are written as addresses; nothing is fetched from there.
    assert set(re.findall(r"https?://[^\"'`\s]+", page.script())) == {"http://www.w3.org/2000/svg"}


def test_scripts_cannot_end_their_element_and_set_no_markup():
    for text in (page.script(), page.style()):
        assert not re.search(r"</(script|style)|<!--", text, re.IGNORECASE)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", page.script())


def test_every_script_is_in_the_page_once():
    script = page.script()
    for path in SCRIPTS:
        assert script.count(f"const ${path.stem} = (() => {{") == 1, path.name
    assert not re.search(r"^(import|export)\b", script, re.MULTILINE)


def test_what_is_imported_must_be_exported(tmp_path, monkeypatch):
    (tmp_path / "scripts").mkdir()
    other, main = (tmp_path / "scripts" / name for name in ("other.js", "main.js"))
    other.write_text("export const there = 1;\n")
    monkeypatch.setattr(page, "_room", lambda: tmp_path)
    main.write_text('import { there } from "./other.js";\nthere;\n')
    first = "const $other = (() => {\nconst there = 1;\nreturn { there };\n})();\n"
    assert page.script.__wrapped__().startswith(f"{first}const $main")
    main.write_text('import { missing, there } from "./other.js";\n')
    with pytest.raises(ValueError, match=r"main\.js imports what other\.js does not export: missing"):
        page.script.__wrapped__()
    other.write_text('import { a } from "./main.js";\nexport const there = 1;\n')
    with pytest.raises(ValueError, match="main → other → main"):
        page.script.__wrapped__()


def test_no_script_is_too_long():
    assert max(len(path.read_text(encoding="utf-8").splitlines()) for path in SCRIPTS) <= 600
