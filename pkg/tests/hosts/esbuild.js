import * as imagecache from 'imagecache/inline';
import { check } from './check.js';

globalThis.document.title = check(imagecache);
