import { scryptAsync } from '@noble/hashes/scrypt.js';
import type { Scrypt } from './scrypt.ts';

/** RFC 7914 in JavaScript, because no browser has it. It lets the page run every 10 ms. */
export const scrypt: Scrypt = (password, salt, { N, r, p }) =>
  scryptAsync(password, salt, { N, r, p, dkLen: 32, maxmem: 256 * N * r });
