/**
 * JSON Canonicalization Scheme (RFC 8785): one text for every JSON value, so that a signature covers the value and not its
 * spelling. The value comes from `parseJson` or from this code.
 */
import { ProofError } from './error.ts';
import type { JsonObject, JsonValue } from './json.ts';
import './data-integrity-refusal.ts';

/** Levels of arrays and objects. A chain of ten capabilities, each in the proof of the next, has about 40. */
const maxDepth = 128;

/** A character that needs an escape or a check: `"`, `\`, control characters, and surrogates, which may be lone ones. */
const special = /[^ !#-[\]-\ud7ff\ue000-\uffff]/;

/**
 * Writes the canonical text of a JSON value (RFC 8785), of at most 128 levels. Members that are undefined are left out,
 * as JSON.stringify leaves them out.
 *
 * Two numbers with the same double are one number here (RFC 8785 §3.2.2.3): use a string for a number that must be
 * exact beyond 2^53. It does not check where a value came from: read foreign JSON by `parseJson` first.
 *
 * @throws {ProofError} `jcs.number`, `jcs.lone_surrogate`, `jcs.depth`, `jcs.type`
 * @example
 * const text = canonicalize({ b: 1.0, a: ['é', null] });
 * text; // → '{"a":["é",null],"b":1}'
 * canonicalize({ a: Number.NaN }); // throws jcs.number
 */
export function canonicalize(value: JsonValue): string {
  return write(value, 0);
}

function write(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'string':
      return quoted(value);
    case 'object':
      return value === null ? 'null' : container(value, depth + 1);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'number':
      // RFC 8785 §3.2.2.3: a double as ECMAScript writes it. `String(-0)` is `0`.
      if (!Number.isFinite(value)) throw new ProofError('jcs.number');
      return String(value);
    default:
      throw new ProofError('jcs.type');
  }
}

/** JSON.stringify follows §3.2.2.2, except that it escapes a lone surrogate, which the RFC refuses. */
function quoted(text: string): string {
  if (!special.test(text)) return `"${text}"`;
  if (!text.isWellFormed()) throw new ProofError('jcs.lone_surrogate');
  return JSON.stringify(text);
}

/** The depth is checked before anything is written, so that a value that contains itself ends here too. */
function container(value: object, depth: number): string {
  if (depth > maxDepth) throw new ProofError('jcs.depth');
  if (Array.isArray(value)) return array(value, depth);
  if (!isPlain(value)) throw new ProofError('jcs.type');
  return object(value as JsonObject, depth);
}

function array(values: readonly unknown[], depth: number): string {
  let text = '[';
  for (let i = 0; i < values.length; i++) text += (i === 0 ? '' : ',') + write(values[i], depth);
  return `${text}]`;
}

/**
 * §3.2.3: members are sorted by the UTF-16 code units of their names, as `sort` does. The keys of an object have another order:
 * names that look like integers come first.
 */
function object(members: JsonObject, depth: number): string {
  let text = '{';
  for (const name of Object.keys(members).sort()) {
    const value = members[name];
    if (value !== undefined) text += `${text.length === 1 ? '' : ','}${quoted(name)}:${write(value, depth)}`;
  }
  return `${text}}`;
}

/** A plain object, also of another JavaScript realm. A Date or a Map would be written as `{}`. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
