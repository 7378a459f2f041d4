import { decodeBase64url, type HeaderFields } from '@countersign/proof';
import { problem } from '../message/message-problem.ts';
import { fieldValues } from '../token/bearer-token.ts';
import './login-refusal.ts';

/** The name and the password of a login. */
export interface NameAndPassword {
  /** The code of the credential. */
  readonly name: string;
  readonly password: string;
}

/** Characters of the field: enough for the longest name and password that a realm accepts. */
const longest = 8_192;
const longestName = 255;
/** Code points. */
const longestPassword = 1_024;

/**
 * Reads HTTP Basic by RFC 7617, which must come exactly once: canonical Base64 of UTF-8, no control characters, split at the
 * first colon. Nothing is trimmed, folded or guessed: another charset is refused.
 *
 * @throws {MessageProblem} `login.missing`, `login.malformed`, `login.cross_site`
 */
export function basicCredentials(headers: HeaderFields): NameAndPassword {
  if (isCrossSite(headers)) throw problem('login.cross_site');
  const values = fieldValues(headers, 'authorization');
  const [value = '', another] = values;
  if (another !== undefined || value.length > longest) throw problem('login.malformed');
  if (!/^basic(?: |$)/i.test(value)) throw problem('login.missing');
  const text = decoded(/^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(value)?.[1] ?? '');
  const colon = text?.indexOf(':') ?? -1;
  if (text === undefined || colon < 0) throw problem('login.malformed');
  return requireCredentials({ name: text.slice(0, colon), password: text.slice(colon + 1) });
}

/**
 * Browsers add a once typed password also to requests that pages of other sites make them send. They say so in
 * `Sec-Fetch-Site`, but not over plain http, and not before 2023. Then `Origin`, which every browser sends with requests that
 * change something, must be the called host. Programs send neither field.
 */
function isCrossSite(headers: HeaderFields): boolean {
  const sites = fieldValues(headers, 'sec-fetch-site');
  if (sites.length > 0) return !sites.every((site) => site === 'same-origin' || site === 'none');
  const [host = ''] = [...fieldValues(headers, 'host'), ...fieldValues(headers, ':authority')];
  return !fieldValues(headers, 'origin').every((origin) => isOfHost(origin, host));
}

/** A page that hides its origin sends `null`, which never matches. */
function isOfHost(origin: string, host: string): boolean {
  if (!/^https?:\/\/[^/?#@]+$/.test(origin) || !URL.canParse(origin)) return false;
  const own = `${new URL(origin).protocol}//${host}`;
  return URL.canParse(own) && new URL(own).origin === new URL(origin).origin;
}

/**
 * Refuses names and passwords that no realm can have, without asking.
 *
 * @throws {MessageProblem} `login.malformed`
 */
export function requireCredentials(given: NameAndPassword): NameAndPassword {
  const { name, password } = given;
  const isName = isText(name) && name !== '' && name.length <= longestName && !/[\u2028\u2029]/.test(name);
  // A code point takes at most two UTF-16 units.
  const isPassword = isText(password) && password !== '' && password.length <= 2 * longestPassword;
  if (!isName || !isPassword || [...password].length > longestPassword) throw problem('login.malformed');
  return { name, password };
}

function isText(text: unknown): boolean {
  return typeof text === 'string' && text.isWellFormed() && !/\p{Cc}/u.test(text);
}

/** Decodes RFC 4648 §4 with padding: every byte string has one text. */
function decoded(base64: string): string | undefined {
  if (base64 === '' || base64.length % 4 !== 0) return undefined;
  const digits = base64.replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_');
  const bytes = decodeBase64url(digits, longest);
  try {
    return bytes && new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
