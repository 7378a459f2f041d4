/**
 * A signed fetch: it sends the request with the participant's token and a signature over the exact bytes that are sent. It
 * returns the response only after it has verified its signature over the exact bytes that were received.
 */
import {
  type MessageForm,
  messageFormNames,
  ProofError,
  type RequestMessage,
  signatureField,
  signatureHeader,
  type VerifiedMessage,
} from '@countersign/proof';
import { amount, object, oneOf, optional, text } from '@countersign/proof/argument';
import { readBounded } from '../bounded-body.ts';
import { ClientError } from '../error.ts';
import type { Fetch } from '../fetch-json.ts';
import type { ParticipantDetail } from '../registry/participant-detail.ts';
import type { TokenSource } from '../token/token.ts';
import { MessageProblem, orUnavailable, problem } from './message-problem.ts';
import type { MessageSigner } from './message-signing.ts';
import { checkSigner, type SignerCheckOptions } from './signer-check.ts';
import './message-refusal.ts';

/** A request to another participant. */
export interface SignedInit extends RequestInit {
  /** The participant id of the called participant. Needed to verify the response, and in the strict form. */
  readonly to?: string;
  /** Default: the form in the registry entry of the recipient, else the `form` of the participant. */
  readonly form?: MessageForm;
  /** `if-present`: an unsigned response passes, a wrong signature does not. `ignored`: the signature is not checked. */
  readonly response?: 'required' | 'if-present' | 'ignored';
  /** The largest response, in bytes. Default 16 MiB. */
  readonly maxResponseBytes?: number;
  /** The time limit for the whole exchange, body included, in milliseconds. Default 30,000. */
  readonly timeoutMilliseconds?: number;
  /** Allows http to other machines: token and message can then be read on the way. Only for private networks. */
  readonly allowPlainHttp?: boolean;
}

/** The verdict on a signed response: the signature, and the participant that made it. */
export interface ResponseVerdict extends VerifiedMessage {
  readonly participant: ParticipantDetail;
}

/** `countersign` is the verdict on the response; undefined if it has no signature, or the signature was not checked. */
export type VerifiedResponse = Response & { readonly countersign: ResponseVerdict | undefined };

export interface SignedFetchOptions extends SignerCheckOptions {
  readonly fetch: Fetch;
  readonly token: TokenSource;
  readonly signer: MessageSigner;
  readonly form: MessageForm;
  readonly forms: readonly MessageForm[];
  /** The participant's own id. */
  readonly recipient: () => Promise<string | undefined>;
}

const defaultMaxResponse = 16_777_216;
const defaultTimeout = 30_000;

/**
 * @throws {MessageProblem}
 * @throws {ProofError} `signing.*`
 * @throws {ClientError} `http.*`, `oauth.*`, `message.*`
 */
export async function signedFetch(
  url: string | URL,
  init: SignedInit,
  options: SignedFetchOptions,
): Promise<VerifiedResponse> {
  const { to, form: wanted, response: demand = 'required', ...others } = object(init, 'init') as SignedInit;
  optional(text)(to, 'init.to');
  optional(oneOf(...messageFormNames))(wanted, 'init.form');
  // Any other value would not count as `required`.
  oneOf('required', 'if-present', 'ignored')(demand, 'init.response');
  for (const limit of ['maxResponseBytes', 'timeoutMilliseconds'] as const)
    optional(amount)(init[limit], `init.${limit}`);
  const { maxResponseBytes, timeoutMilliseconds, allowPlainHttp, ...rest } = others;
  if (to === undefined && demand !== 'ignored') throw problem('message.recipient_missing');
  checkUrl(url, allowPlainHttp === true);
  const form = wanted ?? (await registeredForm(to, options)) ?? options.form;
  // One Request makes the bytes and the content type that belongs to them. A redirect would send both to another place.
  const draft = new Request(url, { ...rest, redirect: 'manual' });
  const message = await messageOf(draft);
  const fields = await options.signer.sign(message, form, to);
  const bearer = await options.token.token();
  const headers = new Headers(draft.headers);
  headers.set('authorization', `Bearer ${bearer}`);
  headers.set(signatureField, fields[signatureField]);
  // The signed bytes must be the sent bytes: a decoded body would be other bytes.
  headers.set('accept-encoding', 'identity');
  const signal = AbortSignal.any([draft.signal, AbortSignal.timeout(timeoutMilliseconds ?? defaultTimeout)]);
  const { response, bytes } = await exchange(draft.url, async () => {
    const answer = await options.fetch(draft.url, { ...initOf(message, headers), signal });
    return { response: answer, bytes: await readBounded(answer.body, maxResponseBytes ?? defaultMaxResponse) };
  });
  if (response.status === 401) options.token.discard?.(bearer);
  if (bytes === undefined) throw problem('response.too_large');
  const verdict =
    demand === 'ignored' || to === undefined
      ? undefined
      : await verdictOf(response, bytes, { to, demand, form, signature: fields[signatureField] }, options);
  return readable(response, bytes, verdict);
}

