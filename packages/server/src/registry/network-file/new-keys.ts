import type { Context } from '../../context.ts';
import { isComputableKey } from '../../subject/secrets/factoring.ts';
import { knownThumbprints } from '../keys/participant-key.ts';
import { computableKey } from '../keys/public-key.ts';
import type { PreparedRealm } from './prepare.ts';
import { invalid } from './refusal.ts';

/**
 * Refuses new RSA keys whose private half anyone can compute. Runs outside the transaction because it takes time.
 * Registered keys are not checked again, so a file that is applied at every start pays for the check once.
 */
export async function requireSecretHalves(context: Context, realms: readonly PreparedRealm[]): Promise<void> {
  for (const { entry, participants } of realms) {
    const keys = participants.flatMap((participant) => participant.keys.filter(({ jwk }) => jwk.kty === 'RSA'));
    const known = await knownThumbprints(
      context,
      entry.name,
      keys.map((key) => key.thumbprint),
    );
    for (const { jwk, thumbprint, at } of keys) {
      if (!known.has(thumbprint) && (await isComputableKey(jwk))) throw invalid(`${at}/n`, computableKey);
    }
  }
}
