/** OCEN's exchanges between participants, against a provider on each adapter. Only hosts and tokens are ours. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createParticipant, createRemoteJwks, importSigningKey, type Participant } from '../src/index.ts';
import { compact } from './support/forge.ts';
import { adapters, type Provider, startProvider } from './support/providers.ts';
import { send } from './support/raw-request.ts';
import { agent, lender, type RealmServer, rsaKey, serveRealm } from './support/realm-server.ts';

const file = fileURLToPath(new URL('../../../../shared/vectors/ocen/http_flow.json', import.meta.url));
const isThere = existsSync(file);

interface Exchange {
  readonly id: string;
  readonly request: {
    readonly method: string;
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body_b64: string;
  };
  readonly response: { readonly status: number; readonly headers: Readonly<Record<string, string>> };
}

const flow: { clock: number; exchanges: Exchange[]; tokens: Record<string, string> } = isThere
  ? JSON.parse(readFileSync(file, 'utf8'))
  : { clock: 0, exchanges: [], tokens: {} };
const exchanges = flow.exchanges.filter(({ id }) => /^(05|10|n1\d|n2\d)-/.test(id));

test.runIf(process.env.CI)('the vectors are there', () => expect(isThere).toBe(true));

describe.skipIf(!isThere)('the exchanges', () => {
  const issuerKey = rsaKey('test-as');
  let realm: RealmServer;
  let participants: readonly Participant[];
  beforeAll(async () => {
    realm = await serveRealm();
    const { issuer } = realm;
    const remote = createRemoteJwks({ uri: `${issuer}/protocol/openid-connect/certs` });
    const all = [...(await remote.keys()), (await importSigningKey(issuerKey)).publicJwk];
    const jwks = { keys: () => all, refresh: async () => false };
    participants = [[lender, realm.lenderKey] as const, [agent, realm.agentKey] as const].map(
      ([{ clientId, secret }, privateKey]) =>
        createParticipant({ issuer, clientId, clientSecret: secret, privateKey, jwks }),
    );
  });
  afterAll(async () => {
    for (const participant of participants ?? []) participant.close();
    await realm?.[Symbol.asyncDispose]();
  });

  /** The token of an exchange: a real one where it was good, else the same fault with our issuer, our time and a key of the realm. */
  async function reissued(authorization: string): Promise<string> {
    const theirs = authorization.slice('Bearer '.length);
    const name = Object.entries(flow.tokens).find(([, token]) => token === theirs)?.[0] ?? '';
    if (name === 'la') return realm.token(agent);
    if (name === 'le') return realm.token(lender);
    const part = (index: number) => JSON.parse(Buffer.from(theirs.split('.')[index] ?? '', 'base64url').toString());
    const shift = Math.floor(Date.now() / 1000) - flow.clock;
    const claims = part(1);
    for (const time of ['iat', 'exp', 'nbf']) if (claims[time] !== undefined) claims[time] += shift;
    if (name !== 'wrongiss') claims.iss = realm.issuer;
    return compact({ ...part(0), kid: 'test-as' }, claims, name === 'forged' ? rsaKey() : issuerKey);
  }

  test('all of them are here', () => {
    expect(exchanges.map(({ id }) => id.split('-')[0])).toEqual([
      '05',
      '10',
      'n10',
      'n11',
      'n12',
      'n13',
      'n14',
      'n15',
      'n16',
      'n20',
      'n21',
      'n22',
      'n23',
      'n24',
      'n25',
    ]);
  });

  describe.each(adapters)('%s', (adapter) => {
    let providers: readonly Provider[];
    beforeAll(async () => {
      providers = await Promise.all(
        participants.map((participant) => startProvider(adapter, (url) => ({ participant, publicUrl: url }))),
      );
    });
    afterAll(async () => {
      for (const provider of providers ?? []) await provider[Symbol.asyncDispose]();
    });

    test.each(exchanges)('$id', async ({ request, response }) => {
      const provider = providers[request.url.startsWith('https://la.') ? 1 : 0] as Provider;
      const { pathname } = new URL(request.url);
      const headers = await Promise.all(
        Object.entries(request.headers).map(async ([name, value]) =>
          name === 'authorization' ? [name, `Bearer ${await reissued(value)}`] : [name, value],
        ),
      );
      const before = provider.handled();
      const answer = await send(provider.url, {
        method: request.method,
        path: pathname,
        headers: headers.flat(),
        body: Buffer.from(request.body_b64, 'base64'),
      });
      // The example has no such route: what was let through is a signed 404.
      const isGood = response.status === 200;
      expect(answer.status).toBe(isGood ? 404 : response.status);
      expect(answer.headers['x-jws-signature'] !== undefined).toBe(isGood);
      expect(provider.handled() - before).toBe(isGood ? 1 : 0);
      if (response.status === 401) expect(answer.headers['www-authenticate']).toMatch(/^Bearer\b/);
    });
  });
});
