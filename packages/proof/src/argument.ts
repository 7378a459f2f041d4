/**
 * Checks the arguments of callers at run time: JavaScript has no types, and a value of a wrong type must never pass for one of
 * the right type. Every function here throws a TypeError that names the argument, and quotes nothing of it.
 *
 * 1. Bytes are a Uint8Array, or a subclass of it such as Buffer. A string, an ArrayBuffer, a DataView, a list of numbers and
 *    every other object are refused: the caller must convert them to bytes. Shared memory is refused too, because another
 *    thread may change it, and so is a detached buffer, which would pass for an empty body.
 * 2. Options are read once, into a new object. An unknown name is refused: a misspelt option would silently get its default,
 *    which may be weaker.
 */
export type Check = (value: unknown, name: string) => unknown;

/** One check for each option; `optional` and `leftOut` mark those that are not required. */
export type Checks<T> = { readonly [K in keyof Required<T>]: Check };

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
/**
 * These getters read the array itself: they see nothing in a proxy, and an own property with such a name cannot deceive them.
 */
const kindOf = getterOf<string | undefined>(typedArray, Symbol.toStringTag);
const bufferOf = getterOf<ArrayBuffer>(typedArray, 'buffer');
const offsetOf = getterOf<number>(typedArray, 'byteOffset');
const lengthOf = getterOf<number>(typedArray, 'length');
/** Throws for shared memory. */
const sizeOf = getterOf<number>(ArrayBuffer.prototype, 'byteLength');
/** Works also for a Date or a boxed number, which have no `Symbol.toStringTag`. */
const tagOf = Object.prototype.toString;
/** Throws for an array whose memory was detached or has become too small. */
const { at } = Uint8Array.prototype;

function getterOf<T>(prototype: object, name: PropertyKey): (this: unknown) => T {
  return Object.getOwnPropertyDescriptor(prototype, name)?.get as (this: unknown) => T;
}

/** The same bytes, not copied, as a plain Uint8Array, so that a subclass or an own property cannot change how they read. */
export function bytes(value: unknown, name: string): Uint8Array<ArrayBuffer> {
  if (kindOf.call(value) !== 'Uint8Array') throw wrong(name, 'a Uint8Array');
  const buffer = bufferOf.call(value);
  const length = lengthOf.call(value);
  try {
    sizeOf.call(buffer);
    if (length === 0) at.call(value as Uint8Array, 0);
  } catch {
    throw wrong(name, 'a Uint8Array over memory that is neither shared nor detached');
  }
  return new Uint8Array(buffer, offsetOf.call(value), length);
}

/** Checks only that the value is a Uint8Array, for bytes that are read at once and often. */
export function branded(value: unknown, name: string): void {
  if (kindOf.call(value) !== 'Uint8Array') throw wrong(name, 'a Uint8Array');
}

/** A string, not a String object. */
export function text(value: unknown, name: string): string {
  if (typeof value !== 'string') throw wrong(name, 'a string');
  return value;
}

/** A string that is not empty. */
export function someText(value: unknown, name: string): string {
  if (typeof value !== 'string' || value === '') throw wrong(name, 'a string that is not empty');
  return value;
}

/** Document text or its bytes. */
export function textOrBytes(value: unknown, name: string): string | Uint8Array<ArrayBuffer> {
  if (typeof value === 'string') return value;
  if (kindOf.call(value) !== 'Uint8Array') throw wrong(name, 'a string or a Uint8Array');
  return bytes(value, name);
}

/** One name or several. An empty list is refused. */
export function names(value: unknown, name: string): string | readonly string[] {
  if (typeof value === 'string' && value !== '') return value;
  const list = Array.isArray(value) ? [...(value as unknown[])] : [];
  if (list.length === 0 || !list.every((one) => typeof one === 'string' && one !== '')) {
    throw wrong(name, 'a string that is not empty, or a list of them that is not empty');
  }
  return list as string[];
}

