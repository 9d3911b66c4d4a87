"""Large plans by the clock, as rows of a table: imagecache without wasm and in Node, OR-Tools, and two simple ways.

    PLAN=target/release/plan NODE=pkg/bench-plan.mjs python tests/plan/bench.py [seconds for OR-Tools]

The simple ways are what people do by hand: a cache for each set of images, and as few caches as possible, each filled up
to 20 images.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time

import solver

SHARED = 12


def world(workloads, images, seed):
    """Sizes of images in MiB and workloads as (images, pods, hours, storage). The first images are sidecars, which many
    workloads have; the others belong to one workload or a few."""
    dice = random.Random(seed)
    sizes = [dice.choice([dice.randint(20, 900), dice.randint(20, 900), dice.randint(900, 6_000), dice.randint(6_000, 20_000)])
             for _ in range(images)]
    of = []
    for number in range(workloads):
        own = {SHARED + (number * (images - SHARED)) // workloads}
        own |= {dice.randrange(SHARED, images) for _ in range(dice.choice([0, 0, 1, 2]))}
        own |= {dice.randrange(SHARED) for _ in range(dice.choice([0, 0, 1, 1, 2]))}
        of.append((sorted(own), dice.randint(1, 20), dice.choice([2, 30, 200, 730]), 0))
    return sizes, of


def case(sizes, workloads):
    objects = list(solver.documents(workloads, []))
    return {
        "objects": objects,
        "facts": {"sizes": {solver.name(image): f"{mib}Mi" for image, mib in enumerate(sizes)}, "prices": solver.PRICES},
        "options": {"quota": None, "hours": {f"Deployment/w{number}": hours
                                             for number, (_, _, hours, _) in enumerate(workloads)}},
    }


def cost(sizes, workloads, group):
    """What one cache for these workloads costs, in units."""
    images = sorted({image for number in group for image in workloads[number][0]})
    gib = max(20, solver.ceil_div(2 * sum(sizes[image] for image in images), 1024))
    fixed, per_gib = solver.costs(sizes)
    weight = sum(solver.weight(workloads[number]) for number in group)
    return sum(fixed[image] + gib * per_gib[image] for image in images) + gib * weight


def one_each(workloads):
    groups = {}
    for number, (images, *_) in enumerate(workloads):
        groups.setdefault(tuple(images), []).append(number)
    return list(groups.values())


def as_few(workloads):
    groups = []
    for number, (images, *_) in enumerate(workloads):
        fits = (group for group in groups if len(group[0] | set(images)) <= solver.MAX_IMAGES)
        group = next(fits, None)
        if group is None:
            group = [set(), []]
            groups.append(group)
        group[0] |= set(images)
        group[1].append(number)
    return [numbers for _, numbers in groups]


def timed(function, *arguments):
    start = time.perf_counter()
    return function(*arguments), time.perf_counter() - start


def ran(command, workloads):
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert found["unread"] == 0 and found["covered"] == workloads, found
    return found


def row(what, seconds, cost, bound, note=""):
    above = f"{cost / bound - 1:.2%}" if bound else ""
    print(f"| {what} | {seconds * 1_000:,.0f} ms | {cost / 1e6:,.2f} | {above} | {note} |")


def main():
    limit = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    for workloads, images, target in ((200, 300, "≤ 50 ms, ≤ 1 %"), (5_000, 3_000, "≤ 2 s, ≤ 3 %")):
        sizes, of = world(workloads, images, f"bench/{workloads}")
        with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
            json.dump(case(sizes, of), file)
            file.flush()
            native = ran([os.environ["PLAN"], file.name], workloads)
            wasm = ran(["node", os.environ["NODE"], file.name], workloads)
        bound = native["boundMicros"]
        print(f"\n{workloads:,} workloads with {images:,} images; any plan costs at least {bound / 1e6:,.2f} a month.\n")
        print("| planner | time | cost a month | above the bound | |\n|---|---:|---:|---:|---|")
        exact = "exact; " if native["exact"] else ""
        row("imagecache", native["nanoseconds"] / 1e9, native["costMicros"], bound, f"{exact}target {target}")
        ratio = wasm["nanoseconds"] / native["nanoseconds"]
        row("imagecache in Node", wasm["nanoseconds"] / 1e9, wasm["costMicros"], bound, f"{ratio:.1f}×, target ≤ 3×")
        for what, way in (("a cache for each set of images", one_each), ("as few caches as possible", as_few)):
            groups, seconds = timed(way, of)
            row(what, seconds, solver.micros(sum(cost(sizes, of, group) for group in groups)), bound)
        if workloads <= 200:
            # a group begins at its first workload: a cache has no workload before its own
            hint = {number: group[0] for group in one_each(of) for number in group}
            (found, _), seconds = timed(solver.solved, sizes, of, [], limit, hint)
            row("OR-Tools", seconds, solver.micros(found), bound, f"stopped after {limit:.0f} s" if seconds > limit else "")
        else:
            print("| OR-Tools | | | | not tried: 12.5 million pairs of a workload and a cache |")


if __name__ == "__main__":
    main()
