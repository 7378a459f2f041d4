import { Problem } from '../kernel/problem.ts';
import type { Hasher } from '../subject/password-hash.ts';

/** Refuses (`password.reused`) a password that one of these hashes, the newest first, is of. One after the other: a hash each. */
export async function requireUnused(hasher: Hasher, password: string, hashes: readonly string[]): Promise<void> {
  for (const hash of hashes) {
    if ((await hasher.verify(hash, password)).ok) throw new Problem('password.reused');
  }
}
