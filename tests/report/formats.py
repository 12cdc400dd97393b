#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Holds what sandglass report writes to the rules of its format.

usage: formats.py folded|callgrind|speedscope|trace|html FILE

Prints how many steps there are in it; of a trace how many events. A broken rule is one line on
standard error, and status 1.
"""
import json
import re
import sys


class Broken(Exception):
    pass


def rule(holds, what):
    if not holds:
        raise Broken(what)


def strict(text):
    """JSON without what only some readers take: numbers that are none, keys twice."""
    def once(pairs):
        rule(len({key for key, _ in pairs}) == len(pairs), f"a key twice: {pairs[:5]}")
        return dict(pairs)

    def none(word):
        raise Broken(f"{word} is no JSON")
    return json.loads(text, object_pairs_hook=once, parse_constant=none)


def folded(text):
    """Frames with ; between them, a space, a number; no stack twice."""
    stacks = set()
    total = 0
    rule(text.endswith("\n"), "the last line has no end")
    for line in text[:-1].split("\n"):
        stack, count = line.rsplit(" ", 1)
        rule(re.fullmatch("[1-9][0-9]*", count), f"no number: {line!r}")
        rule(all(stack.split(";")), f"a frame without a name: {line!r}")
        rule(not re.search(r"[\x00-\x1f\x7f]", stack), f"a control character: {line!r}")
        rule(stack not in stacks, f"twice: {line!r}")
        stacks.add(stack)
        total += int(count)
    return total


def callgrind(text):
    """Headers; costs of a function's own lines add up to the summary; each name is given once;
    calls are followed by the line of their cost, and cost no more than all there is."""
    lines = text.split("\n")
    rule(lines[0] == "# callgrind format", "no format line")
    headers = dict(line.split(": ", 1) for line in lines[1:] if re.match("[a-z]+: ", line))
    rule(headers["version"] == "1" and headers["positions"] in ("line", "instr"), "headers")
    events = headers["events"].split()
    rule(set(events) <= {"Steps", "Samples", "Instructions"}, "events")
    summary = [int(number) for number in headers["summary"].split()]
    sums, names, called, function = [0] * len(events), {}, False, None
    for line in lines:
        spec = re.fullmatch(r"(fl|ob|cob|fn|cfn)=\((\d+)\)( .*)?", line)
        cost = re.fullmatch(r"(\d+|0x[0-9a-f]+)((?: \d+)+)", line)
        if spec:
            key = (spec[1].lstrip("c"), spec[2])
            rule((key in names) != bool(spec[3]), f"named twice, or not at all: {line!r}")
            names[key] = names.get(key, spec[3])
            function = spec[2] if spec[1] == "fn" else function
        elif line.startswith("calls="):
            rule(re.fullmatch(r"calls=[1-9]\d* (\d+|0x[0-9a-f]+)", line), line)
            called = True
        elif cost:
            numbers = [int(number) for number in cost[2].split()]
            rule(len(numbers) == len(events) and function, f"a cost of nothing: {line!r}")
            rule(not called or numbers[0] <= summary[0], f"more than all: {line!r}")
            sums = sums if called else [a + b for a, b in zip(sums, numbers)]
            called = False
        else:
            rule(line == "" or line[0] == "#" or re.match("[a-z]+: ", line), f"what? {line!r}")
    rule(sums == summary, f"{sums} is not the summary {summary}")
    return summary[0]


def speedscope(text):
    """speedscope's file-format-schema.json, of what we write: frames, sampled profiles."""
    file = strict(text)
    rule(file["$schema"] == "https://www.speedscope.app/file-format-schema.json", "the schema")
    frames = file["shared"]["frames"]
    rule(all(isinstance(frame["name"], str) for frame in frames), "a frame's name")
    total = 0
    for profile in file["profiles"]:
        rule(profile["type"] == "sampled" and isinstance(profile["name"], str), "a profile")
        rule(profile["unit"] in ("none", "nanoseconds", "bytes"), "a unit")
        rule(len(profile["samples"]) == len(profile["weights"]), "a weight for each sample")
        rule(all(0 <= frame < len(frames) for stack in profile["samples"] for frame in stack),
             "an index of a frame")
        rule(profile["startValue"] == 0 and profile["endValue"] == sum(profile["weights"]),
             "the sum of weights")
        total += sum(profile["weights"])
    return total


