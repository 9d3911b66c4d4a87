import assert from 'node:assert/strict';
import test from 'node:test';
import { MARGIN, measure, recorded } from './sizes.mjs';

const sizes = measure();
const sum = ({ wasm = 0, js }) => wasm + js;

for (const name of Object.keys(sizes)) {
  test(`${name} is no larger than recorded`, () => {
    const was = sum(recorded()[name]);
    assert.ok(sum(sizes[name]) <= was * MARGIN, `${sum(sizes[name])} bytes, ${was} recorded, 5 % more allowed`);
  });
}
