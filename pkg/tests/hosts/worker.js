import * as imagecache from '/node_modules/imagecache/dist/full/web.js';
import { check } from './check.js';

await imagecache.init();
postMessage(check(imagecache));
