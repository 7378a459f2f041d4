import { type KeyObject, sign, verify } from 'node:crypto';
import { derFromSignature, cryptoPort as nodeCrypto, privateSigner } from '@countersign/client/node-crypto';
import {
  createMessageHeaderCache,
  type MessageExpectation,
  type MessageSigning,
  parsePublicJwk,
  type RequestMessage,
  signMessage,
  verifyMessage,
} from '@countersign/proof';
import { FlattenedSign, flattenedVerify } from 'jose';
import { type Contender, ratio, rotate } from './measure.ts';
import { type Alg, algs } from './network.ts';
import { type Row, rateNote, share, times } from './report.ts';
import { contender, keyPairs } from './verification.ts';

/** `raw` has its input ready for OpenSSL: it reads and writes no header and encodes nothing. */
type Name = 'countersign' | 'jose' | 'raw';

type Contenders = readonly Contender<Name>[];

const kid = 'la-sig-1';
const body = new TextEncoder().encode(JSON.stringify({ loanApplicationId: 'a'.repeat(2_048 - 24) }));
const message: RequestMessage = {
  kind: 'request',
  method: 'POST',
  target: 'https://lender.example/v4.0.0alpha/loanApplications/createLoanRequest',
  requestTarget: '/v4.0.0alpha/loanApplications/createLoanRequest',
  body,
};
const protectedHeader = { kid, b64: false, crit: ['b64'] };
/** A round takes about a sixth of a second: RSA verifies fast and signs slowly. */
const repetitions: Readonly<Record<Alg, { readonly verify: number; readonly sign: number }>> = {
  ES256: { verify: 2_000, sign: 6_000 },
  Ed25519: { verify: 2_000, sign: 4_000 },
  RS256: { verify: 6_000, sign: 500 },
};

/** Detached signatures over 2 KiB in the form of RFC 7797, which jose speaks too, in this process. */
export async function measureMessages(rounds: number): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const alg of algs) {
    const pair = keyPairs[alg]();
    const bar = { least: 0.85 };
    rows.push(...(await compare(`message verification, 2 KiB, ${alg}`, await verifiers(alg, pair), rounds, bar)));
    rows.push(...(await compare(`message signing, 2 KiB, ${alg}`, signers(alg, pair), rounds)));
  }
  return rows;
}

async function compare(
  what: string,
  contenders: Contenders,
  rounds: number,
  bar?: Row['bar'],
): Promise<readonly Row[]> {
  for (const { round } of contenders) for (let turn = 0; turn < 3; turn++) await round();
  const rates = await rotate(contenders, rounds);
  return [
    {
      what: `${what}, against raw \`node:crypto\``,
      measured: ratio(rates.countersign, rates.raw),
      format: share,
      ...(bar === undefined ? {} : { bar }),
      note: rateNote(rates),
    },
    { what: `${what}, against jose`, measured: ratio(rates.countersign, rates.jose), format: times },
  ];
}

interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

async function verifiers(alg: Alg, { publicKey, privateKey }: KeyPair): Promise<Contenders> {
  const presented = await signMessage(message, ourSigning(alg, privateKey));
  const [encodedHeader = '', , encodedSignature = ''] = presented.split('.');
  const expected: MessageExpectation = {
    crypto: nodeCrypto,
    message,
    forms: ['ocen', 'rfc7797'],
    keys: [{ jwk: publicJwk(alg, publicKey) }],
    now: Math.floor(Date.now() / 1000),
    headers: createMessageHeaderCache(),
  };
  const detached = { protected: encodedHeader, payload: body, signature: encodedSignature };
  const input = Buffer.concat([Buffer.from(`${encodedHeader}.`), body]);
  const bytes = Buffer.from(encodedSignature, 'base64url');
  const signature = alg === 'ES256' ? derFromSignature(bytes) : bytes;
  const digest = digestOf(alg);
  const count = repetitions[alg].verify;
  const rawVerify = () => {
    if (!verify(digest, input, publicKey, signature)) throw new Error('the signature is not good');
  };
  return [
    contender('countersign', () => verifyMessage(presented, expected), count),
    contender('jose', () => flattenedVerify(detached, publicKey), count),
    contender('raw', rawVerify, count),
  ];
}

function signers(alg: Alg, { privateKey }: KeyPair): Contenders {
  const ours = ourSigning(alg, privateKey);
  const header = Buffer.from(JSON.stringify({ alg, ...protectedHeader })).toString('base64url');
  const input = Buffer.concat([Buffer.from(`${header}.`), body]);
  const digest = digestOf(alg);
  const count = repetitions[alg].sign;
  const joseSign = () => new FlattenedSign(body).setProtectedHeader({ alg, ...protectedHeader }).sign(privateKey);
  return [
    contender('countersign', () => signMessage(message, ours), count),
    contender('jose', joseSign, count),
    contender('raw', () => sign(digest, input, privateKey), count),
  ];
}

function ourSigning(alg: Alg, privateKey: KeyObject): MessageSigning {
  const sign = privateSigner(alg, privateKey.export({ format: 'jwk' }) as Record<string, unknown>);
  if (sign instanceof Promise) throw new Error('node:crypto makes its signers at once');
  return { form: 'rfc7797', key: { alg, kid }, sign: { sign } };
}

function publicJwk(alg: Alg, key: KeyObject) {
  const parsed = parsePublicJwk({ ...key.export({ format: 'jwk' }), alg, kid });
  if (!parsed.ok) throw new Error('our own key was refused');
  return parsed.key;
}

function digestOf(alg: Alg): 'sha256' | null {
  return alg === 'Ed25519' ? null : 'sha256';
}
