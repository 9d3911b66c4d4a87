// What a registry and a type checker say about the package.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import * as imagecache from 'imagecache';
import * as planner from 'imagecache/plan';

const here = fileURLToPath(new URL('.', import.meta.url));
const bin = (name) => join(here, 'node_modules/.bin', name);

test('publint has nothing to say', async () => {
  const { messages } = await publint({ pkgDir: join(here, 'node_modules/imagecache'), pack: false, strict: true });
  assert.deepEqual(messages, []);
});

test('types are found wherever the package is', () => {
  const archive = execFileSync('npm', ['pack', '--silent', join(here, 'node_modules/imagecache')], { cwd: tmpdir(), encoding: 'utf8' }).trim();
  const file = join(tmpdir(), archive);
  try {
    // Node 10 and TypeScript's resolution of that name know no `exports`.
    execFileSync(bin('attw'), [file, '--profile', 'node16', '--exclude-entrypoints', './imagecache.wasm', './json/imagecache.wasm', './plan/imagecache.wasm'], { encoding: 'utf8' });
  } catch (fault) {
    assert.fail(fault.stdout);
  } finally {
    rmSync(file);
  }
});

test('the version is the crate’s', () => {
  const workspace = readFileSync(join(here, '../../Cargo.toml'), 'utf8');
  assert.equal(imagecache.version(), /^version = "(.*)"$/m.exec(workspace)[1]);
});

// Compiles with real answers in it, so a type that the module does not keep to is an error.
test('a TypeScript program compiles, and what is wrong in one does not', () => {
  const cache = { kind: 'ImageCache', metadata: { name: 'a', creationTimestamp: '2026-01-18T13:40:56Z' }, spec: { images: ['nginx:1', 'x/UP'], retentionDays: 3 }, status: { phase: 'Ready', imageCacheId: 'imc-1', expireDateTime: '2026-03-18T13:40:56Z' } };
  const older = { kind: 'ImageCache', metadata: { name: 'b' }, spec: { images: ['nginx:2'] } };
  const pod = { kind: 'Pod', metadata: { name: 'p' }, spec: { containers: [{ image: 'nginx:1' }, { image: 'nginx:7' }] } };
  const named = { ...pod, metadata: { name: 'p', annotations: { 'k8s.aliyun.com/eci-image-snapshot-id': 'imc-7', 'k8s.aliyun.com/eci-image-cache': 'true' } } };
  const index = new imagecache.CacheIndex([cache, older]);
  const answers = {
    'Diagnostic[]': [imagecache.validate(cache), imagecache.validate(JSON.stringify(cache))],
    Expiry: [imagecache.expiry(cache, '2026-01-19T00:00:00Z'), imagecache.expiry(older, '2026-01-19T00:00:00Z')],
    Reference: [imagecache.parseReference('nginx:1'), imagecache.parseReference('x/UP')],
    Match: [index.match(pod)],
    Explanation: [index.explain(pod), index.explain(named)],
    Unreadable: [index.match({})],
    Rule: [imagecache.explain('IC001')],
    PlanAnswer: [planner.plan([cache, older, pod], { sizes: { 'nginx:1': '1Gi', 'nginx:7': 7 }, prices: planner.samplePrices() }), planner.plan([pod, named, {}], { sizes: { B: 1 } })],
    PriceFile: [planner.samplePrices()],
    'Review | { error: string }': [imagecache.review({})],
  };
  const constants = Object.entries(answers).flatMap(([type, values]) => values.map((value, at) => `export const ${type.replace(/\W/g, '')}${at}: ${/^(Plan|Price)/.test(type) ? 'Planner' : 'Types'}.${type} = ${JSON.stringify(value)};`));
  const program = `
    import * as Types from 'imagecache';
    import { CacheIndex, expiry, init, validate, type Diagnostic } from 'imagecache';
    import * as small from 'imagecache/json';
    import * as inline from 'imagecache/inline';
    import * as Planner from 'imagecache/plan';
    import { crd, rules } from 'imagecache/texts';
    ${constants.join('\n')}
    await init();
    const found: Diagnostic[] = validate('kind: ImageCache', { levels: { IC042: 'off' }, maxSizeGib: 500 });
    export const lines: (number | null)[] = found.map(({ line }) => line);
    const index = new CacheIndex([{ kind: 'ImageCache' }]);
    const answer = index.match({ kind: 'Pod' }, { strict: true });
    if (answer.decision === 'Unreadable') console.log(answer.diagnostics);
    else console.log(answer.winner?.imageCacheId, index.size);
    export const left: number | null = expiry({}, new Date()).secondsLeft;
    export const page: string | undefined = rules.IC001?.page ?? String(crd().kind);
    export const same: string = small.version() + inline.version();
    // @ts-expect-error: text is expected
    validate(7);
    // @ts-expect-error: no such level
    validate('', { levels: { IC042: 'loud' } });
    export const verdict = small.review({}, { mode: 'pin', rules: { strict: true } }, index);
    const planned = Planner.plan([{ kind: 'Pod' }], { prices: Planner.samplePrices(), sizes: { 'a:1': '1Gi' } }, { objective: 'seconds', retentionDays: null, hours: { 'Job/a': 3 } });
    export const cost: number | null | undefined = planned.caches[0]?.useMicros ?? planned.after.keepMicros;
    // @ts-expect-error: no such objective
    Planner.plan('', undefined, { objective: 'speed' });
    // @ts-expect-error: the package without plans has none
    Types.plan('');
    // @ts-expect-error: no such rule
    index.match({}, { stricter: true });
  `;
  const folder = mkdtempSync(join(tmpdir(), 'imagecache-types-'));
  try {
    symlinkSync(join(here, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
    writeFileSync(join(folder, 'program.ts'), program);
    writeFileSync(join(folder, 'common.cts'), `import imagecache = require('imagecache');\nexport const text: string = imagecache.version();\n`);
    const flags = ['--strict', '--noEmit', '--target', 'esnext', '--lib', 'esnext,dom', '--types', '', '--module', 'nodenext', 'program.ts', 'common.cts'];
    execFileSync(bin('tsc'), flags, { cwd: folder, encoding: 'utf8' });
  } catch (fault) {
    assert.fail(fault.stdout || fault);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
