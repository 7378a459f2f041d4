import { pbkdf2Sync, scryptSync, timingSafeEqual } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { type Algorithm, hashRawSync, type Version } from '@node-rs/argon2';
import { verifySync } from '@node-rs/bcrypt';
import type { Argon2Hash, BcryptHash, Pbkdf2Hash, ScryptHash } from './stored-hash.ts';

/**
 * The thread that hashes, one job after the other. Its priority is below that of the event loop, so a token request
 * never waits for a password. It does not use libuv's own pool, which serves files and name lookups.
 */
export type HashJob = {
  readonly id: number;
  /** The secret value K of Argon2 (RFC 9106 §3.1): the pepper. */
  readonly secret: Uint8Array | undefined;
} & (
  | {
      /** Returns the tag. */
      readonly make: Omit<Argon2Hash, 'tag'>;
      readonly password: Uint8Array;
    }
  | {
      /** Returns the index of the first of these texts that matches the hash, or -1. */
      readonly compare: Argon2Hash | BcryptHash | Pbkdf2Hash | ScryptHash;
      readonly passwords: readonly Uint8Array[];
    }
);

export interface HashDone {
  readonly id: number;
  /** Milliseconds that this thread took. */
  readonly took: number;
  readonly tag?: Uint8Array;
  readonly matched?: number;
  readonly fault?: unknown;
}

const argon2Types = { d: 0, i: 1, id: 2 } as const;
const tagLength = 32;
/** Bytes of one block of PBKDF2. The blocks are independent, so comparing the first one is enough. */
const blockLength = { sha1: 20, sha256: 32, sha512: 64 } as const;
/** bcrypt ignores the rest of a password. The next hash covers all of it. */
const bcryptLength = 72;

lowerPriority();
parentPort?.on('message', (job: HashJob) => parentPort?.postMessage(done(job)));

function done(job: HashJob): HashDone {
  const begun = performance.now();
  try {
    const result =
      'make' in job
        ? { tag: argon2(job.make, tagLength, job.password, job.secret) }
        : { matched: job.passwords.findIndex((password) => matches(job.compare, password, job.secret)) };
    return { id: job.id, took: performance.now() - begun, ...result };
  } catch (fault) {
    return { id: job.id, took: performance.now() - begun, fault };
  }
}

function matches(
  hash: Argon2Hash | BcryptHash | Pbkdf2Hash | ScryptHash,
  password: Uint8Array,
  secret: Uint8Array | undefined,
): boolean {
  if (hash.scheme === 'bcrypt') return verifySync(password.subarray(0, bcryptLength), hash.text);
  const tag = derive(hash, password, secret);
  return timingSafeEqual(tag, hash.tag.subarray(0, tag.length));
}

function derive(
  hash: Argon2Hash | Pbkdf2Hash | ScryptHash,
  password: Uint8Array,
  secret: Uint8Array | undefined,
): Uint8Array {
  if (hash.scheme === 'argon2') return argon2(hash, hash.tag.length, password, secret);
  if (hash.scheme === 'scrypt') {
    const { blockSize: r, lanes: p } = hash;
    const N = 2 ** hash.logN;
    return scryptSync(password, hash.salt, hash.tag.length, { N, r, p, maxmem: 256 * r * (N + p) });
  }
  const length = Math.min(hash.tag.length, blockLength[hash.digest]);
  return pbkdf2Sync(password, hash.salt, hash.iterations, length, hash.digest);
}

function argon2(
  hash: Omit<Argon2Hash, 'tag'>,
  outputLen: number,
  password: Uint8Array,
  secret: Uint8Array | undefined,
): Uint8Array {
  return hashRawSync(password, {
    algorithm: argon2Types[hash.type] as Algorithm,
    version: (hash.version === 19 ? 1 : 0) as Version,
    memoryCost: hash.memory,
    timeCost: hash.passes,
    parallelism: hash.lanes,
    salt: hash.salt,
    outputLen,
    ...(secret && { secret }),
  });
}

/** On Linux each thread has its own priority. Elsewhere all threads stay equal. */
function lowerPriority(): void {
  try {
    setPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1)), 10);
  } catch {
    // The file is missing or access is denied: token requests get slower during a flood, nothing worse.
  }
}
