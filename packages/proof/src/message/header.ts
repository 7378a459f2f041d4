import { type AlgorithmName, isAlgorithmName } from '../algorithms.ts';
import { decodeAscii } from '../base64url.ts';
import { ProofError } from '../error.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../json.ts';
import { isKid } from '../jwk.ts';
import { formRule, type MessageForm, messageFormNames } from './form.ts';
import type { MessageKind } from './message.ts';
import './refusal.ts';

/** A protected header that has passed every check that is possible without a key. */
export interface MessageHeader {
  readonly form: MessageForm;
  readonly alg: AlgorithmName;
  readonly kid: string | undefined;
  /** All members as presented. */
  readonly members: JsonObject;
}

export interface SignatureParts {
  readonly encodedHeader: string;
  readonly signature: Uint8Array;
}

/** Characters of the whole value: an 8192-bit RSA signature takes 1,366, a target URI up to 8,192. */
const maxValueLength = 16_384;
const maxDepth = 4;

const keyMembers = ['jwk', 'jku', 'x5u', 'x5c'] as const;
const understood: ReadonlySet<string> = new Set(
  messageFormNames.flatMap((form) => Object.values(formRule(form).crit).flatMap((names) => names ?? [])),
);

/** Splits `base64url(header)..base64url(signature)`, and refuses every value that could be read in two ways. */
export function takeApart(presented: unknown): SignatureParts {
  if (presented === undefined || presented === null || presented === '') {
    throw new ProofError('message.signature_missing');
  }
  if (typeof presented !== 'string') throw new ProofError('message.malformed');
  if (presented.length > maxValueLength) throw new ProofError('message.too_large');
  const first = presented.indexOf('.');
  const second = presented.indexOf('.', first + 1);
  if (first < 0 || second < 0 || presented.includes('.', second + 1)) throw new ProofError('message.malformed');
  // The signature of an embedded payload says nothing about the body of the message.
  if (second !== first + 1) throw new ProofError('message.payload_embedded');
  if (second + 1 === presented.length) throw new ProofError('message.signature_empty');
  const signature = decode(presented.slice(second + 1));
  if (signature === undefined) throw new ProofError('message.signature_base64url');
  return { encodedHeader: presented.slice(0, first), signature };
}

export function parseHeader(encoded: string, kind: MessageKind): MessageHeader {
  const bytes = decode(encoded);
  if (bytes === undefined) throw new ProofError('message.header_base64url');
  const parsed = parseJson(bytes, { maxDepth });
  if (!parsed.ok) throw new ProofError(`message.header_${parsed.reason}`, parsed.pointer);
  const members = parsed.value;
  if (!isJsonObject(members)) throw new ProofError('message.header_not_object');
  for (const member of keyMembers) if (Object.hasOwn(members, member)) throw new ProofError(`message.${member}`);
  checkB64(members.b64);
  const form = Object.hasOwn(members, 'crit') ? formOf(members.crit, members, kind) : 'ocen';
  return { form, alg: algOf(members.alg, form), kid: kidOf(members.kid, form), members };
}

/** RFC 7797 §3. Without `b64` the signed bytes would differ from the bytes of the body. */
function checkB64(b64: JsonValue | undefined): void {
  if (b64 === false) return;
  if (b64 === undefined) throw new ProofError('message.b64_absent');
  throw new ProofError(b64 === true ? 'message.b64_true' : 'message.b64_invalid');
}

/** RFC 7515 §4.1.11. */
function formOf(crit: JsonValue | undefined, members: JsonObject, kind: MessageKind): MessageForm {
  if (!Array.isArray(crit) || !crit.every((name) => typeof name === 'string')) {
    throw new ProofError('message.crit_invalid');
  }
  if (crit.length === 0) throw new ProofError('message.crit_empty');
  if (new Set(crit).size !== crit.length) throw new ProofError('message.crit_repeated');
  if (!crit.every((name) => understood.has(name))) throw new ProofError('message.crit_unknown');
  if (!crit.every((name) => Object.hasOwn(members, name))) throw new ProofError('message.crit_absent');
  if (!crit.includes('b64')) throw new ProofError('message.crit_without_b64');
  const form = formDemanding(crit, kind);
  if (form !== undefined) return form;
  const other = formDemanding(crit, kind === 'request' ? 'response' : 'request');
  throw new ProofError(other === undefined ? 'message.crit_incomplete' : 'message.kind');
}

/** The form whose `crit` names exactly these members, in any order. */
function formDemanding(crit: readonly string[], kind: MessageKind): MessageForm | undefined {
  return messageFormNames.find((form) => {
    const demanded = formRule(form).crit[kind];
    return demanded?.length === crit.length && demanded.every((name) => crit.includes(name));
  });
}

function algOf(alg: JsonValue | undefined, form: MessageForm): AlgorithmName {
  if (typeof alg !== 'string') throw new ProofError('message.alg_missing');
  if (alg.toLowerCase() === 'none') throw new ProofError('message.alg_none');
  if (/^hs\d/i.test(alg)) throw new ProofError('message.alg_symmetric');
  if (!isAlgorithmName(alg)) throw new ProofError('message.alg_unknown');
  if (!formRule(form).algorithms.includes(alg)) throw new ProofError('message.alg_form');
  return alg;
}

function kidOf(kid: JsonValue | undefined, form: MessageForm): string | undefined {
  if (kid === undefined || (kid === null && formRule(form).kidMayBeNull)) return undefined;
  if (!isKid(kid)) throw new ProofError('message.kid_invalid');
  return kid;
}

const encoder = new TextEncoder();
/**
 * A buffer for text as UTF-8, at most three bytes for each UTF-16 unit. Allocating it each time would cost more than the
 * decoding. It is used only within `decode`.
 */
const room = new Uint8Array(3 * maxValueLength);

function decode(text: string): Uint8Array | undefined {
  return decodeAscii(room.subarray(0, encoder.encodeInto(text, room).written));
}

/** Headers that were seen under a good signature, by their encoded text: only headers of forms in which they repeat. */
export interface MessageHeaderCache {
  get(encoded: string): MessageHeader | undefined;
  set(encoded: string, header: MessageHeader): void;
}

const maxCached = 256;
const maxCachedLength = 512;

/**
 * Makes a cache of 256 headers for `verifyMessage`. The oldest entry is evicted: a sender with a new header in each
 * message only costs others some time. It caches no signature: each message is verified again.
 *
 * @example
 * const rules = { crypto: cryptoPort, forms: ['rfc7797'], keys: [{ jwk: agent.jwk }], now } as const;
 * const { form } = await verifyMessage(signature, { ...rules, message, headers: createMessageHeaderCache() });
 * form; // → 'rfc7797'
 */
export function createMessageHeaderCache(): MessageHeaderCache {
  const headers = new Map<string, MessageHeader>();
  return {
    get: (encoded) => headers.get(encoded),
    set(encoded, header) {
      if (!formRule(header.form).isStatic || encoded.length > maxCachedLength || headers.has(encoded)) return;
      const oldest = headers.size < maxCached ? undefined : headers.keys().next().value;
      if (oldest !== undefined) headers.delete(oldest);
      headers.set(encoded, header);
    },
  };
}
