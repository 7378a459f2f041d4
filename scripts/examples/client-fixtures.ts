/** The further names for the examples of @countersign/client: a realm in this process, and what a program makes of it once. */
import { mkdtemp } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEdge, createParticipant, createService } from '@countersign/client';
import { encodeBase64url, type RequestMessage, signMessage } from '@countersign/proof';
import { agent, api, cryptoPort, issuer, lender, now } from './fixtures.ts';
import { answerFor } from './realm.ts';

export { default as express } from 'express';
export { default as fastify } from 'fastify';
export { Hono } from 'hono';

/** Where the realm is, and how it is reached. */
export const realm = { issuer: issuer.url, fetch: answerFor };
/** The time of the examples in milliseconds since the epoch. */
export const clock = () => now * 1000;
/** Test secrets of the agent and of the lender. */
export const secrets = {
  agent: { clientId: 'agent', clientSecret: 'secret-1' },
  lender: { clientId: 'lender', clientSecret: 'secret-1' },
};

/** A service that is called with tokens of participants. */
export const service = createService({
  ...{ ...realm, ...secrets.lender, audience: api, accept: ['participant'], status: 'none', now: clock },
});

/** An edge, at which `ann` logs in with any password. */
export const edge = createEdge({ ...realm, ...secrets.lender, audience: api, now: clock });

/** The lender, who receives signed messages. */
export const participant = createParticipant({
  ...{ ...realm, ...secrets.lender, privateKey: lender.privateJwk, status: 'none', now: clock },
});

const bearerOfAgent = `Bearer ${await issuer.accessToken()}`;
const getRoot: RequestMessage = {
  ...{ kind: 'request', method: 'GET', target: 'https://lender.example/', requestTarget: '/', body: new Uint8Array() },
};

/** Header fields of callers: the agent with its token, with a signed `GET /` too, and `ann` with her password. */
export const headers = {
  bearer: { authorization: bearerOfAgent },
  signed: {
    authorization: bearerOfAgent,
    'x-jws-signature': await signMessage(getRoot, { key: agent.key, sign: agent.signer, form: 'rfc7797' }),
  },
  basic: { authorization: `Basic ${btoa('ann:correct horse')}` },
};

/** One `GET /` to a listener of `node:http`, such as an Express app. */
export async function get(listener: RequestListener, fields: Readonly<Record<string, string>>): Promise<Response> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: fields });
    return new Response(await answer.text(), answer);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** A passphrase that is cheap to try, for tests only. */
export const lock = { passphrase: 'correct horse battery', cost: { N: 16_384, r: 8, p: 1 } };

/** An empty folder. */
export const folder = await mkdtemp(join(tmpdir(), 'countersign-examples-'));

/** A gateway in front of `https://app.example`: it names the agent as the sender of a request. */
export const gateway = {
  jwk: lender.jwk,
  subject: async (request: { readonly method: string; readonly requestTarget: string; readonly body: Uint8Array }) =>
    lender.jws(
      { typ: 'gateway-subject+jwt' },
      {
        ...{ iss: 'countersign-gateway', aud: 'https://app.example', iat: now, exp: now + 60, sub: 'subject-1' },
        ...{ realm: 'shop', participantId: 'agent', clientId: 'agent', roles: [], resource_access: {} },
        ...{ method: request.method, path: request.requestTarget },
        digest: encodeBase64url(await cryptoPort.sha256(request.body)),
        verdict: { form: 'rfc7797', binding: 'bytes', replay: 'first' },
      },
    ),
};
