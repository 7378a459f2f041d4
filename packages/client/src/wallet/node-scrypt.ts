import { scrypt as derive } from 'node:crypto';
import type { Scrypt } from './scrypt.ts';

/** RFC 7914 with OpenSSL, outside of the main thread. */
export const scrypt: Scrypt = (password, salt, { N, r, p }) =>
  new Promise((resolve, reject) => {
    const maxmem = 256 * N * r;
    derive(password, salt, 32, { N, r, p, maxmem }, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
