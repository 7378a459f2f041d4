import { createHash } from 'node:crypto';

/**
 * SHA-1 in lower-case hex: the name under which lists of breached passwords know a password. It protects nothing and hides
 * nothing; what is stored of our own passwords is in `password-hash.ts`.
 */
export function breachDigest(password: string): string {
  return createHash('sha1').update(password).digest('hex');
}
