"""Pages as headless Chromium shows them on a phone: widths, formulas, and what it asks the net for.

One page with a frame of 390 pixels opens all others in turn, from a server on this machine; every
other address is unknown to the browser, and its log says whether it asked for one.
"""

import json
import re
import subprocess
from contextlib import contextmanager
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

PHONE = 390                                    # pixels: iPhone 12 to 15
LOOK = """<!doctype html><pre id="found"></pre>
<iframe id="frame" width="%d" height="800"></iframe>
<script>
const frame = document.getElementById("frame"), found = {};
const open = page => new Promise(done => { frame.onload = done; frame.src = page; });
async function look() {
  for (const page of %s) {
    await open(page);
    const inside = frame.contentWindow, seen = inside.document;
    await inside.MathJax?.startup?.promise;
    const top = seen.documentElement;
    const wide = [...seen.querySelectorAll("article *")].filter(
      e => right(e) > inside.innerWidth + 1 && !scrolls(e, inside));
    found[page] = {
      width: top.scrollWidth, window: inside.innerWidth,
      formulas: seen.querySelectorAll("mjx-container").length,
      broken: [...seen.querySelectorAll(".math")].filter(
        e => !e.querySelector("mjx-container") || e.querySelector("mjx-merror")).length,
      pictures: [...seen.images].filter(e => !e.naturalWidth).map(e => e.src),
      cut: wide.slice(0, 3).map(e => e.outerHTML.slice(0, 120)) };
  }
  document.getElementById("found").textContent = JSON.stringify(found);
}
function right(e) {
  const box = e.getBoundingClientRect();
  return box.left + Math.max(box.width, e.scrollWidth);
}
function scrolls(e, inside) {
  for (; e.tagName != "ARTICLE"; e = e.parentElement)
    if (/auto|scroll/.test(inside.getComputedStyle(e).overflowX)) return true;
}
look();
</script>
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def served(folder):
    """The address of a folder, while it is open."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def look(chromium, folder, pages, home):
    """({page: what is seen of it}, addresses elsewhere that were asked for).

    `home` is an empty directory, for what the browser writes.
    """
    script = Path(folder) / "look.html"
    script.write_text(LOOK % (PHONE, json.dumps(list(pages))), "utf-8")
    with served(folder) as address:
        shown = subprocess.run(
            [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--disable-extensions", f"--user-data-dir={home}/profile",
             "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
             f"--log-net-log={home}/net.json", f"--virtual-time-budget={20_000 * len(pages)}",
             "--window-size=1000,1000", "--dump-dom", f"{address}/look.html"],
            capture_output=True, text=True, timeout=600).stdout
    script.unlink()
    found = re.search(r'<pre id="found">(.*?)</pre>', shown, re.DOTALL)
    assert found and found[1], f"the browser did not come to the end: {shown[-500:]}"
    asked = requests(json.loads((Path(home) / "net.json").read_text("utf-8")))
    return json.loads(unescape(found[1])), sorted(asked)


def requests(log):
    """Addresses elsewhere that a page asked for; the browser's own questions have no page."""
    asked = (event.get("params", {}) for event in log["events"])
    return {made["url"] for made in asked if str(made.get("initiator")).startswith("http")
            and urlsplit(made["url"]).hostname != "127.0.0.1"}
