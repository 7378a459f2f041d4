/**
 * Verifies a signed request before the application acts on it. The order makes expensive checks come only after the caller has
 * proved more:
 *
 * 1. the request has one bearer token, verified offline, and the token belongs to a participant;
 * 2. neither the token nor its subject is revoked in the status feed;
 * 3. the request has one signature value;
 * 4. the registry says that the participant is approved and that its client is the one of the token;
 * 5. the signature is good under one of the participant's keys that is valid now; in the strict form method, target, recipient
 *    and time fit too;
 * 6. the message was not received before: a repeated one is refused in the strict form, and reported in the others, where it
 *    may be a retry.
 */
import {
  type AlgorithmName,
  encodeBase64url,
  type HeaderFields,
  type KidHint,
  type MessageForm,
  messageStatus,
  type ParticipantSubject,
  ProofError,
  type RequestMessage,
  signatureHeader,
  type VerifiedMessage,
} from '@countersign/proof';
import { bytes, fields, object, text } from '@countersign/proof/argument';
import { ClientError } from '../error.ts';
import type { ParticipantDetail } from '../registry/participant-detail.ts';
import { requireLive } from '../status/liveness.ts';
import type { TokenVerifier } from '../token/access-token.ts';
import { bearerToken } from '../token/bearer-token.ts';
import { MessageProblem, orUnavailable, problem, proofProblem } from './message-problem.ts';
import type { ReplayStore } from './replay.ts';
import { checkSigner, type SignerCheckOptions } from './signer-check.ts';
import './message-refusal.ts';

/** A request as it was received. */
export interface IncomingRequest {
  readonly method: string;
  /**
   * The absolute target URI, from the configured public URL and never from the Host field. If empty, strict signatures are
   * refused.
   */
  readonly target: string;
  /** The request target as it was sent, query included. */
  readonly requestTarget: string;
  readonly headers: HeaderFields;
  readonly body: Uint8Array;
}

/** The verified signature of a request. */
export interface RequestSignature {
  /** The value of the field; a strict response is bound to it. */
  readonly value: string;
  readonly form: MessageForm;
  /** `bytes`: the same bytes may have been sent to any recipient, at any time. */
  readonly binding: 'bytes' | 'message';
  readonly alg: AlgorithmName;
  readonly kid: string | undefined;
  readonly thumbprint: string;
  readonly hint?: KidHint;
  /** `seen`: these bytes were received from this participant before. Handle them only once. */
  readonly replay: 'first' | 'seen' | 'unchecked';
}

/** The proved sender of a request. */
export interface Verified {
  readonly subject: ParticipantSubject;
  readonly participant: ParticipantDetail;
  readonly signature: RequestSignature;
  /** SHA-256 of the signed bytes, as base64url: of the body, or of the request target if there is no body. */
  readonly digest: string;
}

export interface RequestVerifierOptions extends SignerCheckOptions {
  readonly tokens: TokenVerifier;
  readonly forms: readonly MessageForm[];
  /** The participant's own id. */
  readonly recipient: () => Promise<string | undefined>;
  /** For strict messages, which may be received only once. */
  readonly replay: ReplayStore;
  /** For the other forms; without it, replays are not reported. */
  readonly seenBytes: ReplayStore | undefined;
}

/** Milliseconds for which the bytes of the other forms are remembered. */
const bytesRemembered = 600_000;

/**
 * @throws {MessageProblem} for every request that must be refused
 * @throws {TypeError} naming the member of a wrong type: a body is a Uint8Array
 */
