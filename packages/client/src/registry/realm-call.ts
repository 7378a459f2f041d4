import { isJsonObject, type JsonObject } from '@countersign/proof';
import { cryptoPort } from '#platform-crypto';
import { checkRealm } from '../discovery.ts';
import { ClientError } from '../error.ts';
import { fetchJson, type Transport } from '../fetch-json.ts';
import { createMessageSigner } from '../message/message-signing.ts';
import type { PrivateJwk } from '../message/private-jwk.ts';
import { importSigningKey } from '../message/signing-key.ts';
import type { TokenSource } from '../token/token.ts';
import { type ClientCredentials, httpBasic } from '../token/token-endpoint.ts';

/** The realm to call. */
export interface RealmTransport extends Transport {
  readonly issuer: string;
}

/** The realm to call, and the caller's token. */
export interface RealmCaller extends RealmTransport {
  readonly token: TokenSource;
}

/** The proof that a caller sends with a request. */
export interface Shown {
  /** The header fields for this one request; a signature covers its method, its address and its bytes. */
  fields(request: ShownRequest): Promise<Readonly<Record<string, string>>>;
  /** Called when the proof was refused. */
  refused?(): void;
}

interface ShownRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly body: Uint8Array;
}

/** The first word of the codes of refusals. */
type Noun = 'keys' | 'receipt' | 'registry' | 'secrets';

const maxBytes = 262_144;

/**
 * Sends one POST with the caller's proof to a path of the realm.
 *
 * @throws {ClientError} `<noun>.refused` with the server's text, `http.*`, or the error of getting the token
 */
export async function postToRealm(
  caller: RealmTransport,
  noun: Noun,
  path: string,
  members: object,
  shown: Shown,
): Promise<JsonObject> {
  return ask(caller, noun, { method: 'POST', path, text: JSON.stringify(members) }, shown);
}

/**
 * Sends one GET with the caller's proof to a path of the realm.
 *
 * @throws {ClientError} `<noun>.refused` with the server's text, `http.*`, or the error of getting the token
 */
export async function getFromRealm(
  caller: RealmTransport,
  noun: Noun,
  path: string,
  shown: Shown,
): Promise<JsonObject> {
  return ask(caller, noun, { method: 'GET', path }, shown);
}

interface Asked {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** A document. */
  readonly text?: string;
}

async function ask(caller: RealmTransport, noun: Noun, asked: Asked, shown: Shown): Promise<JsonObject> {
  const { issuer } = caller;
  checkRealm(issuer);
  const { method, text } = asked;
  const url = `${issuer}${asked.path}`;
  const fields = await shown.fields({ method, url, body: new TextEncoder().encode(text ?? '') });
  const headers = { ...(text !== undefined && { 'content-type': 'application/json' }), ...fields };
  const request = { method, headers, ...(text !== undefined && { body: text }), maxBytes };
  const { status, value } = await fetchJson(url, request, caller);
  const answer = isJsonObject(value) ? value : {};
  if (status < 400) return answer;
  if (status === 401) shown.refused?.();
  const { detail, title } = answer;
  const said = [detail, title].find((one) => typeof one === 'string');
  throw new ClientError(`${noun}.refused`, typeof said === 'string' ? said : `HTTP ${status}`);
}

/** Proof by an access token. It is not enough to manage secrets or keys, because every called service has seen it. */
export function byToken({ token }: Pick<RealmCaller, 'token'>): Shown {
  let bearer = '';
  return {
    async fields() {
      bearer = await token.token();
      return { authorization: `Bearer ${bearer}` };
    },
    refused: () => token.discard?.(bearer),
  };
}

/** Proof by a strict signature of the participant's key that is valid now. It is good for this one request. */
export function byKey(issuer: string, jwk: PrivateJwk): Shown {
  // Without its key id, because the registry may know the key under another id.
  const key = () => importSigningKey({ ...jwk, kid: undefined });
  const signer = createMessageSigner({ key, crypto: cryptoPort, now: Date.now });
  return {
    fields: ({ method, url, body }) => {
      const requestTarget = url.replace(/^https?:\/\/[^/?#]*/i, '');
      return signer.sign({ kind: 'request', method, target: url, requestTarget, body }, 'strict', issuer);
    },
  };
}

export function bySecret(credentials: ClientCredentials): Shown {
  return { fields: async () => ({ authorization: httpBasic(credentials) }) };
}
