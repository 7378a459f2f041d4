/**
 * Calls a function with values of every JavaScript type in every place that it takes something: each argument, and each member of each
 * options object. A value of a type that the place does not take must be refused: by a throw or a rejection with a TypeError or a
 * documented class, or by the answer that says no. Whatever is called settles in time.
 */
import { ProofError } from '../../src/index.ts';

export type Kind =
  | 'undefined'
  | 'null'
  | 'boolean'
  | 'number'
  | 'nan'
  | 'string'
  | 'bytes'
  | 'list'
  | 'empty'
  | 'object'
  | 'function'
  | 'other';

/** One place, with a good value and the kinds of values that may be good there too; `anything` is not judged. */
export interface Place {
  readonly good: unknown;
  readonly takes: readonly (Kind | 'anything')[];
  /** Of an options object: its members, those too that are usually left out. */
  readonly members?: Readonly<Record<string, Place>>;
  /** Whether a member that does not exist is refused. */
  readonly isStrict?: boolean;
}

export function place(good: unknown, ...takes: Place['takes']): Place {
  return { good, takes };
}

/** An options object in which names that do not exist are refused. */
export function options(members: Readonly<Record<string, Place>>, ...takes: Place['takes']): Place {
  return { ...data(members, ...takes), isStrict: true };
}

/** An object that may hold more. A member whose good value is `absent` is usually left out. */
export function data(members: Readonly<Record<string, Place>>, ...takes: Place['takes']): Place {
  const make = () =>
    Object.fromEntries(
      Object.entries(members).flatMap(([name, { good }]) => (good === absent ? [] : [[name, goodOf(good)]])),
    );
  return { good: fresh(make), takes, members };
}

export const absent = Symbol('absent');

/** Lazy good values are made anew for each call. */
function goodOf(good: unknown): unknown {
  return typeof good === 'function' && lazy.has(good) ? good() : good;
}

const lazy = new WeakSet<object>();
function fresh(make: () => unknown): () => unknown {
  lazy.add(make);
  return make;
}

export interface Row {
  readonly call: (...parts: never[]) => unknown;
  readonly takes: readonly Place[];
  /** The answers that say no, beside undefined, false, and `{ ok: false }`. */
  readonly refuses?: (answer: unknown) => boolean;
  /** Where undefined is the answer of a call that went well. */
  readonly isVoid?: boolean;
}

export function row(call: unknown, ...takes: readonly Place[]): Row {
  return { call: call as Row['call'], takes };
}

class Odd {
  readonly odd = true;
}

const detached = () => {
  const bytes = new Uint8Array(4);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
};

/** New ones each time: whoever is called may keep or change them. */
const wrongValues: readonly (readonly [kind: Kind, make: () => unknown])[] = [
  ['undefined', () => undefined],
  ['null', () => null],
  ['boolean', () => true],
  ['boolean', () => false],
  ['number', () => 0],
  ['number', () => 7],
  ['number', () => -1.5],
  ['nan', () => Number.NaN],
  ['nan', () => Number.POSITIVE_INFINITY],
  ['other', () => 7n],
  ['other', () => Symbol('x')],
  ['string', () => ''],
  ['string', () => 'x'],
  ['string', () => '__proto__'],
  ['other', () => new String('x')],
  ['other', () => new Number(7)],
  ['bytes', () => new Uint8Array(0)],
  ['bytes', () => Uint8Array.of(1, 2, 3)],
  ['bytes', () => Buffer.from('xyz').subarray(1)],
  ['other', detached],
  ['other', () => new Uint8Array(new SharedArrayBuffer(4))],
  ['other', () => new Proxy(Uint8Array.of(1, 2), {})],
  ['other', () => Object.create(Uint8Array.prototype)],
  ['other', () => new ArrayBuffer(4)],
  ['other', () => new DataView(new ArrayBuffer(4))],
  ['other', () => new Uint16Array(4)],
  ['empty', () => []],
  ['list', () => [1, 2, 3]],
  ['list', () => ['x']],
  ['list', () => [undefined]],
  ['list', () => new Array(3)],
  ['list', () => [{}]],
  ['object', () => ({})],
  ['object', () => Object.create(null)],
  ['object', () => ({ length: 1, 0: 'x' })],
  ['object', () => ({ toString: () => 'x', valueOf: () => 7 })],
  ['object', () => new Odd()],
  ['object', () => new Map([['x', 1]])],
  ['object', () => new Date(Number.NaN)],
  ['object', () => Promise.resolve('x')],
  ['object', () => new Proxy({}, { get: (_, name) => (name === 'then' ? undefined : 'x') })],
  ['function', () => () => 'x'],
  ['function', () => Odd],
];

