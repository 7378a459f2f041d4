/**
 * Outgoing calls for the application beside the gateway, which knows nothing about tokens and signatures:
 *
 * 1. The application names a participant, never a host. The request goes only to the base URL in the registry.
 * 2. The gateway adds its token and its signature, in the form that the recipient wants.
 * 3. The gateway reads the whole response, and passes it on only after its signature was verified.
 *
 * Every caller of this port acts in our name. So the port listens on this machine only, and refuses calls from web
 * pages.
 */
import {
  ClientError,
  MessageProblem,
  type Participant,
  type ParticipantDetail,
  ProofError,
  type VerifiedResponse,
} from '@countersign/client';
import { canonicalTarget } from '@countersign/proof';
import { Problem } from '../kernel/problem.ts';
import { client, traced } from '../kernel/trace.ts';
import { type Answerer, type Call, type Outcome, requestFields, sendWhole, takeBody } from './call.ts';
import { endToEnd, type Field, isForwarding, isReserved } from './fields.ts';
import { isLoopbackHost } from './loopback.ts';
import { checkRequestLine, pathOf, single } from './request-line.ts';

export interface ForwardOptions {
  readonly participant: Pick<Participant, 'fetch' | 'registry' | 'token'>;
  /** The realm runs on this machine too, so participants on this machine may be called. */
  readonly isLocalRealm: boolean;
  readonly allowPlainHttp: boolean;
  /** Accepts a Host field that is not this machine. */
  readonly allowRemote: boolean;
  readonly maxBody: number;
  readonly maxResponse: number;
  readonly spoolDir: string;
  /** Milliseconds for a whole exchange. */
  readonly timeout: number;
}

interface Recipient {
  readonly id: string;
  /** The part of the target that follows the base URL, byte for byte. */
  readonly rest: string;
}

const recipientField = 'x-countersign-to';
const verdictField = 'x-countersign-verified';

export function forward(options: ForwardOptions): Answerer {
  return async (call) => {
    const { method, requestTarget } = checkRequestLine(call.request);
    checkCaller(call, options);
    const recipient = recipientOf(requestTarget, requestFields(call));
    const body = await takeBody(call, { dir: options.spoolDir, maxBytes: options.maxBody });
    try {
      if (body.size > 0 && bodiless.has(method))
        throw new Problem('request.invalid', { detail: `A ${method} carries no body.` });
      const url = await addressOf(recipient, options);
      const response = await exchange(call, { method, url, to: recipient.id, bytes: await body.bytes() }, options);
      return await passOn(call, recipient, response);
    } finally {
      await body.discard();
    }
  };
}

const bodiless: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/**
 * Refuses browsers, because a page must not call in our name. The Host check stops a page whose own name resolves to
 * this machine.
 */
function checkCaller({ request }: Call, { allowRemote }: ForwardOptions): void {
  const { origin, host = '' } = request.headers;
  if (origin !== undefined || request.headers['sec-fetch-site'] !== undefined) throw new Problem('gateway.browser');
  if (!allowRemote && !(URL.canParse(`http://${host}`) && isLoopbackHost(new URL(`http://${host}`).hostname))) {
    throw new Problem('gateway.browser');
  }
}

