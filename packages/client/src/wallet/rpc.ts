import { decodeEitherBase64, encodeBase64url, isJsonObject, type JsonObject, type JsonValue } from '@countersign/proof';
import { ClientError, type RealmCode } from '../error.ts';
import { fetchJson, type JsonAnswer, type Transport } from '../fetch-json.ts';

/** The full path of an RPC, such as `/countersign.v1.WalletService/GetWallet`. */
export type RpcPath = `/${string}/${string}`;

const maxBytes = 4_194_304;

/** The serialized message of a call. An invocation binds these bytes. */
export function serialized(request: JsonObject): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(request));
}

/**
 * Makes one unary call by the Connect protocol with JSON (https://connectrpc.com/docs/protocol), for which fetch is enough.
 *
 * @throws {ClientError} with the code of the realm's refusal (`wallet.denied`, `token.invalid`, …), else `rpc.<status>`; `http.*`
 */
export async function callUnary(
  issuer: string,
  path: RpcPath,
  message: Uint8Array,
  fields: Readonly<Record<string, string>>,
  transport: Transport,
): Promise<JsonObject> {
  const headers = { 'content-type': 'application/json', 'connect-protocol-version': '1', ...fields };
  const body = new TextDecoder().decode(message);
  const answer = await fetchJson(issuer + path, { method: 'POST', headers, body, maxBytes }, transport);
  if (answer.status !== 200) throw refusalOf(answer);
  if (!isJsonObject(answer.value)) throw new ClientError('rpc.malformed', 'The answer is no JSON object.');
  return answer.value;
}

/** The refusal of the realm, with the realm's own code if it sends one. */
function refusalOf({ status, value }: JsonAnswer): ClientError {
  const { code, message, details } = isJsonObject(value) ? value : ({} as JsonObject);
  const reason = Array.isArray(details) ? details.map(reasonIn).find((one) => one !== undefined) : undefined;
  const text = typeof message === 'string' && message !== '' ? message.slice(0, 1_000) : `HTTP ${status}`;
  return new ClientError(reason ?? `rpc.${codeIn(code) ?? status}`, text);
}

const codeShape = /^[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*$/;

function codeIn(value: JsonValue | undefined): RealmCode | undefined {
  return typeof value === 'string' && value.length <= 64 && codeShape.test(value) ? (value as RealmCode) : undefined;
}

/** The reason in `google.rpc.ErrorInfo`, from Connect's readable form. */
function reasonIn(detail: JsonValue): RealmCode | undefined {
  if (!isJsonObject(detail) || detail.type !== 'google.rpc.ErrorInfo' || !isJsonObject(detail.debug)) return undefined;
  return detail.debug.domain === 'countersign' ? codeIn(detail.debug.reason) : undefined;
}

/** A bytes field for protobuf's JSON, which also reads the URL alphabet. */
export function bytesField(document: JsonObject): string {
  return encodeBase64url(serialized(document));
}

/**
 * The bytes of a field in protobuf's JSON, which writes the other alphabet, with padding.
 *
 * @throws {ClientError} `rpc.malformed`
 */
export function bytesIn(text: string, most: number): Uint8Array {
  const bytes = decodeEitherBase64(text, most);
  if (bytes === undefined) throw new ClientError('rpc.malformed', 'Bytes of the answer are not in base64.');
  return bytes;
}
