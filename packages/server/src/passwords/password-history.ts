import { Problem } from '../kernel/problem.ts';
import type { Hasher } from '../subject/secrets/password-hash.ts';

/**
 * Refuses the password of one of these hashes, newest first. Each check costs a hash, one after the other.
 *
 * @throws {Problem} `password.reused`
 */
export async function requireUnused(hasher: Hasher, password: string, hashes: readonly string[]): Promise<void> {
  for (const hash of hashes) {
    if ((await hasher.verify(hash, password)).ok) throw new Problem('password.reused');
  }
}