/** Reads `/{participantId}/path`, or takes the whole target if a field names the participant. */
function recipientOf(requestTarget: string, fields: readonly Field[]): Recipient {
  if (pathOf(requestTarget) === undefined) throw new Problem('gateway.target');
  if (fields.some(([name]) => name.toLowerCase() === recipientField)) {
    const id = single(fields, recipientField);
    if (!id) throw new Problem('gateway.recipient');
    return { id, rest: requestTarget };
  }
  const [, segment = '', rest = ''] = /^\/([^/?]*)(.*)$/.exec(requestTarget) ?? [];
  const id = decoded(segment);
  if (!id) throw new Problem('gateway.recipient');
  return { id, rest };
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/**
 * Step 1.
 *
 * @throws {Problem} `gateway.recipient_unknown`, `gateway.recipient_unusable`, `gateway.target`, `gateway.not_ready`
 */
async function addressOf({ id, rest }: Recipient, options: ForwardOptions): Promise<string> {
  const { baseUrl } = await lookUp(id, options);
  if (baseUrl === null) throw new Problem('gateway.recipient_unusable', { detail: 'The participant has no base URL.' });
  const { hostname, protocol, origin } = new URL(baseUrl);
  const isHere = isLoopbackHost(hostname);
  if (isHere && !options.isLocalRealm)
    throw new Problem('gateway.recipient_unusable', { detail: 'Its base URL is this machine.' });
  if (protocol !== 'https:' && !isHere && !options.allowPlainHttp) {
    throw new Problem('gateway.recipient_unusable', { detail: 'Its base URL is not https.' });
  }
  const url = baseUrl.replace(/\/$/, '') + rest;
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  // A URL that the parser would rewrite is not the URL that was asked for, and might leave the base URL.
  const isExact = parsed?.origin === origin && canonicalTarget(url) === parsed.href && parsed.href.endsWith(rest);
  if (!isExact) throw new Problem('gateway.target');
  return url;
}

async function lookUp(id: string, { participant }: ForwardOptions): Promise<ParticipantDetail> {
  let detail: ParticipantDetail;
  try {
    detail = await participant.registry.participant(id);
  } catch (cause) {
    const isUnknown = cause instanceof ClientError && /^registry\.(not_found|id)$/.test(cause.code);
    throw new Problem(isUnknown ? 'gateway.recipient_unknown' : 'gateway.not_ready', { cause });
  }
  const isApproved =
    detail.participantRoleStatus === 'APPROVED' || (detail.participantRoleStatus === null && detail.approved);
  if (!isApproved) throw new Problem('gateway.recipient_unusable', { detail: 'The participant is not approved.' });
  return detail;
}

interface Exchange {
  readonly method: string;
  readonly url: string;
  readonly to: string;
  readonly bytes: Uint8Array;
}

/**
 * Steps 2 and 3.
 *
 * @throws {Problem} `gateway.not_ready`, `gateway.upstream_timeout`, `gateway.upstream_unreachable`, `gateway.response_refused`,
 * `gateway.response_too_large`, `request.invalid`
 */
async function exchange(
  call: Call,
  { method, url, to, bytes }: Exchange,
  options: ForwardOptions,
): Promise<VerifiedResponse> {
  const { participant, maxResponse, allowPlainHttp } = options;
  await participant.token().catch((cause) => {
    throw new Problem('gateway.not_ready', { cause });
  });
  const late = AbortSignal.timeout(options.timeout);
  try {
    const init = {
      method,
      to,
      headers: outgoingFields(call) as [string, string][],
      ...(bytes.length > 0 ? { body: bytes as Uint8Array<ArrayBuffer> } : {}),
      maxResponseBytes: maxResponse,
      allowPlainHttp,
      signal: AbortSignal.any([call.gone, late]),
    };
    return await traced('countersign.fetch', () => participant.fetch(url, init), {
      kind: client,
      attributes: () => ({ 'http.request.method': method, 'server.address': new URL(url).hostname }),
    });
  } catch (error) {
    throw late.aborted ? new Problem('gateway.upstream_timeout', { cause: error }) : problemOf(error);
  }
}

/**
 * The SDK writes these fields itself. It sets `Accept-Encoding` because it signs and verifies bodies that are not
 * encoded.
 */
const writtenForIt: ReadonlySet<string> = new Set([
  'accept-encoding',
  'authorization',
  'content-length',
  'expect',
  'host',
  'signature',
  'signature-input',
  'x-jws-signature',
]);

function outgoingFields({ request }: Call): readonly Field[] {
  return endToEnd(request.rawHeaders, (name) => writtenForIt.has(name) || isReserved(name) || isForwarding(name));
}

function problemOf(error: unknown): Problem {
  const options = { cause: error };
  if (error instanceof MessageProblem) {
    if (error.code === 'response.too_large') return new Problem('gateway.response_too_large', options);
    const isOurs = error.code.endsWith('.unavailable');
    return new Problem(isOurs ? 'gateway.not_ready' : 'gateway.response_refused', options);
  }
  if (error instanceof ProofError)
    return new Problem('request.invalid', { detail: 'This cannot be signed.', ...options });
  if (error instanceof ClientError && error.code.startsWith('http.')) {
    return new Problem('gateway.upstream_unreachable', options);
  }
  return new Problem('gateway.not_ready', options);
}

/** An encoded body was decoded before it was verified, so these fields no longer fit. */
const rewritten: ReadonlySet<string> = new Set(['content-encoding', 'content-length']);

async function passOn({ request, response }: Call, { id }: Recipient, answer: VerifiedResponse): Promise<Outcome> {
  const verdict = answer.countersign;
  if (verdict === undefined) throw new Problem('gateway.response_refused');
  const raw = [...answer.headers].flat();
  const fields = endToEnd(raw, (name) => rewritten.has(name) || isReserved(name));
  const said = `participant="${encodeURIComponent(id)}", form=${verdict.form}, binding=${verdict.binding}, thumbprint="${verdict.thumbprint}"`;
  const bytes = new Uint8Array(await answer.arrayBuffer());
  sendWhole(request, response, answer.status, [...fields, [verdictField, said]], bytes);
  return { status: answer.status, reason: 'passed', participantId: id };
}
