import type { Context } from '../../context.ts';
import type { Problem } from '../../kernel/problem.ts';
import type { RequestOrigin } from '../../kernel/source.ts';
import { attempts, isFailedProof } from '../../subject/attempt.ts';
import type { Realm } from '../../subject/realm.ts';
import type { ClientSubject } from '../../subject/subject.ts';
import { type Client, clientSecretPurpose, lookUpClient, readClient, type StoredSecret } from '../client.ts';
import { noteRefusal, reasonOf } from '../refusals/refusal.ts';
import { requireAssertionClaims, spendAssertion, verifyAssertion } from './client-assertion.ts';
import { type ClientProof, refused } from './client-proof.ts';

/** A client whose proof was verified. */
export interface AuthenticatedClient {
  readonly client: Client;
  readonly subject: ClientSubject;
}

export const authenticationMethods = ['client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const;

const clientSecret = ['client_secret'] as const;
const privateKeyJwt = ['private_key_jwt'] as const;

/**
 * Verifies the proof. Unknown client, wrong secret, suspended, offboarded and not approved all give the same
 * `oauth.invalid_client` after the same work. Only the log tells them apart.
 *
 * @throws {Problem} `oauth.invalid_client`, `attempt.throttled` after too many failures of this client id from this
 * source
 */
export async function authenticateClient(
  context: Context,
  realm: Realm,
  proof: ClientProof,
  { source, requestId }: RequestOrigin,
): Promise<AuthenticatedClient> {
  attempts(context).require(realm.name, proof.clientId, source);
  const shown: Shown = { isProved: false };
  try {
    return proof.method === 'private_key_jwt'
      ? await authenticateAssertion(context, realm, proof, shown)
      : await authenticateSecret(context, realm, proof, shown);
  } catch (thrown) {
    if (isFailedProof(thrown, 'oauth.invalid_client')) {
      attempts(context).failed(realm.name, proof.clientId, source);
      const reason = shown.reason ?? reasonOf(thrown as Problem);
      const named = { clientId: proof.clientId };
      const refused = { named, request: 'token', reason, source, requestId } as const;
      noteRefusal(context, { realm: realm.name, proved: shown.isProved, ...refused });
    }
    throw thrown;
  }
}

/** For the participant's own list of refusals: what the proof has shown before it was refused. */
interface Shown {
  isProved: boolean;
  reason?: string;
}

/** RFC 6749 §2.3.1. */
async function authenticateSecret(
  context: Context,
  realm: Realm,
  proof: { readonly clientId: string; readonly secret: string },
  shown: Shown,
): Promise<AuthenticatedClient> {
  const client = await findProven(context, realm, proof.clientId, (known) =>
    provesSecret(context, known, proof.secret, shown),
  );
  if (client === undefined) throw refused('unknown client, wrong secret, or not live');
  return { client, subject: { ...client.subject, amr: clientSecret } };
}

/**
 * The client, if `proves` holds. Another node may just have issued the secret or lifted the suspension, so a failure in
 * the cache is checked once more in the store. An unknown client was read just now (absences are not cached). So every
 * refusal costs one read.
 */
async function findProven(
  context: Context,
  realm: Realm,
  clientId: string,
  proves: (client: Client | undefined) => client is Client,
): Promise<Client | undefined> {
  let wasRead = false;
  const known = await lookUpClient(context, realm.name, clientId, (...read) => {
    wasRead = true;
    return readClient(...read);
  });
  if (proves(known)) return known;
  const fresh = wasRead ? known : await readClient(context, realm.name, clientId);
  return proves(fresh) ? fresh : undefined;
}

function isLive(client: Client | undefined): client is Client {
  return client?.live === true;
}

/** A digest that matches no secret. */
const decoy = 'A'.repeat(43);

/** A refusal always costs the same number of digests, however many secrets there are. The newest is tried first. */
function provesSecret(context: Context, client: Client | undefined, secret: string, shown: Shown): client is Client {
  const stored: readonly StoredSecret[] = client?.secrets ?? [];
  const now = context.clock.now();
  for (let slot = 1; slot <= Math.max(2, stored.length); slot++) {
    const candidate = stored[stored.length - slot];
    const matches = context.vault.matches(clientSecretPurpose, secret, candidate?.digest ?? decoy);
    if (!matches || client === undefined || candidate === undefined) continue;
    if (client.live && isCurrent(candidate, now)) return true;
    Object.assign(shown, {
      isProved: true,
      reason: client.live ? 'the secret has expired' : 'the participant is not approved',
    });
  }
  return false;
}

export function isCurrent(secret: StoredSecret, now: number): boolean {
  return secret.expiresAt === null || secret.expiresAt > now;
}

/**
 * RFC 7523 §3. Client ids are public in the registry, so this need not hide which ids exist. The assertion is spent
 * last, after the signature, so that a stranger cannot use up a client's ids.
 */
async function authenticateAssertion(
  context: Context,
  realm: Realm,
  proof: { readonly clientId: string; readonly assertion: string },
  shown: Shown,
): Promise<AuthenticatedClient> {
  const client = await findProven(context, realm, proof.clientId, isLive);
  const claims = await verifyAssertion(context, realm, client, proof);
  shown.isProved = true;
  requireAssertionClaims(context, realm, proof.clientId, claims);
  if (client === undefined) throw refused('not live');
  await spendAssertion(context, realm, client.subject.id, claims);
  return { client, subject: { ...client.subject, amr: privateKeyJwt } };
}
