/**
 * fetch, signed: the request with our token and our signature over the exact bytes that are sent, the response believed only
 * once its signature was verified over the exact bytes that were received.
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
import { readBounded } from './bounded-body.ts';
import { ClientError } from './error.ts';
import type { Fetch } from './fetch-json.ts';
import { MessageProblem, orUnavailable, problem } from './message-problem.ts';
import type { MessageSigner } from './message-signing.ts';
import type { ParticipantDetail } from './participant-detail.ts';
import { checkSigner, type SignerCheckOptions } from './signer-check.ts';
import type { TokenSource } from './token.ts';

export interface SignedInit extends RequestInit {
  /** Participant id of the one who is called. Needed wherever the response is to be verified, and in the strict form. */
  readonly to?: string;
  /** Default: what the registry says of the recipient, else what the participant was created with. */
  readonly form?: MessageForm;
  /** `if-present`: an unsigned response passes, a wrong signature does not. `ignored`: nothing of it is looked at. */
  readonly response?: 'required' | 'if-present' | 'ignored';
  /** Of the response. Default 16 MiB. */
  readonly maxResponseBytes?: number;
  /** For the whole exchange, body included. Default 30,000. */
  readonly timeoutMilliseconds?: number;
  /** http to other machines: token and message can be read on the way. For networks that are private in themselves. */
  readonly allowPlainHttp?: boolean;
}

export interface ResponseVerdict extends VerifiedMessage {
  readonly participant: ParticipantDetail;
}

/** `countersign` is the verdict on the response; undefined where it carries no signature, or none was looked at. */
export type VerifiedResponse = Response & { readonly countersign: ResponseVerdict | undefined };

export interface SignedFetchOptions extends SignerCheckOptions {
  readonly fetch: Fetch;
  readonly token: TokenSource;
  readonly signer: MessageSigner;
  readonly form: MessageForm;
  readonly forms: readonly MessageForm[];
  /** Our own participant id. */
  readonly recipient: () => Promise<string | undefined>;
}

const defaultMaxResponse = 16_777_216;
const defaultTimeout = 30_000;

/** @throws {MessageProblem}, {ProofError} `signing.*`, {ClientError} `http.*`, `oauth.*`, `message.*` */
export async function signedFetch(
  url: string | URL,
  init: SignedInit,
  options: SignedFetchOptions,
): Promise<VerifiedResponse> {
  const { to, form: wanted, response: demand = 'required', ...others } = object(init, 'init') as SignedInit;
  optional(text)(to, 'init.to');
  optional(oneOf(...messageFormNames))(wanted, 'init.form');
  // Whatever is none of the three would not be `required`.
  oneOf('required', 'if-present', 'ignored')(demand, 'init.response');
  for (const limit of ['maxResponseBytes', 'timeoutMilliseconds'] as const)
    optional(amount)(init[limit], `init.${limit}`);
  const { maxResponseBytes, timeoutMilliseconds, allowPlainHttp, ...rest } = others;
  if (to === undefined && demand !== 'ignored') throw problem('message.recipient_missing');
  checkUrl(url, allowPlainHttp === true);
  const form = wanted ?? (await registeredForm(to, options)) ?? options.form;
  // One Request makes the bytes, and the content type that goes with them. A redirect would lead both elsewhere.
  const draft = new Request(url, { ...rest, redirect: 'manual' });
  const message = await messageOf(draft);
  const fields = await options.signer.sign(message, form, to);
  const bearer = await options.token.token();
  const headers = new Headers(draft.headers);
  headers.set('authorization', `Bearer ${bearer}`);
  headers.set(signatureField, fields[signatureField]);
  // What is signed is what travels: a decoded body would be other bytes.
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

/** The token is worth as much as the secret while it lives. */
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
  /** Of our request. */
  readonly signature: string;
}

/** A strict request wants a strict response: a weaker one could be the answer to something else. */
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
    const said = `The response with status ${status} carries no signature. Nobody answers for what it says.`;
    throw new MessageProblem('response.unsigned', 502, said, { cause: { status, body: excerpt(body) } });
  }
}

/** RFC 9110 §15.6.3: an answer that nobody can believe is no fault of whoever made us ask for it, and must not challenge them. */
function ofOthers(error: ProofError | MessageProblem): MessageProblem {
  return new MessageProblem(error.code, 502, error.message, { cause: error });
}

/** For the log: the start of a refusal that nobody signed. */
function excerpt(body: Uint8Array): string {
  return new TextDecoder().decode(body.subarray(0, 512));
}

/** The same response with a body that was read and can be read. */
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