/** Any number, also NaN: for times whose comparisons all refuse NaN by themselves. */
export function number(value: unknown, name: string): number {
  if (typeof value !== 'number') throw wrong(name, 'a number');
  return value;
}

export function finite(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw wrong(name, 'a finite number');
  return value;
}

/** A finite number that is not negative. */
export function amount(value: unknown, name: string): number {
  if (typeof value !== 'number' || !(value >= 0) || value === Number.POSITIVE_INFINITY) {
    throw wrong(name, 'a finite number that is not negative');
  }
  return value;
}

export function flag(value: unknown, name: string): boolean {
  if (typeof value !== 'boolean') throw wrong(name, 'true or false');
  return value;
}

export function callable(value: unknown, name: string): unknown {
  if (typeof value !== 'function') throw wrong(name, 'a function');
  return value;
}

/** An object that is not a list. */
export function object(value: unknown, name: string): object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(name, 'an object');
  return value;
}

/** An object with members. A list, a Map, a Promise, a Date or bytes would pass for an object that leaves out all of them. */
export function record(value: unknown, name: string): object {
  const isRecord = tagOf.call(value) === '[object Object]' && !(Symbol.toStringTag in (value as object));
  if (!isRecord) throw wrong(name, 'an object');
  return value as object;
}

/** Header fields in any form of a runtime: a list of pairs, a `Headers`, or a record. */
export function fields(value: unknown, name: string): object {
  if (typeof value !== 'object' || value === null) throw wrong(name, 'header fields: pairs, or a record');
  return value;
}

/** An object with these methods; its other members are not checked. */
export function having(...methods: readonly string[]): Check {
  return (value, name) => {
    const given = object(value, name) as Record<string, unknown>;
    for (const method of methods) callable(given[method], `${name}.${method}`);
    return value;
  };
}

export function oneOf(...allowed: readonly unknown[]): Check {
  return (value, name) => {
    if (!allowed.includes(value)) throw wrong(name, `one of ${allowed.map(String).join(', ')}`);
    return value;
  };
}

/** A copy of the list. A hole is checked as `undefined`, like every other entry. */
export function listOf(check: Check): Check {
  return (value, name) => {
    if (!Array.isArray(value)) throw wrong(name, 'a list');
    const each = `${name}[]`;
    return Array.from(value as unknown[], (one) => check(one, each));
  };
}

export function either(...checks: readonly [Check, ...Check[]]): Check {
  return (value, name) => {
    let refusal: unknown;
    for (const check of checks) {
      try {
        return check(value, name);
      } catch (error) {
        refusal = error;
      }
    }
    throw refusal;
  };
}

/** May be missing or undefined. */
export function optional(check: Check): Check {
  return (value, name) => (value === undefined ? undefined : check(value, name));
}

const leftOutChecks = new WeakSet<Check>();

/** May be missing, but not undefined: `{ audience: process.env.AUDIENCE }` without the variable must not mean "any". */
export function leftOut(check: Check): Check {
  const own: Check = (value, name) => check(value, name);
  leftOutChecks.add(own);
  return own;
}

/** A new object with the same options, each read once and checked. */
export function options<T extends object>(given: T, name: string, checks: Checks<T>): T {
  record(given, name);
  for (const member in given) {
    if (!Object.hasOwn(checks, member)) throw new TypeError(`${name} has no option ${JSON.stringify(member)}.`);
  }
  const own: Record<string, unknown> = {};
  for (const member in checks) {
    const check = checks[member as keyof Checks<T>];
    const isThere = member in given;
    if (!isThere && leftOutChecks.has(check)) continue;
    const value = check(isThere ? given[member as unknown as keyof T] : undefined, `${name}.${member}`);
    if (value !== undefined) own[member] = value;
  }
  return own as T;
}

export function wrong(name: string, wanted: string): TypeError {
  return new TypeError(`${name} must be ${wanted}.`);
}
