import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import { cryptoPort } from '@countersign/client/node-crypto';
import {
  blsKeysOf,
  blsSecretFromSeed,
  type CapabilitySigner,
  createDidPeer4,
  type DidPeer4,
  decodeBase64url,
  didKeyOf,
  type JsonObject,
  type Multikey,
  multikeyOf,
  parseMultikey,
  type ResolvedKey,
} from '@countersign/proof';
import type { Context } from '../../context.ts';
import { Problem } from '../../kernel/problem.ts';
import type { Random } from '../../kernel/random.ts';

/**
 * DIDs whose private keys this server keeps: those of realms, and of the owners of wallets. A wallet's custodial keys
 * sign its first delegation and that of a recovery, nothing else. Secrets are base64url, and rows hold them only under the vault's seal.
 */
export interface CustodialSecrets {
  readonly ed25519: string;
  readonly x25519: string;
  /** Big-endian, for both BLS12-381 keys. */
  readonly bls?: string;
}

export interface CustodialDid {
  readonly peer: DidPeer4;
  /**
   * The Multikey that signs delegations. It is stored here so that a delegation can be verified without reading the
   * document.
   */
  readonly signingKey: string;
  readonly secrets: CustodialSecrets;
}

/**
 * The fragments of the verification method that signs delegations, and of the one for key agreement, in every DID made
 * here.
 */
const signingFragment = '#key-1';
export const agreementFragment = '#key-2';

/** The owner of a wallet: Ed25519, X25519, and one secret of BLS12-381 with a key in each group. */
export async function makeOwnerDid(random: Random): Promise<CustodialDid> {
  const bls = blsSecretFromSeed(random.bytes(32));
  const { g1, g2 } = blsKeysOf(bls);
  const { secrets, keys } = makeKeys();
  // Least authority: the owner DID delegates only. It cannot invoke or log in, because the owner does not hold these
  // keys.
  const input = documentOf([...keys, g1, g2], { assertionMethod: ['#key-3', '#key-4'] });
  const peer = await createDidPeer4(input, cryptoPort);
  const signingKey = keys[0].multikey;
  return { peer, signingKey, secrets: { ...secrets, bls: Buffer.from(bls).toString('base64url') } };
}

/** The DID of the realm, to which packed calls are sealed. */
export async function makeRealmDid(): Promise<CustodialDid> {
  const { secrets, keys } = makeKeys();
  const peer = await createDidPeer4(documentOf(keys, {}), cryptoPort);
  return { peer, signingKey: keys[0].multikey, secrets };
}

function makeKeys(): { readonly secrets: CustodialSecrets; readonly keys: readonly [Multikey, Multikey] } {
  const [signing, agreement] = [generateKeyPairSync('ed25519'), generateKeyPairSync('x25519')].map(({ privateKey }) =>
    privateKey.export({ format: 'jwk' }),
  );
  return {
    secrets: { ed25519: signing?.d as string, x25519: agreement?.d as string },
    keys: [multikeyOf('Ed25519', bytesOf(signing?.x)), multikeyOf('X25519', bytesOf(agreement?.x))],
  };
}

function documentOf(keys: readonly Multikey[], more: JsonObject): JsonObject {
  return {
    '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
    verificationMethod: keys.map(({ multikey }, i) => ({
      id: `#key-${i + 1}`,
      type: 'Multikey',
      publicKeyMultibase: multikey,
    })),
    keyAgreement: [agreementFragment],
    capabilityDelegation: [signingFragment],
    ...more,
  };
}

/**
 * The did:key of a subject, to which others delegate. It is derived from the digest key, so it needs no row, moves with
 * a dump, and survives a new master key. The subject never holds the private key: the realm signs for it, within the
 * delegation.
 */
export function subjectDid({ vault }: Pick<Context, 'vault'>, realm: string, subject: string): SubjectDid {
  const key = privateKeyOf('ed25519', vault.digest('subject-did', `${realm}\0${subject}`));
  const { did, verificationMethod } = didKeyOf(
    multikeyOf('Ed25519', bytesOf(createPublicKey(key).export({ format: 'jwk' }).x)),
  );
  return {
    did,
    signer: { alg: 'Ed25519', verificationMethod, crypto: cryptoPort, sign: (data) => sign(null, data, key) },
  };
}

export interface SubjectDid {
  readonly did: string;
  readonly signer: CapabilitySigner;
}

/** The signer of delegations in the name of such a DID. */
export function custodialSigner(did: string, { ed25519 }: Pick<CustodialSecrets, 'ed25519'>): CapabilitySigner {
  const key = privateKeyOf('ed25519', ed25519);
  return {
    alg: 'Ed25519',
    verificationMethod: did + signingFragment,
    crypto: cryptoPort,
    sign: (data) => sign(null, data, key),
  };
}

/**
 * The key that verifies a delegation of such a DID, from the stored signing key. Undefined for any other DID, method or
 * purpose.
 */
export function custodialKey(did: string, signingKey: string, url: string, purpose: string): ResolvedKey | undefined {
  if (url !== did + signingFragment || purpose !== 'capabilityDelegation') return undefined;
  const { jwk } = parseMultikey(signingKey);
  return jwk && { jwk, controller: did };
}

/** X25519 (RFC 7748 §6.1) with a custodial key. `peer` must be a checked public key. */
export function agreeOn({ x25519 }: Pick<CustodialSecrets, 'x25519'>): (peer: Uint8Array) => Uint8Array {
  return agreeing(privateKeyOf('x25519', x25519));
}

/** A key pair for one message. */
export function ephemeralX25519(): { readonly publicKey: Uint8Array; agree(peer: Uint8Array): Uint8Array } {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  return { publicKey: bytesOf(publicKey.export({ format: 'jwk' }).x), agree: agreeing(privateKey) };
}

function agreeing(privateKey: KeyObject): (peer: Uint8Array) => Uint8Array {
  return (peer) => {
    const jwk = { kty: 'OKP', crv: 'X25519', x: Buffer.from(peer).toString('base64url') };
    return diffieHellman({ privateKey, publicKey: createPublicKey({ key: jwk, format: 'jwk' }) });
  };
}

/** RFC 8410 §7: PKCS #8 around a raw secret, without the public half. */
const pkcs8 = { ed25519: '302e020100300506032b657004220420', x25519: '302e020100300506032b656e04220420' } as const;

function privateKeyOf(kind: keyof typeof pkcs8, secret: string): KeyObject {
  const der = Buffer.concat([Buffer.from(pkcs8[kind], 'hex'), bytesOf(secret)]);
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

function bytesOf(text: string | undefined): Uint8Array {
  const bytes = text === undefined ? undefined : decodeBase64url(text, 64);
  if (bytes === undefined) throw new Problem('internal', { reason: 'a custodial key is damaged' });
  return bytes;
}
