import type { Context } from '../../context.ts';
import { realmKey } from '../../kernel/id.ts';
import { Problem } from '../../kernel/problem.ts';
import type { RequestOrigin } from '../../kernel/source.ts';
import type { Writing } from '../../store/write.ts';
import { attempts } from '../../subject/attempt.ts';
import type { Realm } from '../../subject/realm.ts';
import { requireStandingSubject } from '../../subject/standing.ts';
import { findClient } from '../client.store.ts';
import { type Client, clientSecretPurpose, parseSecrets } from '../client.ts';
import { readKeys, validKeys } from '../keys/participant-key.ts';
import { isValidAt } from '../keys/registered-key.ts';
import { type AuthenticatedClient, authenticateClient, isCurrent } from './client-authentication.ts';
import type { ClientProof } from './client-proof.ts';

export interface StandingClient extends AuthenticatedClient {
  /** For `Caller.standing`. */
  readonly standing: (tx: Writing) => Promise<void>;
}

/**
 * Authenticates a client past the cache, for a change of the client's own secrets: a new secret would outlive the seconds in which a
 * node may not know that the presented one was revoked.
 *
 * @throws {Problem} as `authenticateClient`
 */
export async function authenticatePresentClient(
  context: Context,
  realm: Realm,
  proof: ClientProof,
  origin: RequestOrigin,
): Promise<StandingClient> {
  attempts(context).require(realm.name, proof.clientId, origin.source);
  context.cache.invalidate('client', realmKey(realm.name, proof.clientId));
  const authenticated = await authenticateClient(context, realm, proof, origin);
  const { subject } = authenticated.client;
  const stillProven = await provenInStore(context, realm.name, authenticated.client, proof);
  return {
    ...authenticated,
    async standing(tx) {
      await requireStandingSubject(tx, subject, 'oauth.invalid_client');
      if (!(await stillProven(tx)))
        throw new Problem('oauth.invalid_client', { reason: 'the secret or a key ended a moment ago' });
    },
  };
}

/** Whether the secret, or every key that may have signed the assertion, is still good when a transaction asks. */
async function provenInStore(
  context: Context,
  realm: string,
  { id, participantId = '' }: Client,
  proof: ClientProof,
): Promise<(tx: Writing) => Promise<boolean>> {
  if (proof.method !== 'private_key_jwt') {
    const digest = context.vault.digest(clientSecretPurpose, proof.secret);
    return async (tx) => {
      const row = await findClient(tx.db, realm, id);
      return parseSecrets(row?.secrets ?? '[]').some((known) => known.digest === digest && isCurrent(known, tx.now));
    };
  }
  const tried = (await validKeys(context, realm, participantId)).map(({ thumbprint }) => thumbprint);
  return async (tx) => {
    const valid = (await readKeys(tx, realm, participantId)).filter((key) => isValidAt(key, tx.now));
    return tried.every((one) => valid.some(({ thumbprint }) => thumbprint === one));
  };
}
