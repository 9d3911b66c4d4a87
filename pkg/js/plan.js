// What the entry `imagecache/plan` exports besides; `cargo xtask pkg` adds it to `api.js`.
export const plan = (objects, facts, options) => core().plan(objects, facts, options);
export const samplePrices = () => ('@PRICES@');
