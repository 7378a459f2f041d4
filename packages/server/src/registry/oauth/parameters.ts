import { isJsonObject, type JsonValue, parseJson } from '@countersign/proof';
import { Problem } from '../../kernel/problem.ts';

/**
 * The parameters of an OAuth request. Each name occurs once (RFC 6749 §3.2: "Request and response parameters MUST NOT
 * be included more than once"). Only `resource` (RFC 8707 §2) and `audience` (RFC 8693 §2.1) may repeat, and have own
 * lists.
 */
export interface Parameters {
  /** Undefined if absent or empty: "Parameters sent without a value MUST be treated as if they were omitted." */
  get(name: string): string | undefined;
  readonly resources: readonly string[];
  readonly audiences: readonly string[];
}

const repeatable = { resource: 'resources', audience: 'audiences' } as const;

/** More than three times as many as any request needs. */
const maxParameters = 64;

/**
 * Characters of an encoded form. A space between two scopes is a frequent slip and has only one reading, so it passes.
 */
const printable = /^[ -~]*$/;

/**
 * `application/x-www-form-urlencoded` as in RFC 6749 Appendix B.
 *
 * @throws {Problem} `request.invalid`, `request.repeated_parameter`
 */
export function parseForm(body: Uint8Array): Parameters {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1');
  if (!printable.test(text)) throw malformed('Percent-encode everything but printable ASCII');
  const parameters = collect();
  for (let start = 0; start < text.length; ) {
    const ampersand = text.indexOf('&', start);
    const end = ampersand === -1 ? text.length : ampersand;
    const equals = text.indexOf('=', start);
    const split = equals === -1 || equals > end ? end : equals;
    parameters.add(formDecode(text.slice(start, split)), formDecode(text.slice(split + 1, end)));
    start = end + 1;
  }
  return parameters;
}

/** The JSON body of OCEN's published description: an object of strings. Parameters that may repeat may be arrays. */
export function parseJsonParameters(body: Uint8Array): Parameters {
  const parsed = parseJson(body, { maxDepth: 2 });
  if (!parsed.ok) {
    if (parsed.reason === 'duplicate_member') {
      throw new Problem('request.duplicate_member', {
        detail: `${parsed.pointer} occurs twice.`,
        pointer: parsed.pointer,
      });
    }
    throw malformed(`The body is not acceptable JSON (${parsed.reason})`);
  }
  if (!isJsonObject(parsed.value)) throw malformed('The body must be a JSON object');
  const parameters = collect();
  for (const [name, value] of Object.entries(parsed.value)) {
    for (const one of Object.hasOwn(repeatable, name) && Array.isArray(value)
      ? (value as readonly JsonValue[])
      : [value]) {
      if (typeof one !== 'string') throw malformed('Every member must be a string');
      if (one.includes('\0')) throw malformed('A parameter holds a NUL');
      parameters.add(name, one);
    }
  }
  return parameters;
}

/**
 * `+` is a space, `%xx` a byte of UTF-8. Refuses broken escapes, bytes outside UTF-8, and NUL, which ends text in other
 * programs.
 */
export function formDecode(text: string): string {
  if (!text.includes('%')) return text.includes('+') ? text.replaceAll('+', ' ') : text;
  let decoded: string;
  try {
    decoded = decodeURIComponent(text.replaceAll('+', ' '));
  } catch (cause) {
    throw malformed('A parameter is not percent-encoded UTF-8', cause);
  }
  if (decoded.includes('\0')) throw malformed('A parameter holds a NUL');
  return decoded;
}

function collect(): Parameters & { add(name: string, value: string): void } {
  const values = new Map<string, string>();
  const lists = { resources: [] as string[], audiences: [] as string[] };
  let count = 0;
  return {
    ...lists,
    get: (name) => values.get(name) || undefined,
    add(name, value) {
      if (++count > maxParameters) throw malformed('The request has too many parameters');
      if (Object.hasOwn(repeatable, name)) {
        if (value !== '') lists[repeatable[name as keyof typeof repeatable]].push(value);
        return;
      }
      if (values.has(name)) throw new Problem('request.repeated_parameter');
      values.set(name, value);
    },
  };
}

function malformed(what: string, cause?: unknown): Problem {
  return new Problem('request.invalid', { detail: `${what}.`, cause });
}
