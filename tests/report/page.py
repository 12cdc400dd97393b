#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Uses the page of sandglass report as a person does, in a headless Chromium, and compares what it
shows with what the other formats say.

usage: page.py FOLDER [PICTURES]

FOLDER has boot, hostile, sampled, flat and silent, each as .html, and boot as .folded and as
.process, .hart and .mode: the text tables. PICTURES is a folder for what it looked like. Prints a
line for each check that fails, then how many passed and failed. No time is asserted.
"""
import json
import os
import re
import sys

sys.dont_write_bytecode = True
import browser  # noqa: E402

passed = failed = 0


def check(holds, what):
    global passed, failed
    passed += bool(holds)
    failed += not holds
    if not holds:
        print("FAILED " + what)


def equal(found, wanted, what):
    check(found == wanted, f"{what}: {found!r}, not {wanted!r}")


class Truth:
    """What the other formats say of the same profile."""

    def __init__(self, folder):
        with open(os.path.join(folder, "boot.folded")) as file:
            self.stacks = [line.rstrip("\n").rsplit(" ", 1) for line in file]
        self.stacks = [(stack.split(";"), int(count)) for stack, count in self.stacks]
        self.all = sum(count for _, count in self.stacks)
        self.tables = {}
        for by in ("process", "hart", "mode"):
            with open(os.path.join(folder, "boot." + by)) as file:
                table = file.read().split("\n\n")[1].split("\n")[1:-1]
            rows = [line for line in table if re.match(r" *[\d.]+ % ", line)]
            self.tables[by] = {row[80:].strip(): int(row[10:30].replace(" ", "")) for row in rows}

    def matching(self, part):
        return sum(count for stack, count in self.stacks
                   if any(part in frame.lower() for frame in stack[1:]))


def canvas_at(page, name):
    return json.loads(page.evaluate(
        f"(() => {{ byId('{name}').scrollIntoView({{behavior: 'instant'}}); "
        f"const area = byId('{name}')"
        ".getBoundingClientRect(); return JSON.stringify([area.left, area.top, area.width]); })()"))


def total_shown(page):
    return page.evaluate("state.tree.total[0]")


def look_at_flame(page, truth):
    equal(total_shown(page), truth.all, "steps of the flame graph")
    drawn, merged, boxes = json.loads(page.evaluate("JSON.stringify([flame.drawn, flame.merged, "
                                                    "flame.boxes.length])"))
    check(drawn > 100 and merged > 100 and boxes > drawn, f"{drawn} drawn, {merged} merged")
    # Nothing is lost by merging: each row has what the tree has at that depth.
    lost = page.evaluate("""(() => {
        const drawn = new Map(), there = new Map();
        for (const [, y, , node, count, total] of flame.boxes) {
            const depth = Math.round((y - 1) / 20);
            drawn.set(depth, (drawn.get(depth) || 0) + total);
        }
        const seen = new Set(flame.boxes.filter((box) => box[4] === 1).map((box) => box[3]));
        for (let i = 0; i < state.tree.count; i++) {
            if (i === 0 || seen.has(state.tree.parent[i])) {
                const depth = state.tree.depth[i];
                there.set(depth, (there.get(depth) || 0) + state.tree.total[i]);
            }
        }
        return [...there].filter(([depth, total]) => (drawn.get(depth) || 0) !== total).length;
    })()""")
    equal(lost, 0, "rows of the flame graph that lost something")


def zoom_flame(page):
    left, top, _ = canvas_at(page, "flame-canvas")
    page.settle()
    x, y, node, total = json.loads(page.evaluate(
        "JSON.stringify((() => { const box = flame.boxes.filter((box) => box[1] > 60 && "
        "box[4] === 1).sort((a, b) => b[2] - a[2])[0]; "
        "return [box[0] + box[2] / 2, box[1] + 9, box[3], box[5]]; })())"))
    page.mouse("mouseMoved", left + x, top + y)
    page.settle()
    check(page.evaluate("!byId('tip').hidden && byId('tip').textContent.includes("
                        f"numberText({total}))"),
          "a tip with the steps")
    page.click(left + x, top + y)
    page.settle()
    equal(page.evaluate("flame.zoomed"), node, "the node that a click zooms to")
    equal(page.evaluate("flame.view[1] - flame.view[0]"), total, "the width of what is zoomed")
    check(page.evaluate("byId('flame-path').children.length") >= 4, "a path to what is zoomed")
    page.evaluate("byId('flame-canvas').focus()")
    page.press("Escape")
    page.settle()
    equal(page.evaluate("flame.zoomed"), 0, "what Escape zooms to")
    page.press("ArrowDown")
    page.press("ArrowDown")
    page.press("ArrowRight")
    depth, chosen = json.loads(page.evaluate("JSON.stringify([state.tree.depth[flame.chosen], "
                                             "flame.chosen])"))
    equal(depth, 2, "how deep two arrows go")
    page.press("Enter")
    page.settle()
    equal(page.evaluate("flame.zoomed"), chosen, "what Enter zooms to")
    page.press("Escape")
    page.settle()
    page.evaluate("byId('flame-up').click()")
    page.settle()
    check(page.evaluate("flame.boxes[0][1] > flame.height - 25"), "flames stand on the ground")
    page.evaluate("byId('flame-down').click()")
    page.settle()


def search(page, truth):
    page.evaluate("document.activeElement.blur()")
    page.press("/", "/")
    equal(page.evaluate("document.activeElement.id"), "search", "what / goes to")
    page.type("vfs_")
    page.settle()
    found = page.evaluate("state.tree.matched((fn) => flame.matches[fn]).total")
    equal(found, truth.matching("vfs_"), "steps in or below matches")
    share = f"{100 * found / truth.all:.1f}"
    check(page.evaluate("byId('search-share').textContent").startswith(share), "the share found")
    page.evaluate("byId('search').value = '/^vfs_.*fault$/'; searchRun()")
    check(0 < page.evaluate("state.tree.matched((fn) => flame.matches[fn]).total") < found,
          "an expression finds less")
    page.evaluate("byId('search').value = '/(/'; searchRun()")
    equal(page.evaluate("byId('search-share').textContent"), "no expression", "a broken expression")
    page.evaluate("byId('search').value = ''; searchRun()")


def filters(page, truth):
    for name in list(truth.tables["process"])[:3]:
        page.evaluate(f"filterSet({{process: {json.dumps(name)}}})")
        equal(total_shown(page), truth.tables["process"][name], f"steps of {name}")
    page.evaluate("byId('filter-reset').click()")
    for name, steps in truth.tables["hart"].items():
        page.evaluate(f"filterSet({{hart: '{name.split()[1]}'}})")
        equal(total_shown(page), steps, f"steps of {name}")
    page.evaluate("byId('filter-reset').click()")
    for name, steps in truth.tables["mode"].items():
        page.evaluate(f"filterSet({{modes: new Set([MODES.indexOf('{name}')])}})")
        equal(total_shown(page), steps, f"steps of {name}")
    page.evaluate("byId('filter-reset').click()")
    box = "byId('filter-modes').querySelector('input[value=\"1\"]')"
    page.evaluate(box + ".click()")
    equal(total_shown(page), truth.all - truth.tables["mode"]["kernel"], "steps without the kernel")
    page.evaluate(box + ".click()")
    equal(total_shown(page), truth.all, "steps when all is back")
    for roots, count in (("hart", len(truth.tables["hart"])), ("process",
                                                               len(truth.tables["process"]))):
        page.evaluate(f"byId('flame-roots').value = '{roots}'; treeShow()")
        equal(page.evaluate("state.tree.groups.size - 1"), count, f"roots by {roots}")
    page.evaluate("byId('flame-roots').value = 'all'; treeShow()")
    equal(total_shown(page), truth.all, "steps of all together")
    page.evaluate("byId('flame-roots').value = 'process'; treeShow()")


def tables(page, truth):
    for tab in range(page.evaluate("byId('tabs').children.length")):
        page.evaluate(f"byId('tabs').children[{tab}].click()")
        for column in range(page.evaluate("document.querySelectorAll('#table th').length")):
            for order in ("descending", "ascending"):
                button = f"document.querySelectorAll('#table th button')[{column}]"
                head = f"document.querySelectorAll('#table th')[{column}]"
                if page.evaluate(head + ".getAttribute('aria-sort')") != order:
                    page.evaluate(button + ".click()")
                equal(page.evaluate(head + ".getAttribute('aria-sort')"), order, "aria-sort")
                sorted_ = page.evaluate(f"""(() => {{
                    const key = table.table.columns[{column}].sort, rows = table.rows.map(key);
                    return rows.every((value, i) => i === 0 || table.compare(rows[i - 1], value) *
                        ('{order}' === 'descending' ? -1 : 1) <= 0); }})()""")
                check(sorted_, f"table {tab} by column {column}, {order}")
    page.evaluate("tableShow('functions')")
    sum_ = page.evaluate("table.table.rows.reduce((sum, row) => sum + row.self, 0)")
    equal(sum_, truth.all, "the sum of the functions' table")
    rows = page.evaluate("table.rows.length")
    shown = "document.querySelectorAll('#table tbody tr').length"
    equal(page.evaluate(shown), 200, "rows at first")
    page.evaluate("byId('table-more').click(); byId('table-more').click()")
    equal(page.evaluate(shown), rows, "all rows")
    page.evaluate("byId('table-search').focus()")
    page.type("lookup")
    names = page.evaluate("[...document.querySelectorAll('#table tbody td.name')].map((cell) => "
                          "cell.textContent)")
    check(names and all("lookup" in name for name in names), "rows with lookup")
    page.evaluate("document.querySelector('#table td.name button').click()")
    equal(page.evaluate("byId('search').value"), names[0], "a chosen row is looked for")
    page.evaluate("byId('search').value = ''; searchRun(); byId('table-search').value = ''; "
                  "byId('table-search').dispatchEvent(new Event('input'))")


def timeline(page):
    left, top, width = canvas_at(page, "timeline-canvas")
    end = page.evaluate("timeline.end")
    page.drag(left + 200, top + 60, left + 200 + width / 400, top + 60)  # too short to be meant
    page.drag(left + 200, top + 60, left + 230, top + 60)
    page.settle()
    view = json.loads(page.evaluate("JSON.stringify(timeline.view)"))
    check(0 < view[0] and 0 < view[1] - view[0] < end / 10, f"dragging zooms to {view}")
    check(0 < page.evaluate("timeline.arrows"), "wake-ups have arrows")
    check(page.evaluate("timeline.spans") < 3000, "only what is in view is drawn")
    page.evaluate("byId('timeline-canvas').focus()")
    page.press("ArrowRight")
    page.settle()
    check(page.evaluate("timeline.view[0]") > view[0], "the right arrow goes on")
    page.press("+")
    page.settle()
    check(page.evaluate("timeline.view[1] - timeline.view[0]") < view[1] - view[0], "+ goes closer")
    x = page.evaluate("""(() => {
        const track = profile.tracks[0], [from, to] = timeline.view, middles = [];
        for (let i = timeline.spanFrom(track, from); i < track.count && track.from[i] < to; i++) {
            const begin = Math.max(from, track.from[i]), end = Math.min(to, track.to[i]);
            middles.push([end - begin, timeline.x((begin + end) / 2)]);
        }
        return middles.sort((a, b) => b[0] - a[0])[0][1]; })()""")
    left, top, width = canvas_at(page, "timeline-canvas")
    page.mouse("mouseMoved", left + x, top + 40)
    page.settle()
    check("hart 0" in page.evaluate("byId('tip').textContent"), "a tip about a span")
    page.click(left + 300, top + 60, 2)
    page.mouse("mousePressed", left + 300, top + 60, button="left", clickCount=2)
    page.mouse("mouseReleased", left + 300, top + 60, button="left", clickCount=2)
    page.settle()
    equal(page.evaluate("timeline.view[1] - timeline.view[0]"), end, "a double click shows all")


def themes(page, pictures):
    for scheme in ("light", "dark"):
        page.prefer(scheme)
        page.settle()
        dark = page.evaluate("document.documentElement.classList.contains('dark')")
        equal(dark, scheme == "dark", f"the page is as the system is: {scheme}")
        if pictures:
            page.evaluate("window.scrollTo(0, 0)")
            page.settle()
            page.picture(os.path.join(pictures, scheme + ".png"))
            for part in ("timeline", "tables", "run"):
                page.evaluate(f"byId('{part}').scrollIntoView()")
                page.settle()
                page.picture(os.path.join(pictures, f"{scheme}-{part}.png"))
    seen = []
    for _ in range(3):
        page.evaluate("byId('theme').click()")
        seen.append(page.evaluate("state.theme + document.documentElement.classList"))
    equal(seen, ["light", "darkdark", "systemdark"], "what the switch goes through")


def narrow(page):
    page.ask("Emulation.setDeviceMetricsOverride", width=400, height=800, deviceScaleFactor=2,
             mobile=False)
    page.settle()
    check(page.evaluate("document.documentElement.scrollWidth") <= 400, "it fits a narrow window")
    page.ask("Emulation.setDeviceMetricsOverride", width=1440, height=900, deviceScaleFactor=1,
             mobile=False)
    page.settle()


def hostile(page, path):
    page.open(path)
    equal(page.evaluate("document.title"), "Sandglass report", "the title")
    equal(page.evaluate("document.scripts.length"), 2, "scripts")
    equal(page.evaluate("document.images.length"), 0, "images")
    check(page.evaluate("profile.functions.some((name) => name.startsWith('</script>'))"),
          "a name that wants out is there")
    for name in json.loads(page.evaluate("JSON.stringify(Object.keys(TABLES))")):
        page.evaluate(f"tableShow('{name}')")
    equal(page.evaluate("document.querySelectorAll('#table img, #flame img').length"), 0, "markup")
    page.evaluate("byId('search').value = '</script>'; searchRun()")
    check(page.evaluate("state.tree.matched((fn) => flame.matches[fn]).nodes") > 0, "it is found")


def others(page, folder):
    for name in ("sampled", "flat", "silent"):
        page.open(os.path.join(folder, name + ".html"))
        for tab in json.loads(page.evaluate("JSON.stringify(Object.keys(TABLES))")):
            page.evaluate(f"tableShow('{tab}')")
    equal(page.evaluate("byId('flame').hidden"), True, "a flame graph of nothing")
    page.open(os.path.join(folder, "sampled.html"))
    check("4 sigma" in page.evaluate("byId('statement').textContent"), "the error is stated")


def main():
    folder, pictures = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    truth = Truth(folder)
    page = browser.Browser()
    try:
        took_ms = page.open(os.path.join(folder, "boot.html"))
        nodes = page.evaluate("state.tree.count")
        print(f"boot.html: {nodes} nodes, ready in {took_ms:.0f} ms")
        check(nodes > 40000, "a profile of some size")
        page.settle()
        look_at_flame(page, truth)
        zoom_flame(page)
        search(page, truth)
        filters(page, truth)
        tables(page, truth)
        timeline(page)
        page.evaluate("byId('copy').click()")
        check(page.evaluate("byId('copy').textContent") in ("Copied", "Selected"), "it is copied")
        equal(page.evaluate("getSelection().toString()"), page.evaluate("profile.run.command"),
              "what is copied")
        themes(page, pictures)
        narrow(page)
        hostile(page, os.path.join(folder, "hostile.html"))
        others(page, folder)
        equal(page.complaints, [], "errors on the console, and requests")
    finally:
        page.close()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
