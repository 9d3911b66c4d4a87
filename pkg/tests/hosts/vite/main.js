import * as imagecache from 'imagecache';
import { check } from '../check.js';

await imagecache.init();
document.title = check(imagecache);
