/** The vectors that this project publishes: what any implementation of ours must accept, and at which check it must refuse. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  canonicalize,
  dereferenceDidKey,
  type JsonObject,
  type JsonValue,
  type ProofError,
  parseJson,
  parseMultikey,
  resolveDidKey,
  type VerificationRelationship,
  verifyDataIntegrityProof,
} from '../src/index.ts';
import { nodePort } from './support/message.ts';
import { webPort } from './support/web-port.ts';

interface Case {
  readonly name: string;
  readonly outcome: 'accepted' | 'refused';
  readonly stage?: string;
}

function read<T>(file: string): T {
  return JSON.parse(readFileSync(new URL(`../../../vectors/${file}.json`, import.meta.url), 'utf8')) as T;
}

/** The stage at which `act` refuses; undefined where it does not. */
async function stageOf(act: () => unknown): Promise<string | undefined> {
  try {
    await act();
    return undefined;
  } catch (refusal) {
    return (refusal as ProofError).code;
  }
}

describe('jcs', () => {
  test.each(read<(Case & { json: string; canonical?: string })[]>('jcs'))('$name: $outcome', ({ json, ...wanted }) => {
    const parsed = parseJson(json);
    if (!parsed.ok) expect(`json.${parsed.reason}`).toBe(wanted.stage);
    else if (wanted.stage === undefined) expect(canonicalize(parsed.value)).toBe(wanted.canonical);
    else expect(() => canonicalize(parsed.value)).toThrow(expect.objectContaining({ code: wanted.stage }));
  });
});

describe('multikey', () => {
  type Key = Case & { multikey: string; keyType?: string; jwk?: JsonObject };
  test.each(read<Key[]>('multikey'))('$name: $outcome', async ({ multikey, stage, keyType, jwk }) => {
    expect(await stageOf(() => parseMultikey(multikey))).toBe(stage);
    if (stage === undefined) expect(parseMultikey(multikey)).toMatchObject({ keyType, ...(jwk && { jwk }) });
  });
});

describe('did-key', () => {
  type Url = Case & { url: string; relationship: VerificationRelationship };
  test.each(read<Url[]>('did-key'))('$name: $outcome', async ({ url, relationship, stage }) => {
    expect(await stageOf(() => dereferenceDidKey(url, relationship))).toBe(stage);
  });
});

describe('data-integrity', () => {
  interface Expected {
    readonly purpose: string;
    readonly now: string;
    readonly maxAge?: number;
    readonly domain?: string;
    readonly challenge?: string;
  }
  type Secured = Case & { document: JsonValue; expected: Expected };
  const { cases } = read<{ cases: Secured[] }>('data-integrity');
  test.each(cases)('$name: $outcome', async ({ document, expected, stage }) => {
    const { now, ...rest } = expected;
    for (const crypto of [nodePort, webPort]) {
      const all = { ...rest, now: Date.parse(now), crypto, resolve: resolveDidKey };
      expect(await stageOf(() => verifyDataIntegrityProof(document, all))).toBe(stage);
    }
  });
});
