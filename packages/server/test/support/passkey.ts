/** An authenticator in software: makes passkeys and shows them, as a browser and a security key do together (WebAuthn, Level 3). */

import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest();

export type Cbor = number | string | Uint8Array | readonly Cbor[] | ReadonlyMap<number | string, Cbor>;

/** RFC 8949, as far as WebAuthn needs it. */
function cbor(value: Cbor): Buffer {
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value]);
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...value.map(cbor)]);
  const map = value as ReadonlyMap<number | string, Cbor>;
  return Buffer.concat([head(5, map.size), ...[...map].flatMap(([key, one]) => [cbor(key), cbor(one)])]);
}

function head(major: number, length: number): Buffer {
  if (length < 24) return Buffer.from([(major << 5) | length]);
  if (length < 256) return Buffer.from([(major << 5) | 24, length]);
  return Buffer.from([(major << 5) | 25, length >> 8, length & 0xff]);
}

export interface Authenticator {
  readonly id: string;
  counter: number;
  readonly key: KeyObject;
  readonly cose: Buffer;
}

/** What to do otherwise than an honest one. */
export interface Twist {
  readonly origin?: string;
  readonly rpId?: string;
  readonly challenge?: string;
  readonly type?: string;
  /** What a browser says of a frame in a page of another site. */
  readonly crossOrigin?: boolean;
  readonly topOrigin?: string;
  /** Flags: 1 present, 4 verified. */
  readonly flags?: number;
  readonly counter?: number;
  readonly format?: string;
  readonly statement?: ReadonlyMap<string, Cbor>;
  /** The key that signs. */
  readonly key?: KeyObject;
  readonly id?: string;
}

interface Options {
  readonly challenge: string;
  readonly rp?: { readonly id: string };
  readonly rpId?: string;
}

export function authenticator(): Authenticator {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' });
  const coordinate = (text: string | undefined) => Buffer.from(text ?? '', 'base64url');
  const cose = cbor(
    new Map<number, Cbor>([
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, coordinate(jwk.x)],
      [-3, coordinate(jwk.y)],
    ]),
  );
  return { id: base64url(randomBytes(32)), counter: 0, key: privateKey, cose };
}

/** The same id with another key: what a hostile authenticator copies of a stranger's passkey. */
export function copyOf({ id }: Authenticator): Authenticator {
  return { ...authenticator(), id };
}

/** An authenticator whose RSA key has this modulus. It cannot sign. */
export function rsaAuthenticator(n: string): Authenticator {
  const cose = cbor(
    new Map<number, Cbor>([
      [1, 3],
      [3, -257],
      [-1, Buffer.from(n, 'base64url')],
      [-2, Buffer.from('AQAB', 'base64url')],
    ]),
  );
  return { ...authenticator(), cose };
}

/** `navigator.credentials.create`. */
export function register(device: Authenticator, publicKey: unknown, origin: string, twist: Twist = {}) {
  const options = publicKey as Options;
  const id = Buffer.from(device.id, 'base64url');
  const attested = Buffer.concat([Buffer.alloc(16), Buffer.from([id.length >> 8, id.length & 0xff]), id, device.cose]);
  const data = Buffer.concat([authenticatorData(options.rp?.id ?? '', (twist.flags ?? 5) | 0x40, 0, twist), attested]);
  const clientDataJSON = clientData('webauthn.create', options.challenge, origin, twist);
  const signed = Buffer.concat([data, sha256(Buffer.from(clientDataJSON, 'base64url'))]);
  const own = new Map<string, Cbor>([
    ['alg', -7],
    ['sig', sign('sha256', signed, device.key)],
  ]);
  const attestation = new Map<string, Cbor>([
    ['fmt', twist.format ?? 'none'],
    ['attStmt', twist.statement ?? (twist.format === 'packed' ? own : new Map())],
    ['authData', data],
  ]);
  const response = { clientDataJSON, attestationObject: base64url(cbor(attestation)), transports: ['internal'] };
  return { id: device.id, rawId: device.id, type: 'public-key', clientExtensionResults: {}, response };
}

/** `navigator.credentials.get`. */
export function show(device: Authenticator, publicKey: unknown, origin: string, twist: Twist = {}) {
  const options = publicKey as Options;
  const counter = twist.counter ?? ++device.counter;
  const data = authenticatorData(options.rpId ?? '', twist.flags ?? 5, counter, twist);
  const clientDataJSON = clientData('webauthn.get', options.challenge, origin, twist);
  const signed = Buffer.concat([data, sha256(Buffer.from(clientDataJSON, 'base64url'))]);
  const signature = base64url(sign('sha256', signed, twist.key ?? device.key));
  const id = twist.id ?? device.id;
  const response = { clientDataJSON, authenticatorData: base64url(data), signature };
  return { id, rawId: id, type: 'public-key', clientExtensionResults: {}, response };
}

function authenticatorData(rpId: string, flags: number, counter: number, twist: Twist): Buffer {
  const count = Buffer.alloc(4);
  count.writeUInt32BE(counter);
  return Buffer.concat([sha256(twist.rpId ?? rpId), Buffer.from([flags]), count]);
}

function clientData(type: string, challenge: string, origin: string, twist: Twist): string {
  const members = { type: twist.type ?? type, challenge: twist.challenge ?? challenge, origin: twist.origin ?? origin };
  const { crossOrigin = false, topOrigin } = twist;
  return base64url(Buffer.from(JSON.stringify({ ...members, crossOrigin, topOrigin })));
}
