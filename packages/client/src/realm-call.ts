import { isJsonObject, type JsonObject } from '@countersign/proof';
import { cryptoPort } from '#platform-crypto';
import { checkRealm } from './discovery.ts';
import { ClientError } from './error.ts';
import { fetchJson, type Transport } from './fetch-json.ts';
import { createMessageSigner } from './message-signing.ts';
import type { PrivateJwk } from './private-jwk.ts';
import { importSigningKey } from './signing-key.ts';
import type { TokenSource } from './token.ts';
import { type ClientCredentials, httpBasic } from './token-endpoint.ts';

/** Whom to ask. */
export interface RealmTransport extends Transport {
  readonly issuer: string;
}

/** Whom to ask, and as whom. */
export interface RealmCaller extends RealmTransport {
  readonly token: TokenSource;
}

/** What a caller shows. */
export interface Shown {
  /** Of this very request, whose address and bytes a signature covers. */
  fields(url: string, body: Uint8Array): Promise<Readonly<Record<string, string>>>;
  /** What was shown was refused. */
  refused?(): void;
}

const maxBytes = 262_144;

/**
 * One POST to a path of the realm, as ourselves.
 *
 * @throws {ClientError} `<noun>.refused` with the server's words, `http.*`, or what obtaining the token threw
 */
export async function postToRealm(
  caller: RealmTransport,
  noun: string,
  path: string,
  members: object,
  shown: Shown,
): Promise<JsonObject> {
  const { issuer } = caller;
  checkRealm(issuer);
  const url = `${issuer}${path}`;
  const body = JSON.stringify(members);
  const fields = await shown.fields(url, new TextEncoder().encode(body));
  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...fields },
    body,
    maxBytes,
  } as const;
  const { status, value } = await fetchJson(url, request, caller);
  const answer = isJsonObject(value) ? value : {};
  if (status < 400) return answer;
  if (status === 401) shown.refused?.();
  const { detail, title } = answer;
  const said = [detail, title].find((one) => typeof one === 'string');
  throw new ClientError(`${noun}.refused`, typeof said === 'string' ? said : `HTTP ${status}`);
}

/** An access token. It manages nothing of ours: everybody whom we call has seen it. */
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

/** A strict signature by a key of ours that is valid now. It is good for this one request. */
export function byKey(issuer: string, jwk: PrivateJwk): Shown {
  // Without its key id: the registry may know the key under another.
  const key = () => importSigningKey({ ...jwk, kid: undefined });
  const signer = createMessageSigner({ key, crypto: cryptoPort, now: Date.now });
  return {
    fields: (url, body) => {
      const requestTarget = url.replace(/^https?:\/\/[^/?#]*/i, '');
      return signer.sign({ kind: 'request', method: 'POST', target: url, requestTarget, body }, 'strict', issuer);
    },
  };
}

export function bySecret(credentials: ClientCredentials): Shown {
  return { fields: async () => ({ authorization: httpBasic(credentials) }) };
}
