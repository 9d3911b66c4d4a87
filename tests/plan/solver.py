"""Random small cases, planned by `imagecache plan` and by CP-SAT of OR-Tools: where the plan claims to be exact the
costs are equal, elsewhere the best cost is between the bound and the cost.

    IMAGECACHE=target/debug/imagecache python tests/plan/solver.py [number of worlds] [seed]
"""

import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time

from ortools.sat.python import cp_model

# Billionths of the currency; an amount is counted in 3,600,000ths of one.
UNIT = 3_600_000
USE, STORE, BUILDER = 500_000, 20_000_000, 2 * 7_700 + 4 * 960
BYTES_PER_SECOND = 9_000_510
MAX_IMAGES = 20
PRICES = {"currency": "USD", "prices": [{
    "source": "test", "date": "2026-01-01", "useGibHour": "0.0005", "storeGibMonth": "0.02",
    "builderVcpuSecond": "0.0000077", "builderGibSecond": "0.00000096"}]}


def world(dice):
    """Sizes of images in MiB, workloads as (images, pods, hours, storage), caches as (images, size)."""
    images = dice.randint(2, 8)
    sizes = [dice.choice([dice.randint(20, 900), dice.randint(900, 6_000), dice.randint(6_000, 30_000)])
             for _ in range(images)]
    some = lambda: sorted(dice.sample(range(images), dice.randint(1, min(4, images))))
    workloads = [(some(), dice.randint(1, 4), dice.choice([0, 1, dice.randint(2, 60), 730]),
                  dice.choice([0, 0, 0, dice.randint(20, 80)])) for _ in range(dice.randint(1, 7))]
    caches = {tuple(some()): dice.randint(20, 120) for _ in range(dice.choice([0, 0, 1, 2]))}
    return sizes, workloads, sorted(caches.items())


def name(image):
    return f"example.com/i{image}:1"


def documents(workloads, caches):
    for number, (images, pods, _, storage) in enumerate(workloads):
        annotations = {"k8s.aliyun.com/eci-extra-ephemeral-storage": f"{storage}Gi"} if storage else {}
        yield {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": f"w{number}"},
               "spec": {"replicas": pods, "template": {
                   "metadata": {"annotations": annotations},
                   "spec": {"containers": [{"name": f"c{image}", "image": name(image)} for image in images]}}}}
    for number, (images, size) in enumerate(caches):
        yield {"ImageCaches": [{"ImageCacheId": f"imc-{number}", "ImageCacheName": f"c{number}", "Status": "Ready",
                                "Images": [name(image) for image in images], "ImageCacheSize": size}]}


