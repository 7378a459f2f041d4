import { describe, expect, test } from 'vitest';
import {
  explainSignature,
  type Message,
  type MessageExpectation,
  type MessageSigning,
  signMessage,
  verifyMessage,
} from '../src/index.ts';
import { expecting, keyOf, request, response, sender, strictly } from './support/message.ts';

const es = sender('ES256', 'es');
const said = '{"to":"alice","amount":1}';
const bytesOf = (text: string) => new TextEncoder().encode(text);

/** What a caller in JavaScript may hold a body to be. None of it is the bytes of `said`. */
const wrongBodies: readonly (readonly [name: string, body: () => unknown])[] = [
  ['undefined', () => undefined],
  ['null', () => null],
  ['a number', () => 25],
  ['a string', () => said],
  ['an empty string', () => ''],
  ['a String object', () => new String(said)],
  ['an object', () => JSON.parse(said)],
  ['an object with a length', () => ({ length: 3, 0: 1, 1: 2, 2: 3 })],
  ['a list of numbers', () => [...bytesOf(said)]],
  ['an ArrayBuffer', () => bytesOf(said).buffer],
  ['a DataView', () => new DataView(bytesOf(said).buffer)],
  ['a Uint16Array', () => new Uint16Array(4)],
  ['a Uint8ClampedArray', () => new Uint8ClampedArray(bytesOf(said))],
  ['a Float64Array', () => Float64Array.from(bytesOf(said))],
  ['bytes of shared memory', () => new Uint8Array(new SharedArrayBuffer(8))],
  ['bytes of a detached buffer', detached],
  ['bytes beyond the end of a buffer that shrank', shrunk],
  ['a proxy of bytes', () => new Proxy(bytesOf(said), {})],
  ['an object that inherits from Uint8Array', () => Object.create(Uint8Array.prototype)],
  ['a Blob', () => new Blob([said])],
  ['a promise of bytes', () => Promise.resolve(bytesOf(said))],
];

