import type { Context } from '../../context.ts';
import { isComputableKey } from '../../subject/factoring.ts';
import { knownThumbprints } from '../participant-key.ts';
import { computableKey } from '../public-key.ts';
import type { PreparedRealm } from './prepare.ts';
import { invalid } from './refusal.ts';

/**
 * No new RSA key may be one whose private half everybody can compute. Outside of the transaction, because it takes time; what was registered
 * is not asked again, so that a file which is applied at every start costs that once.
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