def planned(sizes, workloads, caches, prices, steps):
    command = [os.environ["IMAGECACHE"], "plan", "-f", "-", "-o", "json", "--prices", prices, "--steps", str(steps)]
    for image, mib in enumerate(sizes):
        command += ["--image-size", f"{name(image)}={mib}Mi"]
    for number, (_, _, hours, _) in enumerate(workloads):
        command += ["--hours", f"Deployment/w{number}={hours}"]
    text = json.dumps(list(documents(workloads, caches)))
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def ceil_div(a, b):
    return -(-a // b)


def milliseconds(sizes):
    """How long each image takes to pull."""
    return [ceil_div((mib << 20) * 1_000, BYTES_PER_SECOND) for mib in sizes]


def kept(sizes):
    """The cost of the snapshot of each image, in units."""
    return [ceil_div((mib << 20) * 200 * STORE * 30 * UNIT, 100 * (1 << 30) * 30) for mib in sizes]


def costs(sizes):
    """For each image in a cache: its cost, and its cost for each GiB of the cache, in units."""
    millis = milliseconds(sizes)
    fixed = [keep + milli * BUILDER * UNIT // 1_000 for keep, milli in zip(kept(sizes), millis)]
    return fixed, [milli * USE for milli in millis]


def weight(workload):
    """The cost of the disks of a workload for each GiB of its cache, in units."""
    _, pods, hours, _ = workload
    return pods * hours * 1_000 * USE * UNIT // 1_000


def solved(sizes, workloads, caches, limit=None, hint=None):
    """The least cost that is found within `limit` seconds, in units, and whether no plan costs less. `hint` is a cache for
    each workload to begin with."""
    model = cp_model.CpModel()
    slots, images = range(len(workloads)), range(len(sizes))
    keep = kept(sizes)
    fixed, per_gib = costs(sizes)
    weights = [weight(workload) for workload in workloads]
    old_keep = [max(1, sum(keep[i] for i in of)) for of, _ in caches]
    terms = []
    largest = sorted(sizes)[-MAX_IMAGES:]
    most = max(20, 2 * sum(largest) // 1024 + 1, *(storage for *_, storage in workloads))
    size = [model.new_int_var(20, most, f"size{k}") for k in slots]
    has = {(i, k): model.new_bool_var(f"has{i},{k}") for i in images for k in slots}
    to = {(w, k): model.new_bool_var(f"to{w},{k}") for w in slots for k in slots if k <= w}
    old = {(w, e): model.new_bool_var(f"old{w},{e}") for w in slots for e, (of, room) in enumerate(caches)
           if set(workloads[w][0]) <= set(of) and room >= workloads[w][3]}
    opened = [model.new_bool_var(f"open{e}") for e in range(len(caches))]
    paid, building = {}, {}
    for w, (of, _, _, storage) in enumerate(workloads):
        model.add_exactly_one([to[w, k] for k in slots if k <= w] + [x for (v, _), x in old.items() if v == w])
        for k in slots:
            if k > w:
                continue
            for i in of:
                model.add_implication(to[w, k], has[i, k])
            model.add(size[k] >= storage).only_enforce_if(to[w, k])
            paid[w, k] = model.new_int_var(0, most, f"paid{w},{k}")
            model.add(paid[w, k] >= size[k]).only_enforce_if(to[w, k])
            terms.append((weights[w], paid[w, k]))
    for (w, e), x in old.items():
        model.add_implication(x, opened[e])
        terms.append((weights[w] * caches[e][1], x))
    terms += list(zip(old_keep, opened))
    for k in slots:
        model.add(1024 * size[k] >= sum(2 * sizes[i] * has[i, k] for i in images))
        model.add(sum(has[i, k] for i in images) <= MAX_IMAGES)
        for i in images:
            building[i, k] = model.new_int_var(0, most, f"building{i},{k}")
            model.add(building[i, k] >= size[k]).only_enforce_if(has[i, k])
            terms.append((per_gib[i], building[i, k]))
            terms.append((fixed[i], has[i, k]))
    # The solver adds in 64 bits: the coefficients are divided by what divides them all and, for large worlds, rounded.
    divisor = math.gcd(*(cost for cost, _ in terms))
    reach = sum(cost for cost, _ in terms) * most
    scale = max(divisor, ceil_div(reach, 1 << 62))
    model.minimize(sum((cost // scale) * variable for cost, variable in terms))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    if limit:
        solver.parameters.max_time_in_seconds = limit
    if hint:
        filled = {k: {i for w, cache in hint.items() if cache == k for i in workloads[w][0]} for k in slots}
        sized = {k: max(20, ceil_div(2 * sum(sizes[i] for i in filled[k]), 1024),
                        *(workloads[w][3] for w, cache in hint.items() if cache == k)) for k in slots}
        for k in slots:
            model.add_hint(size[k], sized[k])
        for (i, k), variable in has.items():
            model.add_hint(variable, i in filled[k])
            model.add_hint(building[i, k], sized[k] if i in filled[k] else 0)
        for (w, k), variable in to.items():
            model.add_hint(variable, hint[w] == k)
            model.add_hint(paid[w, k], sized[k] if hint[w] == k else 0)
    status = solver.solve(model)
    assert status in (cp_model.OPTIMAL, cp_model.FEASIBLE), solver.status_name(status)
    found = sum(cost * solver.value(variable) for cost, variable in terms)
    return found, status == cp_model.OPTIMAL and scale == divisor


def best(sizes, workloads, caches):
    """The least cost of any plan, in units."""
    cost, optimal = solved(sizes, workloads, caches)
    assert optimal
    return cost


def micros(units):
    return (units + UNIT * 500) // (UNIT * 1_000)


def main():
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 18
    passed, failed, exact, worst = 0, 0, 0, 0.0
    ours, theirs = 0.0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        prices = os.path.join(folder, "prices.json")
        with open(prices, "w", encoding="utf-8") as file:
            json.dump(PRICES, file)
        for one in range(number):
            dice = random.Random(f"{seed}/{one}")
            sizes, workloads, caches = world(dice)
            # Every fifth world is planned greedily: then the bound must hold.
            steps = 0 if one % 5 == 4 else 50_000
            start = time.perf_counter()
            plan = planned(sizes, workloads, caches, prices, steps)
            between = time.perf_counter()
            least = micros(best(sizes, workloads, caches))
            theirs += time.perf_counter() - between
            ours += between - start
            cost, bound = plan["costMicros"], plan["boundMicros"]
            right = cost == least if plan["exact"] else bound <= least <= cost
            if not right:
                failed += 1
                print(f"world {seed}/{one}: cost {cost}, bound {bound}, best {least}, exact {plan['exact']}")
                print(f"  {sizes} {workloads} {caches}")
                continue
            passed += 1
            exact += plan["exact"]
            if least:
                worst = max(worst, cost / least - 1)
    print(f"{number} worlds, {exact} planned exactly; the worst greedy plan is {worst:.2%} above the best")
    print(f"imagecache, with the start of its process: {ours:.1f} s; OR-Tools: {theirs:.1f} s")
    print(f"# pass {passed}\n# fail {failed}")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
