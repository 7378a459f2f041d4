import { type KeyObject, sign, verify } from 'node:crypto';
import { cryptoPort } from '@countersign/client/node-crypto';
import {
  type CapabilitySigner,
  createInvocation,
  createRootCapability,
  delegateCapability,
  type InvocationExpectation,
  type JsonObject,
  multikeyFromJwk,
  parsePublicJwk,
  type RootCapability,
  rememberSignatures,
  verifyInvocation,
} from '@countersign/proof';
import { type Contender, ratio, rotate } from './measure.ts';
import { type Row, rateNote, share, times } from './report.ts';
import { contender, keyPairs } from './verification.ts';
import { zcapPeer } from './zcap-peer.ts';

interface Party {
  readonly did: string;
  readonly signer: CapabilitySigner;
  readonly publicKey: KeyObject;
}

const target = 'urn:countersign:wallet:alice';
const audience = 'https://wallet.example';
const message = new TextEncoder().encode('{"walletId":"alice"}');
const request = { kind: 'rpc', procedure: '/countersign.v1.WalletService/GetWallet', message } as const;
/** As many bytes as a Data Integrity proof signs. */
const signed = new Uint8Array(64);
const repetitions = 300;
const lengths = [1, 2, 3, 5, 10];

/**
 * Warm verification of invocations over chains of all lengths, in this process. The formats differ: ours are proofs over canonical
 * JSON, the peer's an HTTP signature and proofs over RDF.
 */
export async function measureCapabilities(rounds: number): Promise<readonly Row[]> {
  const rows = [...(await againstPeer(rounds))];
  for (const length of lengths) rows.push(await againstRaw(length, rounds));
  return rows;
}

async function againstPeer(rounds: number): Promise<readonly Row[]> {
  const { presented, expected } = await invocationOf(2);
  const remembering = { ...expected, delegationCrypto: rememberSignatures(cryptoPort) };
  const rates = await measured(rounds, [
    contender('countersign', () => verifyInvocation(presented, expected), repetitions),
    contender('remembering', () => verifyInvocation(presented, remembering), repetitions),
    contender('http-signature-zcap-verify', await zcapPeer(), repetitions / 3),
  ]);
  const peer = rates['http-signature-zcap-verify'];
  const what = 'invocation with one delegation, against @digitalbazaar/http-signature-zcap-verify';
  return [
    { what, measured: ratio(rates.countersign, peer), format: times, bar: { least: 3 }, note: rateNote(rates) },
    { what: `${what}, delegations remembered`, measured: ratio(rates.remembering, peer), format: times },
  ];
}

/** Compares with one bare Ed25519 verification for each proof. */
async function againstRaw(length: number, rounds: number): Promise<Row> {
  const { presented, expected, publicKey, signature } = await invocationOf(length);
  const rates = await measured(rounds, [
    contender('countersign', () => verifyInvocation(presented, expected), repetitions),
    contender('raw verify', () => verifyTimes(length, publicKey, signature), repetitions),
  ]);
  return {
    what: `invocation over a chain of ${length}, against ${length} × raw Ed25519`,
    measured: ratio(rates.countersign, rates['raw verify']),
    format: share,
    note: rateNote(rates),
  };
}

async function measured<Name extends string>(rounds: number, contenders: readonly Contender<Name>[]) {
  for (const { round } of contenders) for (let turn = 0; turn < 3; turn++) await round();
  return rotate(contenders, rounds);
}

function verifyTimes(count: number, key: KeyObject, signature: Uint8Array): void {
  for (let i = 0; i < count; i++) {
    if (!verify(null, signed, key, signature)) throw new Error('the signature is not good');
  }
}

function party(): Party {
  const { publicKey, privateKey } = keyPairs.Ed25519();
  const parsed = parsePublicJwk({ ...publicKey.export({ format: 'jwk' }), alg: 'Ed25519' });
  if (!parsed.ok) throw new Error('our own key was refused');
  const { multikey } = multikeyFromJwk(parsed.key);
  const did = `did:key:${multikey}`;
  const signer: CapabilitySigner = {
    alg: 'Ed25519',
    verificationMethod: `${did}#${multikey}`,
    crypto: cryptoPort,
    sign: (data) => sign(null, data, privateKey),
  };
  return { did, signer, publicKey };
}

/** An invocation of a chain; its length includes the root. */
async function invocationOf(length: number) {
  const now = Date.now();
  let holder = party();
  const root = createRootCapability(target, holder.did);
  let capability: RootCapability | JsonObject = root;
  for (let i = 1; i < length; i++) {
    const next = party();
    const id = `urn:uuid:${crypto.randomUUID()}`;
    const given = { parent: capability, id, controller: next.did, allowedAction: ['read', 'write'] };
    capability = await delegateCapability({ ...given, created: now, expires: now + 86_400_000 }, holder.signer);
    holder = next;
  }
  const wanted = {
    id: `urn:uuid:${crypto.randomUUID()}`,
    request,
    audience,
    nonce: 'n-1',
    action: 'read',
    created: now,
  };
  const presented = Buffer.from(JSON.stringify(await createInvocation({ ...wanted, capability }, holder.signer)));
  const expected: InvocationExpectation = {
    crypto: cryptoPort,
    now,
    root,
    audience,
    request,
    target,
    actions: ['read'],
  };
  const signature = await holder.signer.sign(signed);
  return { presented, expected, publicKey: holder.publicKey, signature };
}
