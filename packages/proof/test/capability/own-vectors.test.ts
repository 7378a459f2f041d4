import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  type InvocationExpectation,
  type InvokedRequest,
  type RootCapability,
  verifyInvocation,
} from '../../src/index.ts';
import { bytes } from '../support/capability.ts';
import { nodePort } from '../support/message.ts';

type Request = { readonly kind: 'token' } | { readonly kind: 'rpc' | 'http'; readonly message: string };

interface Expected extends Omit<InvocationExpectation, 'crypto' | 'request' | 'root'> {
  readonly root: RootCapability;
  readonly request: Request;
}

/** Ours, with the expected outcome and the failing check: they hold the format still, and an implementation in another language against it. */
interface Vectors {
  readonly expected: Expected;
  readonly cases: readonly {
    readonly name: string;
    readonly expected?: Partial<Expected>;
    readonly document: string;
    readonly outcome: { readonly code?: string; readonly pointer?: string | null; readonly [member: string]: unknown };
  }[];
}

const file = new URL('../../../../vectors/capability.json', import.meta.url);
const vectors: Vectors = JSON.parse(readFileSync(file, 'utf8'));

function requestOf(request: Request): InvokedRequest {
  return (request.kind === 'token' ? request : { ...request, message: bytes(request.message) }) as InvokedRequest;
}

describe('our own vectors', () => {
  test.each(vectors.cases)('$name', async ({ document, expected, outcome }) => {
    const all = { ...vectors.expected, ...expected };
    const result = verifyInvocation(document, { ...all, request: requestOf(all.request), crypto: nodePort });
    const { code, pointer, ...verified } = outcome;
    if (code !== undefined) await expect(result).rejects.toMatchObject({ code, pointer: pointer ?? undefined });
    else {
      const { actions = null, expiresAt = null, ...rest } = await result;
      expect({ ...rest, actions, expiresAt }).toMatchObject(verified);
    }
  });
});