/** While it lives, the token is worth as much as the secret, so it is sent over https only. */
function checkUrl(url: string | URL, allowPlainHttp: boolean): void {
  const { protocol, hostname } = new URL(url);
  const isLoopback = hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
  if (protocol === 'https:' || (protocol === 'http:' && (isLoopback || allowPlainHttp))) return;
  throw new ClientError('message.url', 'Messages go to https URLs (http on this machine, or where it is allowed).');
}

async function registeredForm(to: string | undefined, { registry }: SignedFetchOptions) {
  if (to === undefined) return undefined;
  const detail = await orUnavailable('registry.unavailable', () => registry.lookUp?.(to) ?? registry.participant(to));
  return detail.signatureForm ?? undefined;
}

async function messageOf(draft: Request): Promise<RequestMessage> {
  const { origin, pathname, search } = new URL(draft.url);
  const requestTarget = pathname + search;
  const body = new Uint8Array(await draft.arrayBuffer());
  return { kind: 'request', method: draft.method, target: origin + requestTarget, requestTarget, body };
}

function initOf({ method, body }: RequestMessage, headers: Headers): RequestInit {
  const bytes = body.length > 0 ? { body: body as Uint8Array<ArrayBuffer> } : {};
  return { method, headers, ...bytes, redirect: 'manual', credentials: 'omit' };
}

async function exchange<T>(url: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const { origin, pathname } = new URL(url);
    const isLate = error instanceof Error && error.name === 'TimeoutError';
    const [code, text] = isLate
      ? (['http.timeout', 'did not answer in time'] as const)
      : (['http.unreachable', 'cannot be reached'] as const);
    throw new ClientError(code, `${origin}${pathname} ${text}.`, { cause: error });
  }
}

interface Asked {
  readonly to: string;
  readonly demand: 'required' | 'if-present';
  readonly form: MessageForm;
  /** The signature of the request. */
  readonly signature: string;
}

/** A strict request needs a strict response: a weaker one could be the answer to another request. */
async function verdictOf(
  response: Response,
  body: Uint8Array,
  { to, demand, form, signature }: Asked,
  options: SignedFetchOptions,
): Promise<ResponseVerdict | undefined> {
  const { status, headers } = response;
  const forms: readonly MessageForm[] = form === 'strict' ? ['strict'] : options.forms;
  try {
    const found = signatureHeader(headers, forms);
    await orUnavailable('status.unavailable', () => options.status?.ready());
    const { participant, verified } = await checkSigner(
      {
        participantId: to,
        signature: found.value,
        forms: found.forms,
        message: { kind: 'response', status, requestSignature: signature, body },
        recipient: await options.recipient(),
      },
      options,
    );
    return { ...verified, participant };
  } catch (error) {
    if (error instanceof MessageProblem && error.status < 500) throw ofOthers(error);
    if (!(error instanceof ProofError)) throw error;
    if (error.code !== 'message.signature_missing') throw ofOthers(error);
    if (demand === 'if-present') return undefined;
    const said = `The response with status ${status} carries no signature, so its sender is unproved.`;
    throw new MessageProblem('response.unsigned', 502, said, { cause: { status, body: excerpt(body) } });
  }
}

/** RFC 9110 §15.6.3: if an answer cannot be verified, the own caller is not at fault, and must get no challenge. */
function ofOthers(error: ProofError | MessageProblem): MessageProblem {
  return new MessageProblem(error.code, 502, error.message, { cause: error });
}

/** The start of an unsigned refusal, for the log. */
function excerpt(body: Uint8Array): string {
  return new TextDecoder().decode(body.subarray(0, 512));
}

/** The same response, with the already read body, which can be read again. */
function readable(
  response: Response,
  bytes: Uint8Array<ArrayBuffer>,
  countersign: ResponseVerdict | undefined,
): VerifiedResponse {
  const { status, statusText, headers, url } = response;
  const isBodiless = status === 204 || status === 205 || status === 304 || bytes.length === 0;
  const copy = new Response(isBodiless ? null : bytes, { status, statusText, headers });
  return Object.defineProperties(copy, {
    url: { value: url },
    countersign: { value: countersign },
  }) as VerifiedResponse;
}
