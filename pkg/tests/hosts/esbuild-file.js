import * as imagecache from 'imagecache';
import place from 'imagecache/imagecache.wasm';
import { check } from './check.js';

await imagecache.init(new URL(place, import.meta.url));
document.title = check(imagecache);
