import { system } from '../../src/kernel/caller.ts';
/** Three services behind one credential: what may be exchanged for whom, in two realms. */
import { write } from '../../src/store/write.ts';
import { requireRealm } from '../../src/subject/realm.ts';
import { openSession, type SessionTerms } from '../../src/subject/session.ts';
import { type CredentialSubject, credentialSubjectId } from '../../src/subject/subject.ts';
import { keyOf } from './network.ts';
import { basic, errorOf, form, post, tokenUrl } from './oauth.ts';
import type { TestServer } from './server.ts';

/** TEST SECRET: the same for every client of this network. */
export const secret = 'secret-of-a-service-for-tests';
export const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const sessionType = 'urn:countersign:params:oauth:token-type:session';
export const transactionType = 'urn:ietf:params:oauth:token-type:txn_token';
export const accessType = 'urn:ietf:params:oauth:token-type:access_token';

const corporate = {
  identityProfiles: [{ id: 'ip-1', name: 'Corporates' }],
  identities: [{ id: 'corp-1', profileId: 'ip-1', name: 'Acme Travel' }],
  credentials: [{ id: 'cred-1', identityId: 'corp-1', type: 'ROOT', code: 'alice@acme.example' }],
};

/** `orders` calls `ledger`, which calls `archive`; `loop` may call itself; `stranger` may call nobody. */
export const chainNetwork = {
  realms: [
    {
      name: 'dev',
      profile: 'ocen4',
      settings: { accessTokenAlg: 'ES256' },
      participants: [
        service('orders', ['https://ledger.example', 'ledger', 'p-ledger', 'loop'], 'orders:read orders:write'),
        service('ledger', ['https://archive.example']),
        service('archive', []),
        service('loop', ['loop']),
        service('stranger', []),
      ],
      ...corporate,
    },
    { name: 'bank', profile: 'strict', participants: [service('orders', ['https://ledger.example'])], ...corporate },
  ],
};

function service(id: string, audiences: readonly string[], scope?: string) {
  return {
    id: `p-${id}`,
    role: 'LENDER',
    status: 'APPROVED',
    baseUrl: `https://${id}.example`,
    keys: [keyOf(id)],
    client: { id, secret, audiences, ...(scope === undefined ? {} : { scope }) },
    resources:
      id === 'orders'
        ? [
            { resource: 'https://ledger.example', roles: ['book'] },
            { resource: 'https://archive.example', roles: ['keep'] },
          ]
        : [],
  };
}

function credentialSubject(realm = 'dev', generation = 1): CredentialSubject {
  return {
    kind: 'credential',
    realm,
    id: credentialSubjectId('cred-1'),
    generation,
    amr: ['pwd'],
    credential: { type: 'ROOT', id: 'cred-1', code: 'alice@acme.example' },
    identity: { type: 'corporates', id: 'corp-1' },
  };
}

/** A session as a login opens it. */
export async function openTestSession({ context }: TestServer, terms: Partial<SessionTerms> = {}, realmName = 'dev') {
  const realm = await requireRealm(context, realmName);
  return write(context, system, (tx) =>
    openSession(context, tx, realm, credentialSubject(realmName), { acr: 'aal1', ...terms }),
  );
}

export interface ExchangeAnswer {
  readonly access_token: string;
  readonly issued_token_type: string;
  readonly token_type: string;
  readonly expires_in: number;
  readonly scope?: string;
}

export interface Asking {
  readonly realm?: string;
  readonly client?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One exchange, as it goes over the wire. Without `client` nobody proves anything. */
export function askExchange(server: TestServer, parameters: Readonly<Record<string, string>>, asking: Asking = {}) {
  const { realm, client, headers } = asking;
  const proof = client === undefined ? {} : basic(client, secret);
  return post(tokenUrl(server, realm), form({ grant_type: exchangeGrant, ...parameters }), { ...proof, ...headers });
}

export async function exchanged(...asked: Parameters<typeof askExchange>): Promise<ExchangeAnswer> {
  const response = await askExchange(...asked);
  if (response.status !== 200) throw new Error(await errorOf(response));
  return (await response.json()) as ExchangeAnswer;
}

export async function refusedExchange(...asked: Parameters<typeof askExchange>): Promise<string> {
  return errorOf(await askExchange(...asked));
}

/** The signed subject of a session, for a service. */
export async function subjectToken(server: TestServer, session: string, audience?: string): Promise<string> {
  const target = audience === undefined ? {} : { audience };
  const answer = await exchanged(server, { subject_token: session, subject_token_type: sessionType, ...target });
  return answer.access_token;
}