export async function verifyRequest(request: IncomingRequest, options: RequestVerifierOptions): Promise<Verified> {
  const { method, target, requestTarget, headers, body } = object(request, 'request') as IncomingRequest;
  const message: RequestMessage = {
    kind: 'request',
    method: text(method, 'request.method'),
    target: text(target, 'request.target'),
    requestTarget: text(requestTarget, 'request.requestTarget'),
    body: bytes(body, 'request.body'),
  };
  fields(headers, 'request.headers');
  return refusing(async () => {
    const { subject, found } = await checkHeaders(headers, options);
    const { participant, verified } = await checkSigner(
      {
        participantId: subject.participantId,
        clientId: subject.clientId,
        signature: found.value,
        forms: found.forms,
        message,
        recipient: found.forms.includes('strict')
          ? await orUnavailable('keys.unavailable', options.recipient)
          : undefined,
      },
      options,
    );
    const digest = await digestOf(message, options);
    const replay = await checkReplay(subject.participantId, verified, digest, options);
    const { form, binding, alg, kid, thumbprint, hint } = verified;
    const signature = { value: found.value, form, binding, alg, kid, thumbprint, ...(hint && { hint }), replay };
    return { subject, participant, signature, digest };
  });
}

/**
 * Steps 1 to 3, which need no body: a stranger is refused before its body is read.
 *
 * @throws {MessageProblem}
 * @throws {TypeError} if the headers are of another type
 */
export async function verifyHeaders(
  headers: HeaderFields,
  options: Pick<RequestVerifierOptions, 'tokens' | 'status' | 'forms'>,
): Promise<void> {
  fields(headers, 'headers');
  await refusing(() => checkHeaders(headers, options));
}

async function refusing<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof MessageProblem) throw error;
    if (error instanceof ProofError) throw proofProblem(error, messageStatus(error.code) ?? 401);
    throw problem('internal', { cause: error });
  }
}

async function checkHeaders(
  headers: HeaderFields,
  options: Pick<RequestVerifierOptions, 'tokens' | 'status' | 'forms'>,
) {
  const subject = await checkToken(headers, options);
  return { subject, found: signatureHeader(headers, options.forms) };
}

/** Steps 1 and 2. */
async function checkToken(
  headers: HeaderFields,
  { tokens, status }: Pick<RequestVerifierOptions, 'tokens' | 'status'>,
): Promise<ParticipantSubject> {
  const token = bearerToken(headers);
  const subject = await orUnavailable('keys.unavailable', () => tokens.verify(token));
  if (subject.kind !== 'participant') throw problem('token.participant');
  await requireLive(status, subject);
  return subject;
}

const encoder = new TextEncoder();

async function digestOf({ body, requestTarget }: RequestMessage, options: RequestVerifierOptions): Promise<string> {
  return encodeBase64url(await options.crypto.sha256(body.length > 0 ? body : encoder.encode(requestTarget)));
}

/** Step 6. The key contains the participant, so that one participant cannot use up the nonces of another. */
async function checkReplay(
  participantId: string,
  { jti, freshUntil }: VerifiedMessage,
  digest: string,
  { replay, seenBytes, now }: RequestVerifierOptions,
): Promise<RequestSignature['replay']> {
  if (jti === undefined || freshUntil === undefined) {
    if (seenBytes === undefined) return 'unchecked';
    // Nothing is refused because of this, so a failure of the store is not an error.
    const seen = async () => seenBytes.seen(`bytes ${participantId} ${digest}`, now() + bytesRemembered, participantId);
    return seen().then(
      (isSeen) => (isSeen ? 'seen' : 'first'),
      () => 'unchecked',
    );
  }
  const key = `strict ${participantId} ${jti}`;
  const isSeen = await orUnavailable('replay.unavailable', () =>
    replay.seen(key, (freshUntil + 1) * 1000, participantId),
  );
  if (isSeen) throw problem('message.replayed');
  return 'first';
}

/** The participant's own id, from its own token. A fault of that token is not a fault of the caller. */
export async function participantIdOf(token: string, tokens: TokenVerifier): Promise<string> {
  const subject = await tokens.verify(token).catch((cause: unknown) => {
    throw new ClientError('token.own', 'Our own token does not verify.', { cause });
  });
  if (subject.kind === 'participant') return subject.participantId;
  throw new ClientError('token.own', 'Our own token does not speak for a participant.');
}
