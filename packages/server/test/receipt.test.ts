import { createHash } from 'node:crypto';
import { cryptoPort } from '@countersign/client/node-crypto';
import { parseReceiptKeys, verifyReceipt } from '@countersign/proof';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, ask, createApplicant } from './support/applicant.ts';
import { eachDatabase } from './support/databases.ts';
import { base64, ocen, rfc7797, sender, signed, strict, strictAnswer, strictTarget } from './support/message.ts';
import { entryOf, keysPath, member, rotate, tokenOf } from './support/rotation.ts';
import { type TestServer, testServer } from './support/server.ts';

const ec = sender('ES256', 'agent-ec');
const rsa = sender('RS256', 'agent-rsa');
const gone = sender('ES256', 'agent-gone');
const document = '{"amount":100}';
const path = '/realms/dev/receipts';
const outcome = ({ status, body }: Answer) => (status < 300 ? status : `${status} ${body.code}`);

function network() {
  const agent = { id: 'agent', organisation: 'org-agent', keys: [] };
  const keys = [{ ...gone.jwk, nbf: 1_600_000_000, exp: 1_700_000_000 }, rsa.jwk, ec.jwk];
  const participants = [
    entryOf(agent, { keys }),
    entryOf({ ...agent, id: 'lender', organisation: 'org-lender' }, { keys: [sender('ES256', 'lender').jwk] }),
  ];
  return {
    realms: [
      { name: 'dev', profile: 'ocen4', participants },
      { name: 'bank', profile: 'strict', participants: participants.slice(0, 1) },
    ],
  };
}

const presented = (value: string, payload: string = document, more: object = {}) => ({
  signature: value,
  payload: base64(payload),
  participantId: 'agent',
  ...more,
});
async function pinnedBy(server: TestServer, realm = 'dev') {
  const { body } = await ask(server, `/realms/${realm}/receipts/certs`);
  return { issuer: body.issuer as string, keys: parseReceiptKeys(body) };
}

eachDatabase('receipts', (freshUrl) => {
  test('are good years later, when the key is retired and the keys of receipts have rotated, without a server', async () => {
    const server = await testServer({ databaseUrl: await freshUrl(), network: network() });
    try {
      const token = await tokenOf(server, 'lender');
      const before = await pinnedBy(server);
      const answer = await ask(server, path, { token, body: presented(signed(ec, rfc7797(ec), document)) });
      expect(outcome(answer)).toBe(200);
      expect(Object.keys(answer.body)).toEqual(['receipt']);
      const { receipt } = answer.body;

      const admin = await server.adminToken();
      const detail = (await ask(server, '/realms/dev/admin/participants/agent', { token: admin })).body;
      const { thumbprint } = detail.keys.find(
        (key: { publicKey: { kid?: string } }) => key.publicKey.kid === 'agent-ec',
      );
      const retired = `${keysPath('agent')}/${thumbprint}/retire`;
      expect((await ask(server, retired, { token: admin, body: {} })).status).toBe(200);
      const rotation = { token: admin, body: { purpose: 'receipt' } };
      expect((await ask(server, '/realms/dev/admin/signing-keys/rotate', rotation)).status).toBe(200);
      const after = await pinnedBy(server);

      for (const pinned of [before, after]) {
        const read = await verifyReceipt(receipt, { crypto: cryptoPort, ...pinned, body: Buffer.from(document) });
        expect(read).toMatchObject({
          iss: server.issuer(),
          participantId: 'agent',
          organisationId: 'org-agent',
          presenter: { participantId: 'lender' },
          form: 'rfc7797',
          binding: 'bytes',
          key: { thumbprint, exp: null, status: 'current' },
          message: { digest: createHash('sha256').update(document).digest('base64url'), length: 14 },
          checked: 'message',
        });
        expect(Math.abs(read.iat - Date.now() / 1000)).toBeLessThan(600);
      }
      // The message itself is not verified any more.
      expect(outcome(await ask(server, path, { token, body: presented(signed(ec, rfc7797(ec), document)) }))).toBe(
        '422 signature.refused',
      );
      const rows = await server.context.store.db.selectFrom('event').select('type').execute();
      expect(rows.map(({ type }) => type).filter((type) => type.startsWith('receipt'))).toEqual([]);
    } finally {
      await server.close();
    }
  });

  test('get keys at the next start of a server whose database is from before them', async () => {
    const databaseUrl = await freshUrl();
    const before = await testServer({ databaseUrl, network: network() });
    await before.context.store.db.deleteFrom('signing_key').where('purpose', '=', 'receipt').execute();
    await before.close();
    const server = await testServer({ databaseUrl });
    try {
      const token = await tokenOf(server, 'lender');
      const { body } = await ask(server, path, { token, body: presented(signed(ec, rfc7797(ec), document)) });
      const read = await verifyReceipt(body.receipt, { crypto: cryptoPort, ...(await pinnedBy(server)) });
      expect(read.participantId).toBe('agent');
    } finally {
      await server.close();
    }
  });

  test('of a compromised receipt key are refused from then on; those of other keys are good', async () => {
    const server = await testServer({ databaseUrl: await freshUrl(), network: network() });
    try {
      const token = await tokenOf(server, 'lender');
      const issued = async () =>
        (await ask(server, path, { token, body: presented(signed(ec, rfc7797(ec), document)) })).body.receipt as string;
      const first = await issued();
      const rotation = { token: await server.adminToken(), body: { purpose: 'receipt', immediately: true } };
      expect((await ask(server, '/realms/dev/admin/signing-keys/rotate', rotation)).status).toBe(200);
      const second = await issued();
      expect(decodeProtectedHeader(second).kid).not.toBe(decodeProtectedHeader(first).kid);
      const pinned = await pinnedBy(server);
      await expect(verifyReceipt(first, { crypto: cryptoPort, ...pinned })).rejects.toMatchObject({
        code: 'receipt.key_revoked',
      });
      expect(await verifyReceipt(second, { crypto: cryptoPort, ...pinned })).toMatchObject({ checked: 'unchecked' });
    } finally {
      await server.close();
    }
  });
});

