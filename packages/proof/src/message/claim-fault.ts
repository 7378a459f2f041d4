import type { ProofCode } from '../error.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import type { MessageExpectation } from './verify.ts';

/** Faults of a strict signature that is good, but whose claims do not fit the message. */
export const claimFaultTexts = {
  method_case: 'htm has the method in other letters. Methods are case-sensitive.',
  method_other: 'htm is another method than that of the request.',
  htu_relative: 'htu is a path. It has to be the absolute target URI.',
  htu_without_query: 'htu lacks the query of the target URI.',
  htu_scheme: 'htu has another scheme than the target URI: does a proxy end TLS?',
  htu_host: 'htu has another host or port than the target URI.',
  htu_slash: 'htu differs from the target URI by a slash at the end of the path.',
  htu_escapes: 'htu differs from the target URI in its percent-encoding alone. It is compared character by character.',
  htu_other: 'htu is another URI than the target URI.',
  recipient_list: 'aud is a list. It has to be the one recipient.',
  recipient_other: 'aud is another recipient.',
  time_text: 'iat is text. It has to be a number.',
  time_fraction: 'iat is not a whole number.',
  time_milliseconds: 'iat is in milliseconds. It has to be in seconds.',
  clock_ahead: 'The clock of the sender is ahead.',
  clock_behind: 'The clock of the sender is behind, or the message was long on its way.',
  status_text: 'sts is text. It has to be a number.',
  status_other: 'sts is another status than that of the response.',
  request_other:
    'req is the digest of another request signature. All characters of the value are hashed, both dots included.',
} as const;

export type ClaimFaultName = keyof typeof claimFaultTexts;

/** Seconds since the epoch reach this number in the year 5138; milliseconds reached it in 1973. */
const milliseconds = 1e11;

const judges: Partial<Record<ProofCode, (header: JsonObject, expected: MessageExpectation) => ClaimFaultName>> = {
  'message.htm': ({ htm }, { message }) =>
    message.kind === 'request' && typeof htm === 'string' && htm.toUpperCase() === message.method.toUpperCase()
      ? 'method_case'
      : 'method_other',
  'message.htu': ({ htu }, { message }) => (message.kind === 'request' ? uriFault(htu, message.target) : 'htu_other'),
  'message.aud': ({ aud }) => (Array.isArray(aud) ? 'recipient_list' : 'recipient_other'),
  'message.iat': ({ iat }) => (typeof iat === 'number' ? 'time_fraction' : 'time_text'),
  'message.in_future': ({ iat }) =>
    typeof iat === 'number' && iat > milliseconds ? 'time_milliseconds' : 'clock_ahead',
  'message.stale': () => 'clock_behind',
  'message.sts': ({ sts }) => (typeof sts === 'string' ? 'status_text' : 'status_other'),
  'message.req': () => 'request_other',
};

/** The sender's mistake behind a refusal after a good signature; undefined for any other refusal. */
export function claimFault(
  code: ProofCode,
  header: JsonObject,
  expected: MessageExpectation,
): ClaimFaultName | undefined {
  return judges[code]?.(header, expected);
}

function uriFault(htu: JsonValue | undefined, target: string): ClaimFaultName {
  if (typeof htu !== 'string') return 'htu_other';
  if (htu.startsWith('/')) return 'htu_relative';
  if (htu === target.split('?')[0]) return 'htu_without_query';
  if (rest(htu, /^https?:/i) === rest(target, /^https?:/i)) return 'htu_scheme';
  if (rest(htu, /\/(?=\?|$)/) === rest(target, /\/(?=\?|$)/)) return 'htu_slash';
  const authority = /^https?:\/\/[^/]*/i;
  if (rest(htu, authority) === rest(target, authority)) return 'htu_host';
  return unescaped(htu) === unescaped(target) ? 'htu_escapes' : 'htu_other';
}

function rest(uri: string, part: RegExp): string {
  return uri.replace(part, '');
}

function unescaped(uri: string): string {
  try {
    return decodeURIComponent(uri);
  } catch {
    return uri;
  }
}
