import { createParticipant } from '@countersign/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { exportNetwork } from '../src/registry/network-file/export.ts';
import { ask } from './support/applicant.ts';
import { base64, rfc7797, sender, signed, strict, strictTarget } from './support/message.ts';
import { caller } from './support/network.ts';
import { entryOf, secretOf, tokenOf } from './support/rotation.ts';
import { type TestServer, testServer } from './support/server.ts';

const agent = sender('ES256', 'agent');
const lender = sender('ES256', 'lender');
const document = '{"a":1}';

function network(change: object = {}) {
  const entry = (id: string, jwk: object) => ({ ...entryOf({ id, organisation: `org-${id}`, keys: [] }), keys: [jwk] });
  const participants = [
    entry('agent', agent.jwk),
    { ...entry('lender', lender.jwk), signatureForm: 'strict', ...change },
  ];
  return { realms: [{ name: 'dev', profile: 'ocen4', participants }] };
}

let server: TestServer;
beforeAll(async () => {
  server = await testServer({ network: network() });
});
afterAll(() => server.close());

const entry = async (id: string) =>
  (await ask(server, `/realms/dev/service/participant-roles/${id}`, { token: await tokenOf(server, 'agent') }))
    .body as {
    signatureForm?: string;
    publicKeys: { keys: { signatureForm?: string }[] };
  };

test('the registry names the form of a participant, and marks the keys of a strict one', async () => {
  const strictOne = await entry('lender');
  expect(strictOne.signatureForm).toBe('strict');
  expect(strictOne.publicKeys.keys.map((key) => key.signatureForm)).toEqual(['strict']);
  const other = await entry('agent');
  expect(other).not.toHaveProperty('signatureForm');
  expect(other.publicKeys.keys[0]).not.toHaveProperty('signatureForm');
});

test('a key registered as strict is refused in every other form, and accepted in its own', async () => {
  const check = async (value: string) => {
    const body = {
      signature: value,
      payload: base64(document),
      participantId: 'lender',
      method: 'POST',
      target: strictTarget,
    };
    return (await ask(server, '/realms/dev/signatures/verify', { token: await tokenOf(server, 'agent'), body })).body;
  };
  expect(await check(signed(lender, rfc7797(lender), document))).toMatchObject({
    valid: false,
    reason: 'message.key_form',
  });
  expect(await check(signed(lender, strict(lender, 'agent'), document))).toMatchObject({ valid: true, form: 'strict' });
});

test('the SDK signs to a recipient in the form that the recipient names', async () => {
  const privateKey = { ...agent.jwk, ...agent.privateKey.export({ format: 'jwk' }) };
  const sent: string[] = [];
  const participant = createParticipant({
    issuer: server.issuer(),
    clientId: 'agent',
    clientSecret: secretOf('agent'),
    privateKey,
    fetch: async (url, init) => {
      const value = new Headers(init.headers).get('x-jws-signature');
      if (value === null) return fetch(url, init);
      sent.push(Buffer.from(value.split('.')[0] as string, 'base64url').toString());
      return new Response(null, { status: 204 });
    },
  });
  try {
    await participant.fetch('https://lender.example/x', {
      method: 'POST',
      body: document,
      to: 'lender',
      response: 'ignored',
    });
    expect(JSON.parse(sent[0] as string)).toMatchObject({
      aud: 'lender',
      htm: 'POST',
      htu: 'https://lender.example/x',
    });
  } finally {
    participant.close();
  }
});

/** As a caller gets it: JSON. */
interface Exported {
  readonly realms: { participants: { id: string; signatureForm: string | null }[] }[];
}

test('the form is exported, kept when a file leaves it out, and cleared by null', async () => {
  const forms = async () => {
    const { realms } = JSON.parse(JSON.stringify(await exportNetwork(server.context, 'dev'))) as Exported;
    return realms[0]?.participants.map(({ id, signatureForm }) => [id, signatureForm]);
  };
  expect(await forms()).toEqual([
    ['agent', null],
    ['lender', 'strict'],
  ]);
  await applyNetwork(server.context, network({ signatureForm: undefined }), caller);
  expect((await entry('lender')).signatureForm).toBe('strict');
  await applyNetwork(server.context, network({ signatureForm: null }), caller);
  expect(await entry('lender')).not.toHaveProperty('signatureForm');
  await expect(applyNetwork(server.context, network({ signatureForm: 'jws' }), caller)).rejects.toMatchObject({
    code: 'network.invalid',
    pointer: '/realms/0/participants/1/signatureForm',
  });
});