describe('a receipt', () => {
  let server: TestServer;
  let token: string;
  beforeAll(async () => {
    server = await testServer({ network: network() });
    token = await tokenOf(server, 'lender');
  });
  afterAll(() => server.close());
  const issue = (body: unknown, by = token) => ask(server, path, { token: by, body });
  const read = async (answer: Answer, payload: string) =>
    verifyReceipt(answer.body.receipt, { crypto: cryptoPort, ...(await pinnedBy(server)), body: Buffer.from(payload) });

  test('is of every form, and vouches only for what the signature binds', async () => {
    const request = { method: 'POST', target: strictTarget };
    const plain = await issue(presented(signed(rsa, ocen(rsa), document), document, request));
    const { message } = await read(plain, document);
    expect(Object.keys(message).sort()).toEqual(['digest', 'kind', 'length']);
    expect((await read(plain, document)).key.status).toBe('previous');

    const bound = await read(
      await issue(presented(signed(ec, strict(ec, 'lender'), document), document, request)),
      document,
    );
    expect(bound).toMatchObject({
      binding: 'message',
      message: { ...request, recipient: 'lender' },
      checked: 'message',
    });

    const empty = await issue(
      presented(signed(ec, rfc7797(ec), '/v4/loans'), '', { method: 'GET', target: '/v4/loans' }),
    );
    expect((await read(empty, '')).message).toMatchObject({ length: 0, requestTarget: '/v4/loans' });

    const asked = signed(rsa, rfc7797(rsa), '{}');
    const answered = signed(ec, strictAnswer(ec, 'lender', 201, asked), document);
    const response = await issue(presented(answered, document, { status: 201, requestSignature: asked }));
    expect((await read(response, document)).message).toMatchObject({
      kind: 'response',
      status: 201,
      recipient: 'lender',
    });
  });

  test('says from when to when the key was good', async () => {
    const agent = await member('mover', 'org-mover');
    const own = await testServer({
      network: {
        realms: [
          {
            name: 'dev',
            profile: 'ocen4',
            participants: [entryOf(agent, { keys: [...agent.keys.map(({ publicKey }) => publicKey), ec.jwk] })],
          },
        ],
      },
    });
    try {
      const by = await tokenOf(own, 'mover');
      const rotated = await rotate(own, 'mover', await createApplicant(), agent.keys[0], {
        token: by,
        overlapSeconds: 60,
      });
      expect(rotated.status).toBe(201);
      const body = { ...presented(signed(ec, rfc7797(ec), document)), participantId: 'mover' };
      const { receipt } = (await ask(own, path, { token: by, body })).body;
      const { iat, key } = decodeJwt<{ key: { nbf: number; exp: number; status: string } }>(receipt);
      expect(key.status).toBe('previous');
      expect(key.exp).toBeGreaterThan(iat as number);
      expect(key.exp).toBeLessThanOrEqual((iat as number) + 61);
    } finally {
      await own.close();
    }
  });

  test('differs each time, and is of the receipt key alone', async () => {
    const body = presented(signed(ec, rfc7797(ec), document));
    const [one, two] = [(await issue(body)).body.receipt, (await issue(body)).body.receipt];
    expect(decodeJwt(one).jti).not.toBe(decodeJwt(two).jti);
    const { kid, typ } = decodeProtectedHeader(one);
    expect(typ).toBe('receipt+jwt');
    const tokenKeys = (await (await fetch(`${server.issuer()}/protocol/openid-connect/certs`)).json()) as {
      keys: { kid: string }[];
    };
    expect(tokenKeys.keys.map((key) => key.kid)).not.toContain(kid);
    // A receipt is no token: what it is signed with opens nothing.
    expect(outcome(await ask(server, path, { token: one, body }))).toBe('401 token.invalid');
  });

  const value = signed(ec, rfc7797(ec), document);
  const rows: readonly (readonly [string, unknown, string, string?])[] = [
    ['of a bad signature', presented(signed(ec, rfc7797(ec), 'x')), '422 signature.refused', '/signature'],
    ['of a retired key', presented(signed(gone, rfc7797(gone), document)), '422 signature.refused', '/signature'],
    ['of nobody', presented(value, document, { participantId: 'nobody' }), '422 signature.refused', '/signature'],
    [
      'of somebody else',
      presented(value, document, { participantId: 'lender' }),
      '422 signature.refused',
      '/signature',
    ],
    [
      'for somebody else',
      presented(signed(ec, strict(ec, 'third'), document), document, { method: 'POST', target: strictTarget }),
      '422 signature.refused',
      '/signature',
    ],
    ['of an earlier time', presented(value, document, { at: 1_650_000_000 }), '400 request.invalid', ''],
    ['of a key that is brought along', presented(value, document, { publicKey: ec.jwk }), '400 request.invalid', ''],
    ['of no participant', { signature: value, payload: base64(document) }, '400 request.invalid', '/participantId'],
    ['of no signature', presented(''), '422 signature.refused', '/signature'],
    ['of no payload', { signature: value, participantId: 'agent' }, '400 request.invalid', '/payload'],
    ['with an explanation', presented(value, document, { explain: true }), '400 request.invalid', ''],
    ['with a time of its own', presented(value, document, { iat: 1 }), '400 request.invalid', ''],
  ];
  test.each(rows)('%s is refused', async (_name, body, expected, pointer) => {
    const answer = await issue(body);
    expect([outcome(answer), answer.body.pointer]).toEqual([expected, pointer]);
    expect(answer.text()).not.toMatch(/eyJ/);
  });

  test('is for participants of the realm', async () => {
    const body = presented(value);
    expect(outcome(await ask(server, path, { body }))).toBe('401 token.missing');
    expect(outcome(await issue(body, await tokenOf(server, 'agent', 'bank')))).toBe('403 token.other_realm');
    expect(outcome(await issue(body, await server.adminToken()))).toBe('403 token.other_realm');
  });

  test('the keys are public, dated, and those of one realm', async () => {
    const first = await ask(server, '/realms/dev/receipts/certs');
    expect(first.body.issuer).toBe(server.issuer());
    for (const jwk of first.body.keys)
      expect(Object.keys(jwk).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    const etag = first.headers.get('etag') ?? '';
    const again = await fetch(`${server.url}/realms/dev/receipts/certs`, { headers: { 'if-none-match': etag } });
    expect(again.status).toBe(304);
    const { keys } = await pinnedBy(server, 'bank');
    const { receipt } = (await issue(presented(value))).body;
    await expect(verifyReceipt(receipt, { crypto: cryptoPort, keys })).rejects.toMatchObject({
      code: 'jws.kid_unknown',
    });
    expect((await ask(server, '/realms/nowhere/receipts/certs')).status).toBe(404);
  });

  test('1,200 a minute, then the next is told to wait; checks go on', async () => {
    const own = await testServer({
      network: network(),
      env: { COUNTERSIGN_LOG_LEVEL: 'silent' },
      clock: { now: Date.now, elapsed: () => 0 },
    });
    try {
      const by = await tokenOf(own, 'lender');
      const statuses: number[] = [];
      for (let round = 0; round < 51; round++) {
        const answers = await Promise.all(
          Array.from({ length: 24 }, () => ask(own, path, { token: by, body: presented(value) })),
        );
        statuses.push(...answers.map(({ status }) => status));
      }
      expect(statuses.filter((status) => status === 200)).toHaveLength(1_200);
      expect(statuses.filter((status) => status === 429)).toHaveLength(24);
      const still = await ask(own, '/realms/dev/signatures/verify', { token: by, body: presented(value) });
      expect(still.body.valid).toBe(true);
    } finally {
      await own.close();
    }
  });
});
