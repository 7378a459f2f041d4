import { isJsonObject, type JsonObject, type JsonValue } from '@countersign/proof';
import { type Checks, text as checkText, someText, wrong } from '@countersign/proof/argument';
import { ClientError } from '../error.ts';
import { fetchJson, type JsonAnswer, type Transport } from '../fetch-json.ts';

/** The client that asks for a token. */
export interface ClientCredentials {
  readonly clientId: string;
  readonly clientSecret: string;
}

/**
 * Cleans a copied secret: a byte order mark before it and line ends after it are removed, because no secret contains them.
 * Other control characters are a mistake, and are refused here: a server could only call the secret wrong.
 */
function secret(value: unknown, name: string): string {
  const line = checkText(value, name)
    .replace(/^\ufeff/, '')
    .replace(/[\r\n]+$/, '');
  if (line === '' || /\p{Cc}/u.test(line)) throw wrong(name, 'one line that is not empty, without control characters');
  return line;
}

export const clientChecks: Checks<ClientCredentials> = { clientId: someText, clientSecret: secret };

export interface TokenAnswer {
  readonly text: string;
  /** Milliseconds. */
  readonly expiresIn: number;
  /** All members of the answer. */
  readonly members: JsonObject;
}

/** The request is refused only because of its subject token. */
export class SubjectTokenRefused extends ClientError {}

/**
 * RFC 8693 §2.2.2: a bad subject token and a bad request are both `invalid_request`. Only the description distinguishes them.
 */
const ofSubjectToken = 'The subject token cannot be exchanged.';

const maxBytes = 65_536;

/**
 * Sends one request to a token endpoint, authenticated by HTTP Basic or by members of the form. `types` are the `token_type`s
 * that the caller can use, in lower case; `fields` are sent unchanged.
 *
 * @throws {ClientError} `oauth.<error>` with the error of the issuer, `token.malformed`, `http.*`
 */
export async function askTokenEndpoint(
  url: string,
  client: ClientCredentials | undefined,
  form: URLSearchParams,
  types: readonly string[],
  transport: Transport,
  fields: Readonly<Record<string, string>> = {},
): Promise<TokenAnswer> {
  const proof = client === undefined ? {} : { authorization: httpBasic(client) };
  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...proof, ...fields },
    body: form.toString(),
    maxBytes,
  } as const;
  const answer = await fetchJson(url, request, transport);
  return tokenOf(answer, types, client === undefined || /^\S(?:.*\S)?$/u.test(client.clientSecret) ? '' : spaced);
}

const spaced = ' The client secret begins or ends with a space: was it copied with it?';

/** Reads the answer by RFC 6749 §5.1 and §5.2. `hint` is added to the text if the client is refused. */
function tokenOf({ status, value }: JsonAnswer, types: readonly string[], hint: string): TokenAnswer {
  const members = isJsonObject(value) ? value : {};
  if (status !== 200) {
    // The issuer's description might repeat the request, so only the code is passed on.
    const error = typeof members.error === 'string' && /^[a-z_]{1,64}$/.test(members.error) ? members.error : 'unknown';
    const Refusal = members.error_description === ofSubjectToken ? SubjectTokenRefused : ClientError;
    throw new Refusal(
      `oauth.${error}`,
      `The token endpoint refused with ${status} ${error}.${error === 'invalid_client' ? hint : ''}`,
    );
  }
  const { access_token: text, token_type: type } = members;
  if (typeof text !== 'string' || !/^[\x21-\x7e]{1,16384}$/.test(text)) throw malformed('an access token');
  if (typeof type !== 'string' || !types.includes(type.toLowerCase())) throw malformed('a token type that is expected');
  return { text, expiresIn: milliseconds(members.expires_in), members };
}

/** A token without a stated life is used once. */
function milliseconds(expiresIn: JsonValue | undefined): number {
  if (expiresIn === undefined) return 0;
  if (typeof expiresIn !== 'number' || !(expiresIn >= 0)) throw malformed('a lifetime');
  return expiresIn * 1000;
}

/**
 * RFC 6749 §2.3.1: both are form-encoded before they are joined, so that a colon in one of them is not read as the separator.
 */
export function httpBasic({ clientId, clientSecret }: ClientCredentials): string {
  return `Basic ${btoa(`${formEncode(clientId)}:${formEncode(clientSecret)}`)}`;
}

function formEncode(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}

function malformed(missing: string): ClientError {
  return new ClientError('token.malformed', `The answer of the token endpoint lacks ${missing}.`);
}
