/**
 * A table of the mistakes of senders: the name of each fault, the text for the sender, and the bytes that would have been
 * signed with this fault. It never makes a message acceptable.
 */
import { encodeBase64url, encodeTextBase64url } from '../base64url.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import type { Message } from './message.ts';
import {
  base64,
  character,
  decoded,
  escaped,
  escapeOf,
  latin1,
  numbers,
  sorted,
  spaced,
  upperDigits,
  utf16,
  withoutNulls,
} from './respelling.ts';
import { hex } from './rsa-digest.ts';

/** The readable parts of a message whose signature does not verify. */
export interface FaultyCase {
  readonly encodedHeader: string;
  readonly headerText: string;
  readonly header: JsonObject;
  readonly message: Message;
  /** The bytes that should have been signed. */
  readonly payload: Uint8Array;
  readonly digest: Uint8Array;
  /** The payload as text, if it is UTF-8. */
  readonly text: string | undefined;
  /** The payload as JSON, if it is JSON. */
  readonly json: JsonValue | undefined;
}

type Signed = string | Uint8Array | undefined;

interface SenderFault {
  readonly text: string;
  /** Each of these may have been the payload, after the header as presented and a dot. */
  readonly payloads?: (faulty: FaultyCase) => readonly Signed[];
  /** Each of these may have been the whole signing input. */
  readonly inputs?: (faulty: FaultyCase) => readonly Signed[];
}

const encoder = new TextEncoder();

/** Makes the variants of a fault from the text of the payload, if it is text. */
function ofText(change: (text: string) => readonly Signed[]) {
  return ({ text }: FaultyCase): readonly Signed[] => (text === undefined ? [] : change(text));
}

/** Makes the variants of a fault from the JSON of the payload, if it is JSON. */
function ofJson(change: (json: JsonValue, text: string) => readonly Signed[]) {
  return ({ json, text }: FaultyCase): readonly Signed[] =>
    json === undefined || text === undefined ? [] : change(json, text);
}

/** Makes the variants of a fault from the request target, if the request has no body. */
function ofTarget(change: (requestTarget: string, target: string, method: string) => readonly Signed[]) {
  return ({ message }: FaultyCase): readonly Signed[] =>
    message.kind === 'request' && message.body.length === 0
      ? change(message.requestTarget, message.target, message.method)
      : [];
}

