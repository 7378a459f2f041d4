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
export {
  type Check,
  type Checks,
  either,
  having,
  leftOut,
  listOf,
  oneOf,
  optional,
  options,
} from './argument/check.ts';
export {
  amount,
  branded,
  bytes,
  callable,
  fields,
  finite,
  flag,
  names,
  number,
  object,
  record,
  someText,
  text,
  textOrBytes,
  wrong,
} from './argument/value.ts';
