/**
 * The names that the examples of docstrings use besides what the packages export. Every key here is a TEST KEY: its private part
 * is public. The time stands still.
 */

import { createPrivateKey, createPublicKey } from 'node:crypto';
import { importSigningKey, type PrivateJwk } from '@countersign/client';
import { cryptoPort as nodePort } from '@countersign/client/node-crypto';
import {
  type CapabilitySigner,
  type CryptoPort,
  createRootCapability,
  delegateCapability,
  encodeBase64url,
  encodeTextBase64url,
  type Multikey,
  multikeyFromJwk,
  type PublicJwk,
  parseDidKey,
  type RequestMessage,
  type SigningKey,
  signMessage,
  thumbprint,
} from '@countersign/proof';
import { didKeyAgreement, type OwnAgreementKey } from '@countersign/proof/didcomm';

/** 2027-01-15T08:00:00Z, in seconds since the epoch. */
export const now = 1_800_000_000;

/** The port over `node:crypto`. */
export const cryptoPort: CryptoPort = nodePort;

export const random = (bytes: number): Uint8Array => crypto.getRandomValues(new Uint8Array(bytes));

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A holder of an Ed25519 test key. */
export interface Party {
  readonly id: string;
  /** The 32 bytes of the private key. */
  readonly seed: Uint8Array;
  readonly jwk: PublicJwk;
  readonly privateJwk: PrivateJwk;
  readonly multikey: Multikey;
  readonly did: string;
  /** The key as `signMessage` takes it. */
  readonly key: SigningKey;
  /** Signs with the key: messages, capabilities and documents. */
  readonly signer: CapabilitySigner;
  /** The key that opens messages to `did`. */
  readonly agreement: OwnAgreementKey;
  /** A compact JWS over JSON. */
  jws(header: object, claims: object): Promise<string>;
  /** A DPoP proof for one request, now. */
  dpop(method: string, uri: string): Promise<string>;
  /** A signed DIDComm message, made now. */
  didcommSigned(message: object): Promise<string>;
}

/** PKCS #8 of an Ed25519 seed (RFC 8410 §7). */
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex');

