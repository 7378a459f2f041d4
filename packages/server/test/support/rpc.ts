import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AuthService, WalletService } from '@countersign/client/rpc';
import { credentials, loadPackageDefinition, Metadata, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { Problem, type ProblemCode, problemCodes, rendering } from '../../src/kernel/problem.ts';
import type { RpcCall } from '../../src/rpc/call.ts';
import { anybody, rpcService, unary } from '../../src/rpc/service.ts';

/** Waits of the test service, by wallet id: `entered` resolves when a call waits, `release` lets it go. */
export interface Gate {
  readonly entered: Promise<void>;
  release(): void;
}

/**
 * The wire without wallet rules: services with the real descriptors whose handlers only tell what they see, or throw what a test
 * asks for.
 */
export function testServices() {
  const gates = new Map<string, { enter(): void; readonly released: Promise<void> }>();
  const calls: RpcCall[] = [];
  const wallets = rpcService(WalletService, {
    createWallet: unary(anybody, async ({ call, message: { signedRequest, description } }) => {
      calls.push(call);
      call.answerMetadata.set('x-answer', 'said before');
      return {
        capability: Buffer.from(signedRequest).toString(),
        invoker: createHash('sha256').update(call.bytes).digest('hex'),
        walletId: (await call.realm()).name,
        zcap: Buffer.from(JSON.stringify({ description, source: call.source.address, procedure: call.procedure })),
      };
    }),
    getWallet: unary(anybody, async ({ call, message: { walletId } }) => {
      calls.push(call);
      const gate = gates.get(walletId);
      gate?.enter();
      await gate?.released;
      if ((problemCodes as string[]).includes(walletId)) {
        throw new Problem(walletId as ProblemCode, {
          detail: 'What the rule says.',
          pointer: 'wallet_id',
          retryAfter: 7,
        });
      }
      if (walletId === 'fault') throw new Error('a secret of ours');
      return { walletId, description: call.metadata.get('x-said') ?? '' };
    }),
  });
  const auth = rpcService(AuthService, { getChallenge: unary(anybody, () => ({ nonce: 'n' })) });
  return {
    services: [wallets, auth],
    calls,
    gate(walletId: string): Gate {
      let enter = () => {};
      let release = () => {};
      const entered = new Promise<void>((resolve) => (enter = resolve));
      const released = new Promise<void>((resolve) => (release = resolve));
      gates.set(walletId, { enter, released });
      return { entered, release };
    },
  };
}

export const protoFolder = fileURLToPath(new URL('../../../../proto', import.meta.url));

export interface GrpcAnswer {
  readonly value?: Readonly<Record<string, unknown>>;
  readonly error?: ServiceError;
  readonly headers: Metadata;
}

export interface GrpcClient {
  call(
    service: string,
    method: string,
    request: object,
    options?: { metadata?: Record<string, string | readonly string[]>; deadline?: number; gzip?: boolean },
  ): Promise<GrpcAnswer>;
  close(): void;
}

/** grpc-js, with what proto-loader reads in `proto/`. */
export function grpcClient(
  address: string,
  files: readonly string[],
  channel = credentials.createInsecure(),
): GrpcClient {
  const definition = loadPackageDefinition(
    loadSync(
      files.map((file) => join(protoFolder, file)),
      { includeDirs: [protoFolder], keepCase: true, longs: String, enums: String, defaults: true },
    ),
  );
  type Stub = Record<string, (...args: unknown[]) => { on(event: 'metadata', told: (m: Metadata) => void): void }>;
  const stubs = new Map<string, Stub & { close(): void }>();
  function stub(service: string): Stub {
    const found = stubs.get(service);
    if (found !== undefined) return found;
    const Client = service
      .split('.')
      .reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], definition) as {
      new (address: string, channel: unknown, options: object): Stub & { close(): void };
    };
    const made = new Client(address, channel, {});
    stubs.set(service, made);
    return made;
  }
  return {
    call(service, method, request, { metadata = {}, deadline, gzip } = {}) {
      const sent = new Metadata();
      for (const [name, values] of Object.entries(metadata)) for (const value of [values].flat()) sent.add(name, value);
      if (gzip === true) sent.add('grpc-internal-encoding-request', 'gzip');
      return new Promise((resolve) => {
        let headers = new Metadata();
        const options = deadline === undefined ? {} : { deadline: Date.now() + deadline };
        const at = stub(service);
        const call = at[method]?.(request, sent, options, (error: ServiceError | null, value: never) =>
          resolve(error === null ? { value, headers } : { error, headers }),
        );
        call?.on('metadata', (told) => {
          headers = told;
        });
      });
    },
    close() {
      for (const made of stubs.values()) made.close();
    },
  };
}

/** The public text of a problem, from its table: tests hold codes, not words. */
export function textOf(code: ProblemCode): string {
  return rendering(new Problem(code)).text;
}
