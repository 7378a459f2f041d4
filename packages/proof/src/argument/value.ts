/** Checks of values. */

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

/**
 * Checks that a value is a Uint8Array over memory that is neither shared nor detached. The result has the same bytes,
 * not copied, as a plain Uint8Array, so that a subclass or an own property cannot change how they read. It does not
 * check their number.
 *
 * @throws {TypeError} naming the argument
 * @example
 * bytes(utf8('hi'), 'body').length; // → 2
 * bytes('hi', 'body'); // throws TypeError
 */
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

/**
 * Checks only that a value is a Uint8Array, for bytes that are read at once and often. It does not check for shared
 * memory or an own property: `bytes` does.
 *
 * @throws {TypeError} naming the argument
 * @example
 * branded(utf8('hi'), 'body'); // → undefined
 * branded([1, 2], 'body'); // throws TypeError
 */
export function branded(value: unknown, name: string): void {
  if (kindOf.call(value) !== 'Uint8Array') throw wrong(name, 'a Uint8Array');
}

/**
 * Checks that a value is a string, not a String object. It may be empty.
 *
 * @throws {TypeError} naming the argument
 * @example
 * text('hi', 'name'); // → 'hi'
 * text(7, 'name'); // throws TypeError
 */
export function text(value: unknown, name: string): string {
  if (typeof value !== 'string') throw wrong(name, 'a string');
  return value;
}

/**
 * Checks that a value is a string that is not empty.
 *
 * @throws {TypeError} naming the argument
 * @example
 * someText('hi', 'name'); // → 'hi'
 * someText('', 'name'); // throws TypeError
 */
export function someText(value: unknown, name: string): string {
  if (typeof value !== 'string' || value === '') throw wrong(name, 'a string that is not empty');
  return value;
}

/**
 * Checks that a value is document text or its bytes. It does not check that the bytes are UTF-8.
 *
 * @throws {TypeError} naming the argument
 * @example
 * textOrBytes('{}', 'document'); // → '{}'
 * textOrBytes({}, 'document'); // throws TypeError
 */
export function textOrBytes(value: unknown, name: string): string | Uint8Array<ArrayBuffer> {
  if (typeof value === 'string') return value;
  if (kindOf.call(value) !== 'Uint8Array') throw wrong(name, 'a string or a Uint8Array');
  return bytes(value, name);
}

/**
 * Checks that a value is one name or several, none of them empty. An empty list is refused.
 *
 * @throws {TypeError} naming the argument
 * @example
 * names(['a', 'b'], 'audience'); // → ['a', 'b']
 * names([], 'audience'); // throws TypeError
 */
export function names(value: unknown, name: string): string | readonly string[] {
  if (typeof value === 'string' && value !== '') return value;
  const list = Array.isArray(value) ? [...(value as unknown[])] : [];
  if (list.length === 0 || !list.every((one) => typeof one === 'string' && one !== '')) {
    throw wrong(name, 'a string that is not empty, or a list of them that is not empty');
  }
  return list as string[];
}

/**
 * Checks that a value is a number of any unit, also NaN: for times whose comparisons all refuse NaN by themselves.
 *
 * @throws {TypeError} naming the argument
 * @example
 * number(7, 'now'); // → 7
 * number('7', 'now'); // throws TypeError
 */
export function number(value: unknown, name: string): number {
  if (typeof value !== 'number') throw wrong(name, 'a number');
  return value;
}

/**
 * Checks that a value is a finite number, of any unit.
 *
 * @throws {TypeError} naming the argument
 * @example
 * finite(7, 'now'); // → 7
 * finite(Number.NaN, 'now'); // throws TypeError
 */
export function finite(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw wrong(name, 'a finite number');
  return value;
}

/**
 * Checks that a value is a finite number that is not negative, of any unit.
 *
 * @throws {TypeError} naming the argument
 * @example
 * amount(0, 'maxAge'); // → 0
 * amount(-1, 'maxAge'); // throws TypeError
 */
export function amount(value: unknown, name: string): number {
  if (typeof value !== 'number' || !(value >= 0) || value === Number.POSITIVE_INFINITY) {
    throw wrong(name, 'a finite number that is not negative');
  }
  return value;
}

/**
 * Checks that a value is true or false.
 *
 * @throws {TypeError} naming the argument
 * @example
 * flag(false, 'strict'); // → false
 * flag('false', 'strict'); // throws TypeError
 */
export function flag(value: unknown, name: string): boolean {
  if (typeof value !== 'boolean') throw wrong(name, 'true or false');
  return value;
}

/**
 * Checks that a value is a function. It does not check what the function takes or returns.
 *
 * @throws {TypeError} naming the argument
 * @example
 * callable(Date.now, 'clock'); // → Date.now
 * callable(0, 'clock'); // throws TypeError
 */
export function callable(value: unknown, name: string): unknown {
  if (typeof value !== 'function') throw wrong(name, 'a function');
  return value;
}

/**
 * Checks that a value is an object that is not a list. It does not check the members.
 *
 * @throws {TypeError} naming the argument
 * @example
 * object({ a: 1 }, 'document'); // → { a: 1 }
 * object([], 'document'); // throws TypeError
 */
export function object(value: unknown, name: string): object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(name, 'an object');
  return value;
}

/**
 * Checks that a value is an object with members. A list, a Map, a Promise, a Date or bytes would pass for an object
 * that leaves out all of them. It does not check the members.
 *
 * @throws {TypeError} naming the argument
 * @example
 * record({ a: 1 }, 'options'); // → { a: 1 }
 * record(new Map(), 'options'); // throws TypeError
 */
export function record(value: unknown, name: string): object {
  const isRecord = tagOf.call(value) === '[object Object]' && !(Symbol.toStringTag in (value as object));
  if (!isRecord) throw wrong(name, 'an object');
  return value as object;
}

/**
 * Checks that a value may be header fields in any form of a runtime: a list of pairs, a `Headers`, or a record. It does
 * not check the names and values.
 *
 * @throws {TypeError} naming the argument
 * @example
 * fields([['accept', '*']], 'headers'); // → [['accept', '*']]
 * fields('accept: *', 'headers'); // throws TypeError
 */
export function fields(value: unknown, name: string): object {
  if (typeof value !== 'object' || value === null) throw wrong(name, 'header fields: pairs, or a record');
  return value;
}

/**
 * Makes the error of a failed check. It names the argument, and quotes nothing of it.
 *
 * @example
 * const error = wrong('options.maxAge', 'a number');
 * error.message; // → 'options.maxAge must be a number.'
 */
export function wrong(name: string, wanted: string): TypeError {
  return new TypeError(`${name} must be ${wanted}.`);
}
