// `node pkg/bench-plan.mjs CASE`: plans a case of `tests/plan/bench.py` with the npm package, as `benches/src/bin/plan.rs`
// does without wasm, and prints the fastest time.
import { readFileSync } from 'node:fs';
import { plan } from 'imagecache/plan';

const { objects, facts, options } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
let nanoseconds = Infinity;
let made;
for (let run = 0; run < 5; run += 1) {
  const start = process.hrtime.bigint();
  made = plan(objects, facts, options);
  nanoseconds = Math.min(nanoseconds, Number(process.hrtime.bigint() - start));
}
const { costMicros, boundMicros, exact, unread } = made;
console.log(JSON.stringify({ nanoseconds, costMicros, boundMicros, exact, unread, covered: made.covered.length }));