/** Classes by their names: a package may be there twice. */
const documented = new Set(['TypeError', 'ProofError', 'ClientError', 'MessageProblem']);
const late = Symbol('late');

async function outcomeOf(row: Row, parts: readonly unknown[]): Promise<{ answer: unknown } | { error: unknown }> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const called = Promise.resolve((row.call as (...parts: readonly unknown[]) => unknown)(...parts));
    const limit = new Promise((resolve) => {
      timer = setTimeout(resolve, 5_000, late);
    });
    const answer = await Promise.race([called, limit]);
    return answer === late ? { error: new Error('it did not settle in time') } : { answer };
  } catch (error) {
    return { error };
  } finally {
    clearTimeout(timer);
  }
}

function isRefusal({ refuses, isVoid }: Row, answer: unknown): boolean {
  if (answer === undefined) return isVoid !== true;
  if (answer === false || refuses?.(answer) === true) return true;
  return typeof answer === 'object' && answer !== null && 'ok' in answer && answer.ok === false;
}

function shown(make: () => unknown): string {
  const value = make();
  try {
    return `${Object.prototype.toString.call(value)} ${typeof value === 'symbol' ? '' : JSON.stringify(value)}`;
  } catch {
    return typeof value;
  }
}

/** Everything that is wrong with a function, in words. Nothing, where it is sound. */
export async function faultsOf(name: string, row: Row): Promise<readonly string[]> {
  const faults: string[] = [];
  const goods = () => row.takes.map(({ good }) => goodOf(good)).map((good) => (good === absent ? undefined : good));
  const baseline = await outcomeOf(row, trimmed(row, goods()));
  if ('error' in baseline) faults.push(`${name}: the good call fails: ${String(baseline.error)}`);
  else if (isRefusal(row, baseline.answer)) faults.push(`${name}: the good call is refused`);

  async function attempt(where: string, takes: Place['takes'], kind: Kind, make: () => unknown, parts: unknown[]) {
    const outcome = await outcomeOf(row, parts);
    const text = `${name}: ${where} as ${shown(make)}`;
    if ('error' in outcome) {
      const { error } = outcome;
      const isDocumented = error instanceof Error && (error instanceof ProofError || documented.has(error.name));
      if (!isDocumented) faults.push(`${text} throws ${String(error)}`);
    } else if (!takes.includes(kind) && !takes.includes('anything') && !isRefusal(row, outcome.answer)) {
      faults.push(`${text} is accepted`);
    }
  }

  for (const [at, one] of row.takes.entries()) {
    const put = (value: unknown) => goods().map((good, i) => (i === at ? value : good));
    for (const [kind, make] of wrongValues) {
      await attempt(`argument ${at}`, one.takes, kind, make, put(make()));
    }
    const whole = () => goodOf(one.good) as Record<string, unknown>;
    for (const [member, { takes }] of Object.entries(one.members ?? {})) {
      for (const [kind, make] of wrongValues) {
        await attempt(`argument ${at}.${member}`, takes, kind, make, put({ ...whole(), [member]: make() }));
      }
    }
    if (one.isStrict === true) {
      const misspelt = { ...whole(), audiance: 'x' };
      await attempt(`argument ${at} with a member that does not exist`, [], 'object', () => misspelt, put(misspelt));
    }
  }
  return faults;
}

/** Arguments at the end that are usually left out. */
function trimmed(row: Row, parts: unknown[]): unknown[] {
  const last = row.takes.findLastIndex(({ good }) => good !== absent);
  return parts.slice(0, last + 1);
}
