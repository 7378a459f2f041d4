import { type PublicJwk, parsePublicJwk } from '@countersign/proof';
import { Problem } from '../../kernel/problem.ts';
import { isComputableKey } from '../../subject/secrets/factoring.ts';

/** @throws {Problem} `registry.key` with a pointer to the faulty member */
export function requirePublicKey(value: unknown, pointer: string): PublicJwk {
  const parsed = parsePublicJwk(value);
  if (parsed.ok) return parsed.key;
  const at = parsed.member === '' ? pointer : `${pointer}/${parsed.member}`;
  throw new Problem('registry.key', { detail: `${at}: ${parsed.reason.replaceAll('_', ' ')}.`, pointer: at });
}

export const computableKey = 'the private key can be computed from this number: make a new key with other software';

/**
 * Called before a key is registered, or before a signature is checked with the caller's key.
 *
 * @throws {Problem} `registry.key`
 */
export async function requireSecretHalf(jwk: PublicJwk, pointer: string): Promise<void> {
  if (!(await isComputableKey(jwk))) return;
  const at = `${pointer}/n`;
  throw new Problem('registry.key', { detail: `${at}: ${computableKey}.`, pointer: at });
}

/** Both checks, for callers who are authenticated. @throws {Problem} `registry.key` */
export async function requireNewKey(value: unknown, pointer: string): Promise<PublicJwk> {
  const jwk = requirePublicKey(value, pointer);
  await requireSecretHalf(jwk, pointer);
  return jwk;
}