function detached(): Uint8Array {
  const bytes = bytesOf(said);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

function shrunk(): Uint8Array {
  const buffer = new ArrayBuffer(8, { maxByteLength: 8 });
  const bytes = new Uint8Array(buffer, 0, 8);
  buffer.resize(4);
  return bytes;
}

describe.each(wrongBodies)('a body that is %s', (_name, body) => {
  const inRequest = () => ({ ...request(), body: body() }) as Message;
  const inResponse = () => ({ ...response(), body: body() }) as Message;
  const refusal = expect.objectContaining({
    name: 'TypeError',
    message: expect.stringMatching(/message\.body must be/),
  });

  test.each(['ocen', 'rfc7797', 'strict'] as const)('is not signed in the form %s', async (form) => {
    const rs = form === 'ocen' ? sender('RS256') : es;
    const signing = { ...keyOf(rs), ...strictly, form } as MessageSigning;
    await expect(signMessage(inRequest(), signing)).rejects.toEqual(refusal);
    await expect(signMessage(inResponse(), signing)).rejects.toEqual(refusal);
  });

  test('is not verified, whatever was signed', async () => {
    for (const message of [request(said), request('', { requestTarget: '/v4/loans?page=2' }), response(said)]) {
      const value = await signMessage(message, { ...keyOf(es), form: 'rfc7797' });
      const wrong = message.kind === 'request' ? inRequest() : inResponse();
      await expect(verifyMessage(value, expecting(es, { message: wrong }))).rejects.toEqual(refusal);
      await expect(explainSignature(value, expecting(es, { message: wrong }))).rejects.toEqual(refusal);
    }
  });
});

test('two texts are not one body: neither is signed, and neither verifies for the other', async () => {
  const wrong = (text: string) => ({ ...request(), body: text as unknown as Uint8Array });
  const signing = { ...keyOf(es), form: 'rfc7797' } as const;
  await expect(signMessage(wrong(said), signing)).rejects.toThrow(TypeError);
  const value = await signMessage(request(said), signing);
  const other = wrong('{"to":"mally","amount":1}');
  await expect(verifyMessage(value, expecting(es, { message: other }))).rejects.toThrow(TypeError);
});

test('a part of a pooled Buffer is its own bytes and no others', async () => {
  const pool = Buffer.from(`xx${said}yy`);
  const part = pool.subarray(2, 2 + said.length);
  const value = await signMessage({ ...request(), body: part }, { ...keyOf(es), form: 'rfc7797' });
  await expect(verifyMessage(value, expecting(es, { message: request(said) }))).resolves.toMatchObject({ kid: 'es' });
  await expect(verifyMessage(value, expecting(es, { message: request(pool) }))).rejects.toThrow();
});

test('what bytes say of themselves does not count', async () => {
  class Liar extends Uint8Array<ArrayBuffer> {
    override get length() {
      return 0;
    }
  }
  const signing = { ...keyOf(es), form: 'rfc7797' } as const;
  for (const liar of [
    Reflect.construct(Liar, [bytesOf(said)]) as Uint8Array,
    Object.defineProperty(bytesOf(said), 'length', { value: 0 }),
    Object.defineProperty(bytesOf(said), 'every', { value: () => true }),
  ]) {
    const value = await signMessage({ ...request(), body: liar }, signing);
    await expect(verifyMessage(value, expecting(es, { message: request(said) }))).resolves.toMatchObject({ kid: 'es' });
    await expect(verifyMessage(value, expecting(es, { message: request('') }))).rejects.toThrow();
  }
});

test('a member that says another thing each time it is read is read once', async () => {
  const bodies = [bytesOf('{"a":2}'), bytesOf(said), bytesOf(said)];
  let reads = 0;
  const message = {
    ...request(),
    get body() {
      return bodies[Math.min(reads++, 2)] as Uint8Array;
    },
  };
  const value = await signMessage(message, { ...keyOf(es), ...strictly });
  expect(reads).toBe(1);
  await expect(verifyMessage(value, expecting(es, { message: request('{"a":2}') }))).resolves.toMatchObject({
    kid: 'es',
  });
});

const wrongMembers: readonly (readonly [member: string, change: object])[] = [
  ['message.kind', { kind: 'Request' }],
  ['message.kind', { kind: undefined }],
  ['message.method', { method: ['POST'] }],
  ['message.target', { target: new URL('https://lender.test/v4/loans?page=2') }],
  ['message.target', { target: undefined }],
  ['message.requestTarget', { requestTarget: new String('/v4/loans?page=2') }],
];
test.each(wrongMembers)('%s of another type is neither signed nor verified', async (member, change) => {
  const message = { ...request(), ...change } as Message;
  const refusal = expect.objectContaining({ name: 'TypeError', message: expect.stringContaining(`${member} must be`) });
  await expect(signMessage(message, { ...keyOf(es), ...strictly })).rejects.toEqual(refusal);
  const value = await signMessage(request(), { ...keyOf(es), ...strictly });
  await expect(verifyMessage(value, expecting(es, { message }))).rejects.toEqual(refusal);
});

const wrongExpectations: readonly (readonly [member: string, change: object])[] = [
  ['forms', { forms: 'strict' }],
  ['forms[]', { forms: ['Strict'] }],
  ['keys', { keys: es.jwk }],
  ['keys[].jwk', { keys: [{ jwk: { ...es.jwk } }] }],
  ['keys[].form', { keys: [{ jwk: es.jwk, form: 'Strict' }] }],
  ['keys[].notAfter', { keys: [{ jwk: es.jwk, notAfter: '9999999999' }] }],
  ['now', { now: undefined }],
  ['now', { now: '1714903200' }],
  ['maxAge', { maxAge: '300' }],
  ['clockTolerance', { clockTolerance: Number.NaN }],
  ['crypto.verify', { crypto: { sha256: () => new Uint8Array() } }],
];
test.each(wrongExpectations)(
  'an expectation whose %s is of another type is refused by its name',
  async (member, change) => {
    const value = await signMessage(request(), { ...keyOf(es), ...strictly });
    const expected = { ...expecting(es), ...change } as MessageExpectation;
    await expect(verifyMessage(value, expected)).rejects.toThrow(`expected.${member} must be`);
  },
);

test('an option that does not exist is refused by its name: it may be a misspelt one', async () => {
  const value = await signMessage(request(), { ...keyOf(es), form: 'rfc7797' });
  const expected = { ...expecting(es), form: ['strict'] } as unknown as MessageExpectation;
  await expect(verifyMessage(value, expected)).rejects.toThrow(new TypeError('expected has no option "form".'));
  const signing = { ...keyOf(es), ...strictly, audience: 'lender-1' } as unknown as MessageSigning;
  await expect(signMessage(request(), signing)).rejects.toThrow(new TypeError('signing has no option "audience".'));
});