def trace(text):
    """The Trace Event Format: every event has a phase, a process and a thread; those that take part
    in the timeline a time; complete ones do not overlap on their thread; instants have a scope;
    flows begin once and end once, later, each inside a slice; threads have names."""
    events = strict(text)["traceEvents"]
    named, used, flows, slices = set(), set(), {}, {}
    for event in events:
        thread = (event["pid"], event["tid"])
        rule(isinstance(event["pid"], int) and isinstance(event["tid"], int), "numbers")
        rule(event["ph"] in "MXisf" and isinstance(event["name"], str), f"what? {event}")
        if event["ph"] == "M":
            if event["name"] == "thread_name":
                rule(isinstance(event["args"]["name"], str) and thread not in named, "a name")
                named.add(thread)
            continue
        used.add(thread)
        rule(event["ts"] >= 0, "a time")
        if event["ph"] == "X":
            before = slices.setdefault(thread, [])
            begin = round(event["ts"] * 1000)
            end = begin + round(event["dur"] * 1000)
            rule(end >= begin and (not before or begin >= before[-1][1]), f"overlaps: {event}")
            before.append((begin, end))
        elif event["ph"] == "i":
            rule(event["s"] in "gpt", "a scope")
        else:
            flows.setdefault((event["cat"], event["id"]), []).append(event)
    rule(used <= named, "threads without names")
    for key, ends in flows.items():
        rule([end["ph"] for end in ends] == ["s", "f"], f"flow {key} has other ends")
        rule(ends[0]["name"] == ends[1]["name"] and ends[1]["bp"] == "e", f"flow {key}")
        rule(ends[0]["ts"] <= ends[1]["ts"], f"flow {key} goes back in time")
        for end in ends:
            at = round(end["ts"] * 1000)
            rule(inside(slices[(end["pid"], end["tid"])], at), f"flow {key} is in no slice")
    return len(events)


def inside(slices, at):
    low, high = 0, len(slices)
    while low < high:
        middle = (low + high) // 2
        if slices[middle][0] <= at:
            low = middle + 1
        else:
            high = middle
    return low > 0 and slices[low - 1][1] >= at


def html(text):
    """One page: our script and the profile, which is JSON that ends nowhere but at its end; nothing
    is fetched."""
    rule(text.startswith("<!DOCTYPE html>"), "no document type")
    rule(text.count("<script") == 2 and text.count("</script") == 2, "scripts besides our two")
    rule(not re.search(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//", text, re.I), "fetches something")
    rule("default-src 'none'" in text, "may use the network")
    part = re.search(r'<script type="application/json" id="profile">(.*?)</script>', text, re.S)[1]
    rule(not re.search("[<>&\u2028\u2029]", part), "markup in the profile")
    profile = strict(part)
    columns = profile["contexts"]
    count = len(columns["back"])
    rule(all(len(column) == count for column in columns.values()), "columns of other lengths")
    for track in profile["tracks"]:
        lengths = {len(column) for name, column in track.items() if name != "grain"}
        rule(len(lengths) == 1, "columns of a track")
    return sum(columns["self"])


def main():
    kind, path = sys.argv[1:]
    with open(path, "rb") as file:
        content = file.read()
    # Only where a guest's bytes go out as they are may there be other than UTF-8.
    text = content.decode(errors="surrogateescape" if kind in ("folded", "callgrind") else "strict")
    try:
        print({"folded": folded, "callgrind": callgrind, "speedscope": speedscope, "trace": trace,
               "html": html}[kind](text))
    except (Broken, KeyError, TypeError, ValueError) as error:
        sys.exit(f"{path}: {type(error).__name__} {error}")


if __name__ == "__main__":
    main()
