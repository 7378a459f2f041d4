import type { Context } from '../context.ts';
import { instantOf } from '../kernel/clock.ts';
import type { Source } from '../kernel/source.ts';
import { verifiedAddressOf } from '../mail/owner.ts';
import type { Writing } from '../store/write.ts';
import { useOnceWithin } from '../subject/tokens/replay.ts';
import type { Credential } from './identity/credential.ts';

/** Milliseconds. */
const remembered = 30 * 86_400_000;

/**
 * True if the owner must be told of a login without a cookie of this credential. Programs keep no cookies, so each pair
 * of network and program is reported once in 30 days. Call this only after the password was right, so that a stranger
 * causes no mail, and in the transaction that writes the mail, so that a login that fails uses up nothing.
 */
export async function isNewDevice(
  { clock }: Context,
  tx: Writing,
  realm: string,
  credential: Credential,
  source: Source,
  agent: string | undefined,
): Promise<boolean> {
  if (verifiedAddressOf(credential) === undefined) return false;
  const place = [credential.id, source.network, agent ?? ''].join('\0');
  return useOnceWithin(tx, realm, 'login-place', place, instantOf(clock.now() + remembered));
}