/** In the order of the attempts: a small change before a large one that may include it. */
export const senderFaults = {
  payload_base64url: {
    text: 'The payload was base64url-encoded before signing. Sign the raw bytes: b64 is false.',
    payloads: ({ payload }) => [encodeBase64url(payload)],
  },
  payload_base64: {
    text: 'The payload was base64-encoded before signing. Sign the raw bytes.',
    payloads: ({ payload }) => [base64(payload), base64(payload).replaceAll('=', '')],
  },
  payload_digest: {
    text: 'A digest of the payload was signed. Sign the payload itself: the algorithm hashes it.',
    payloads: ({ digest }) => [digest, hex(digest), hex(digest).toUpperCase(), base64(digest), encodeBase64url(digest)],
  },
  dot_missing: {
    text: 'The dot between header and payload was not signed.',
    inputs: ({ encodedHeader, payload }) => [join(encodedHeader, payload)],
  },
  header_missing: {
    text: 'The payload was signed alone. The encoded header and a dot come before it.',
    inputs: ({ payload }) => [payload],
  },
  order_reversed: {
    text: 'The payload was signed before the header.',
    inputs: ({ encodedHeader, payload }) => [join(payload, `.${encodedHeader}`), join(payload, encodedHeader)],
  },
  header_not_encoded: {
    text: 'The header was signed as JSON. Sign it base64url-encoded, as it is sent.',
    inputs: ({ headerText, payload }) => [join(`${headerText}.`, payload)],
  },
  newline_added: {
    text: 'The body was signed with a line end after it that was not sent.',
    payloads: ofText((text) => [`${text}\n`, `${text}\r\n`]),
  },
  newline_removed: {
    text: 'The body was sent with a line end that was not signed.',
    payloads: ofText((text) => [text.replace(/\r?\n$/, '')]),
  },
  bom_added: {
    text: 'The body was signed with a byte order mark that was not sent.',
    payloads: ofText((text) => [`\ufeff${text}`]),
  },
  bom_removed: {
    text: 'The body was sent with a byte order mark that was not signed.',
    payloads: ofText((text) => [text.replace(/^\ufeff/, '')]),
  },
  whitespace_trimmed: {
    text: 'The body was sent with whitespace around it that was not signed.',
    payloads: ofText((text) => [text.trim(), text.trimEnd()]),
  },
  lines_lf: {
    text: 'The body was signed with LF and sent with CRLF at the line ends.',
    payloads: ofText((text) => [text.replaceAll('\r\n', '\n')]),
  },
  lines_crlf: {
    text: 'The body was signed with CRLF and sent with LF at the line ends.',
    payloads: ofText((text) => [text.replace(/(?<!\r)\n/g, '\r\n')]),
  },
  target_absolute: {
    text: 'The absolute URI was signed. Sign the request target as it goes over the wire, which starts with the path.',
    payloads: ofTarget((_, target) => [target]),
  },
  target_without_query: {
    text: 'The path was signed without its query.',
    payloads: ofTarget((requestTarget) => [requestTarget.split('?')[0]]),
  },
  target_without_prefix: {
    text: 'The path was signed without its first segment, such as the version. Sign it as it goes over the wire.',
    payloads: ofTarget((target) => [target.replace(/^\/[^/?]+/, ''), target.replace(/^\/[^/?]+\/[^/?]+/, '')]),
  },
  target_without_slash: {
    text: 'The path was signed without the slash at its start or end.',
    payloads: ofTarget((target) => [target.replace(/^\//, ''), target.replace(/\/(?=\?|$)/, '')]),
  },
  target_with_slash: {
    text: 'The path was signed with a slash at its end that was not sent.',
    payloads: ofTarget((target) => [target.replace(/(?=\?)|$/, '/')]),
  },
  target_with_method: {
    text: 'The method was signed before the path. Sign the request target alone.',
    payloads: ofTarget((target, _, method) => [`${method} ${target}`, `${method}${target}`, `${method}\n${target}`]),
  },
  target_decoded: {
    text: 'The path was signed percent-decoded. Sign it as it goes over the wire.',
    payloads: ofTarget((target) => [decoded(target)]),
  },
  empty_as_object: {
    text: 'The absent body was signed as {}. Where there is no body, the request target is signed.',
    payloads: ofEmpty('{}'),
  },
  empty_as_null: {
    text: 'The absent body was signed as null. Where there is no body, the request target is signed.',
    payloads: ofEmpty('null'),
  },
  empty_as_string: {
    text: 'The absent body was signed as "". Where there is no body, the request target is signed.',
    payloads: ofEmpty('""'),
  },
  empty_as_nothing: {
    text: 'Nothing was signed for the absent body. Where there is no body, the request target is signed.',
    payloads: ofTarget(() => ['']),
  },
  number_shortened: {
    text: 'Numbers were signed in their shortest form and sent otherwise (1 for 1.0, 100 for 1e2).',
    payloads: ofJson((_, text) => [numbers(text, (number) => JSON.stringify(Number(number)))]),
  },
  number_decimal: {
    text: 'Numbers were signed with decimals and sent without (1.0 for 1).',
    payloads: ofJson((_, text) => [
      numbers(text, (number) => (/^-?\d+$/.test(number) ? `${number}.0` : number)),
      numbers(text, (number) => (/^-?\d+$/.test(number) ? `${number}.00` : number)),
    ]),
  },
  number_exponent: {
    text: 'Numbers were signed with another spelling of the exponent (1e2, 1E2, 1e+2).',
    payloads: ofJson((_, text) => [
      numbers(text, (number) => number.replace(/[eE]\+?/, 'E')),
      numbers(text, (number) => number.replace(/[eE]\+?/, 'e')),
      numbers(text, (number) => number.replace(/[eE]\+?(?=\d)/, 'e+')),
      numbers(text, (number) => Number(number).toExponential()),
    ]),
  },
  unicode_escaped: {
    text: 'The body was signed with characters as \\u escapes and sent with the characters themselves.',
    payloads: ofText((text) => [escaped(text), escaped(text).replace(/\\u[0-9a-f]{4}/g, upperDigits)]),
  },
  unicode_unescaped: {
    text: 'The body was signed with the characters themselves and sent with \\u escapes.',
    payloads: ofText((text) => [text.replace(/\\u(00[89a-f][0-9a-f]|0[1-9a-f]..|[1-9a-f]...)/gi, character)]),
  },
  html_escaped: {
    text: 'The body was signed with <, > and & as \\u escapes and sent with the characters themselves.',
    payloads: ofText((text) => [text.replace(/[<>&]/g, escapeOf), text.replace(/[<>&'=]/g, escapeOf)]),
  },
  html_unescaped: {
    text: 'The body was signed with <, > and & and sent with \\u escapes of them.',
    payloads: ofText((text) => [text.replace(/\\u(00(?:3c|3e|26|27|3d))/gi, character)]),
  },
  slash_escaped: {
    text: 'The body was signed with slashes as \\/ and sent without.',
    payloads: ofText((text) => [text.replace(/(?<!\\)\//g, '\\/')]),
  },
  slash_unescaped: {
    text: 'The body was sent with slashes as \\/ and signed without.',
    payloads: ofText((text) => [text.replaceAll('\\/', '/')]),
  },
  json_compact: {
    text: 'The body was signed without whitespace and sent with it. Sign the bytes that you send.',
    payloads: ofJson((json) => [JSON.stringify(json)]),
  },
  json_indented: {
    text: 'The body was signed indented and sent otherwise. Sign the bytes that you send.',
    payloads: ofJson((json) => [2, 4, '\t'].map((indent) => JSON.stringify(json, null, indent))),
  },
  json_spaced: {
    text: 'The body was signed with spaces after commas and colons and sent otherwise. Sign the bytes that you send.',
    payloads: ofJson((json) => [spaced(json), spaced(sorted(json))]),
  },
  json_sorted: {
    text: 'The body was signed with sorted member names and sent in another order. Sign the bytes that you send.',
    payloads: ofJson((json) => [JSON.stringify(sorted(json)), JSON.stringify(sorted(json), null, 2)]),
  },
  nulls_dropped: {
    text: 'The body was signed without the members that are null and sent with them.',
    payloads: ofJson((json) => [JSON.stringify(withoutNulls(json))]),
  },
  json_in_string: {
    text: 'The body was signed as a JSON string that contains JSON.',
    payloads: ofText((text) => [JSON.stringify(text)]),
  },
  json_out_of_string: {
    text: 'The body was sent as a JSON string and signed without the quotes around it.',
    payloads: ofJson((json) => [typeof json === 'string' ? json : undefined]),
  },
  charset_latin1: {
    text: 'The body was signed in ISO-8859-1 and sent in UTF-8.',
    payloads: ofText((text) => [latin1(text)]),
  },
  charset_utf8: {
    text: 'The body was signed in UTF-8, from text that was read as ISO-8859-1.',
    payloads: ({ payload }) => [Array.from(payload, (byte) => String.fromCharCode(byte)).join('')],
  },
  charset_utf16: {
    text: 'The body was signed in UTF-16 and sent in UTF-8.',
    payloads: ofText((text) => [utf16(text, true), utf16(text, false)]),
  },
  charset_ascii: {
    text: 'The body was signed in ASCII, with a question mark for each other character, and sent in UTF-8.',
    payloads: ofText((text) => [text.replace(/[^\0-\x7f]/g, '?'), text.replace(/[^\0-\x7f]/gu, '?')]),
  },
  unicode_normalised: {
    text: 'The body was signed in another Unicode normal form than it was sent in.',
    payloads: ofText((text) => [text.normalize('NFC'), text.normalize('NFD')]),
  },
  url_encoded: {
    text: 'The body was percent-encoded before signing.',
    payloads: ofText((text) => [
      encodeURIComponent(text),
      encodeURIComponent(text).replaceAll('%20', '+'),
      encodeURI(text),
    ]),
  },
  url_decoded: {
    text: 'The body was sent percent-encoded and signed decoded.',
    payloads: ofText((text) => [decoded(text), decoded(text.replaceAll('+', ' '))]),
  },
  body_not_signed: {
    text: 'There is a body, and no byte of it was signed.',
    payloads: () => [''],
  },
  target_not_body: {
    text: 'There is a body, and the request target was signed in its place.',
    payloads: ({ message }) => (message.kind === 'request' ? [message.requestTarget, message.target] : []),
  },
  header_reserialised: {
    text: 'The header was sent in another spelling than it was signed in.',
    inputs: ({ header, payload }) =>
      [header, sorted(header)]
        .flatMap((one) => [JSON.stringify(one), spaced(one)])
        .map((one) => join(`${encodeTextBase64url(one)}.`, payload)),
  },
} as const satisfies Record<string, SenderFault>;

export type SenderFaultName = keyof typeof senderFaults;

/** Every input that may have been signed instead of the expected one, with the name of its fault. Made one at a time. */
export function* suspectInputs(faulty: FaultyCase): Generator<readonly [SenderFaultName, Uint8Array]> {
  for (const name of Object.keys(senderFaults) as SenderFaultName[]) {
    const fault: SenderFault = senderFaults[name];
    for (const payload of fault.payloads?.(faulty) ?? []) {
      if (payload !== undefined) yield [name, join(`${faulty.encodedHeader}.`, payload)];
    }
    for (const input of fault.inputs?.(faulty) ?? []) if (input !== undefined) yield [name, bytesOf(input)];
  }
}

function ofEmpty(text: string) {
  return ({ message }: FaultyCase): readonly Signed[] => (message.body.length === 0 ? [text] : []);
}

function join(first: string | Uint8Array, second: string | Uint8Array): Uint8Array {
  const [a, b] = [bytesOf(first), bytesOf(second)];
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

function bytesOf(content: string | Uint8Array): Uint8Array {
  return typeof content === 'string' ? encoder.encode(content) : content;
}
