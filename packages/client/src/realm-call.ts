import { isJsonObject, type JsonObject } from '@countersign/proof';
import { checkIssuer } from './discovery.ts';
import { ClientError } from './error.ts';
import { fetchJson, type Transport } from './fetch-json.ts';
import type { TokenSource } from './token.ts';

/** Whom to ask, and as whom. */
export interface RealmCaller extends Transport {
  readonly issuer: string;
  readonly token: TokenSource;
}

const maxBytes = 262_144;

/**
 * One POST to a path of the realm, as ourselves.
 *
 * @throws {ClientError} `<noun>.refused` with the server's words, `http.*`, or what obtaining the token threw
 */
export async function postToRealm(caller: RealmCaller, noun: string, path: string, body: object): Promise<JsonObject> {
  const { issuer, token } = caller;
  checkIssuer(issuer);
  const bearer = await token.token();
  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${bearer}` },
    body: JSON.stringify(body),
    maxBytes,
  } as const;
  const { status, value } = await fetchJson(`${issuer}${path}`, request, caller);
  const answer = isJsonObject(value) ? value : {};
  if (status < 400) return answer;
  if (status === 401) token.discard?.(bearer);
  const { detail, title } = answer;
  const said = [detail, title].find((one) => typeof one === 'string');
  throw new ClientError(`${noun}.refused`, typeof said === 'string' ? said : `HTTP ${status}`);
}