async function party(id: string, byte: number): Promise<Party> {
  const seed = new Uint8Array(32).fill(byte);
  const privateKey = createPrivateKey({ key: Buffer.concat([pkcs8, seed]), format: 'der', type: 'pkcs8' });
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
  const kid = `${id}-key`;
  const jwk = { kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', kid, x, d: encodeBase64url(seed) };
  const { alg, publicJwk, sign } = await importSigningKey(jwk);
  const multikey = multikeyFromJwk(publicJwk);
  const { did, verificationMethod } = parseDidKey(`did:key:${multikey.multikey}`);
  const jws = async (header: object, claims: object) => {
    const parts = [{ alg, kid, ...header }, claims].map((part) => encodeTextBase64url(JSON.stringify(part)));
    return `${parts.join('.')}.${encodeBase64url(await sign(utf8(parts.join('.'))))}`;
  };
  return {
    ...{ id, seed, jwk: publicJwk, privateJwk: jwk, multikey, did },
    key: { alg, kid, publicJwk },
    signer: { alg, sign, crypto: cryptoPort, verificationMethod },
    agreement: didKeyAgreement(seed),
    jws,
    dpop: (htm, htu) =>
      jws({ typ: 'dpop+jwt', jwk: { kty: 'OKP', crv: 'Ed25519', x } }, { htm, htu, iat: now, jti: `${id}-proof` }),
    async didcommSigned(content) {
      const header = encodeTextBase64url('{"typ":"application/didcomm-signed+json","alg":"EdDSA"}');
      const times = { created_time: now, expires_time: now + 60 };
      const plain = {
        typ: 'application/didcomm-plain+json',
        type: 'https://a.example/hello',
        from: did,
        ...times,
        ...content,
      };
      const payload = encodeTextBase64url(JSON.stringify(plain));
      const made = encodeBase64url(await sign(utf8(`${header}.${payload}`)));
      return JSON.stringify({
        payload,
        signatures: [{ protected: header, signature: made, header: { kid: verificationMethod } }],
      });
    },
  };
}

/** Two participants, and the owner of a wallet with a device. */
export const agent = await party('agent', 1);
export const lender = await party('lender', 2);
export const owner = await party('owner', 3);
export const phone = await party('phone', 4);

const realmKey = await party('realm', 5);
const url = 'https://id.example/realms/shop';
export const api = 'https://api.example';

/** A request of the agent to the lender. */
export const message: RequestMessage = {
  kind: 'request',
  method: 'POST',
  target: 'https://lender.example/v4/loans',
  requestTarget: '/v4/loans',
  body: utf8('{"amount":1000}'),
};

/** The value of `x-jws-signature` for `message`, by the agent. */
export const signature = await signMessage(message, { key: agent.key, sign: agent.signer, form: 'rfc7797' });

const common = { iss: url, aud: api, iat: now, exp: now + 60, jti: 'token-1' };

/** The issuer of tokens, with its public keys. Every token is for `api` and expires 60 seconds after `now`. */
export const issuer = {
  url,
  keys: [realmKey.jwk],
  /** The expectation of a verifier of these tokens, without `typ`. */
  rules: { crypto: cryptoPort, keys: [realmKey.jwk], algorithms: ['EdDSA'] as const, issuer: url, audience: api, now },
  accessToken: (claims: object = {}) =>
    realmKey.jws(
      { typ: 'at+jwt' },
      { ...common, sub: 'subject-1', client_id: 'agent', participantId: 'agent', ...claims },
    ),
  transactionToken: () =>
    realmKey.jws(
      { typ: 'txntoken+jwt' },
      {
        ...{ ...common, aud: [api], sub: 'credential-1', realm: 'shop', txn: 'txn-1', epoch: 0, sid: 'session-1' },
        ...{ credential: { type: 'USER', id: 'credential-1', code: 'ann' }, identity: { type: 'PERSON', id: 'ann' } },
        ...{ acr: 'aal1', amr: ['pwd'], auth_time: now },
      },
    ),
  walletToken: () =>
    realmKey.jws(
      { typ: 'wallet+jwt' },
      {
        ...{
          ...common,
          aud: [api],
          sub: 'wallet:alice',
          wallet: 'alice',
          gen: 0,
          actions: ['read'],
          device: phone.did,
        },
        ...{ chain: ['urn:uuid:1'], capability: 'urn:uuid:1' },
      },
    ),
  /** States that the agent signed `message`. */
  receipt: async () =>
    realmKey.jws(
      { typ: 'receipt+jwt' },
      {
        ...{ iss: url, iat: now, jti: 'receipt-1', participantId: 'agent', organisationId: 'agent-ltd' },
        ...{ presenter: { sub: 'subject-2', participantId: 'lender' }, signature, form: 'rfc7797', binding: 'bytes' },
        key: {
          ...{ thumbprint: await thumbprint(agent.jwk, cryptoPort), jwk: agent.jwk },
          ...{ nbf: now - 60, exp: null, status: 'current' },
        },
        message: {
          kind: 'request',
          digest: encodeBase64url(await cryptoPort.sha256(message.body)),
          length: message.body.length,
        },
      },
    ),
};

export const wallet = 'urn:countersign:wallet:alice';
export const root = createRootCapability(wallet, owner.did);

/** The owner lets the phone read the wallet for a day. */
export const capability = await delegateCapability(
  {
    parent: root,
    id: 'urn:uuid:8c9f1f0e-6d5e-4c0a-9d8e-0d6a3f3f2b11',
    controller: phone.did,
    allowedAction: ['read'],
    created: now * 1000,
    expires: (now + 86_400) * 1000,
  },
  owner.signer,
);
