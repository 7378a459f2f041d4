import { createHash } from 'node:crypto';

/**
 * SHA-1 in lower-case hex, because lists of breached passwords name passwords by it. It protects nothing. For the
 * storage of passwords see `password-hash.ts`.
 */
export function breachDigest(password: string): string {
  return createHash('sha1').update(password).digest('hex');
}
