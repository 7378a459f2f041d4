import { randomBytes, randomUUID } from 'node:crypto';
import { pack, unpack } from '@countersign/proof/didcomm';
import { expect, test } from 'vitest';
import { type Configuration, packing } from './support/packed-calls.ts';
import { newDevice } from './support/wallet.ts';
import { devRealm, startServer } from './support/wallet-client.ts';

const ping = 'https://didcomm.org/trust-ping/2.0/ping';
const seconds = () => Math.floor(Date.now() / 1000);

async function stranger() {
  const server = await startServer(devRealm({}));
  const post = async (method: string, message: object) => {
    const answer = await fetch(`${server.issuer()}/countersign.v1.${method}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(message),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, string> };
  };
  const { body } = await post('ProviderService/GetConfiguration', {});
  const device = newDevice();
  const { sender, recipient } = await packing(device, body as unknown as Configuration);
  const made = (change: object = {}, by: { sender?: typeof sender } = { sender }) =>
    pack({
      ...{ id: randomUUID(), type: ping, body: {}, createdTime: seconds(), expiresTime: seconds() + 60 },
      ...{ ...by, recipients: [recipient], random: (count: number) => randomBytes(count), ...change },
    });
  const send = (packed: string) => post('SecureService/Request', { message: Buffer.from(packed).toString('base64') });
  const read = (message: string) =>
    unpack(Buffer.from(message, 'base64').toString(), {
      ...{ keys: [sender], recipient: device.did, modes: ['authcrypt'], now: seconds() },
      senderKey: (kid) => (kid === recipient.kid ? recipient.key : undefined),
    });
  return { made, send, read, recipient };
}

test('a trust ping of any DID is answered, sealed to its sender, in its thread', async () => {
  const { made, send, read, recipient } = await stranger();
  const { status, body } = await send(await made({ id: 'ping-1' }));
  expect(status).toBe(200);
  expect(await read(body.message as string)).toMatchObject({
    ...{ type: 'https://didcomm.org/trust-ping/2.0/ping-response', thid: 'ping-1', body: {} },
    sender: recipient.kid.split('#')[0],
  });
  const quiet = await send(await made({ body: { response_requested: false } }));
  expect([quiet.status, quiet.body.message ?? '']).toEqual([200, '']);
  expect((await send(await made({ body: { response_requested: true } }))).body.message).toBeTruthy();
});

test('a ping that is old, anonymous, of another type or comes twice gets the one refusal of packed messages', async () => {
  const { made, send } = await stranger();
  const twice = await made();
  expect((await send(twice)).status).toBe(200);
  const bad = [
    twice,
    await made({ createdTime: seconds() - 600, expiresTime: seconds() - 540 }),
    await made({}, {}),
    await made({ type: 'https://didcomm.org/trust-ping/1.0/ping' }),
    await made({ type: 'https://didcomm.org/trust-ping/2.0/ping-response' }),
  ];
  const answers = await Promise.all(bad.map((packed) => send(packed)));
  expect(new Set(answers.map(({ status, body }) => `${status} ${body.code} ${body.message}`)).size).toBe(1);
  expect(answers[0]?.status).toBeGreaterThanOrEqual(400);
});
