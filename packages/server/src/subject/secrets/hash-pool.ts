import { Worker } from 'node:worker_threads';
import { Problem } from '../../kernel/problem.ts';
import type { HashDone, HashJob } from './hash-worker.ts';

/**
 * A bounded queue in front of a few threads.
 *
 * 1. A job states its work, in hashes of today's parameters, and its memory.
 * 2. It is refused (`attempt.busy`) if this job and all admitted before it would take longer than `patience`, judged by
 *    how long a unit of work took lately. An idle pool refuses nothing.
 * 3. Known devices come first. Behind them two kinds take turns: strangers, who may be very many, and changes of
 *    passwords, which one holder of a session may request as often as it likes. So many jobs of one kind neither refuse
 *    nor delay the other.
 * 4. An admitted job is done, each kind in the order of admission. A thread has its next job ready before the present
 *    one ends.
 * 5. Threads start with the first job, and do not keep a process from ending. A thread that dies takes only its own
 *    jobs along.
 */
export interface HashPool {
  run(work: HashWork, cost: Cost, asker?: Asker): Promise<HashDone>;
  /** Refuses waiting jobs, drops running ones and ends the threads. */
  close(): Promise<void>;
}

/** A login from a known device, a login from another device, or work that is not a login. */
export type Asker = 'known' | 'stranger' | 'change';

type Turn = Exclude<Asker, 'known'>;
const other = { stranger: 'change', change: 'stranger' } as const satisfies Record<Turn, Turn>;

export type HashWork = WithoutId<HashJob>;
type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;

export interface Cost {
  /** In hashes of today's parameters. */
  readonly work: number;
  /** KiB. */
  readonly memory: number;
}

interface Pending {
  readonly job: HashJob;
  readonly cost: Cost;
  readonly asker: Asker;
  readonly done: (done: HashDone) => void;
  readonly failed: (error: unknown) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly jobs: Map<number, Pending>;
}

/** Beside this file, in the form in which this file runs. */
const workerFile = import.meta.url.endsWith('.ts') ? './hash-worker.ts' : './hash-worker.js';
/** Jobs that a thread has at once: one running and one ready. */
const depth = 2;
/** KiB that all threads use at once. A larger job runs alone. */
const memoryAtOnce = 524_288;
/** Milliseconds assumed for a unit of work before the first measurement. */
const firstGuess = 25;
/** The weight of the newest measurement. */
const smoothing = 0.1;

export interface HashPoolOptions {
  readonly threads: number;
  /** Milliseconds of work that the queue may hold. */
  readonly patience: number;
  /** The program of a thread. Only a test of dying threads sets it. */
  readonly script?: URL;
}

export function createHashPool(options: HashPoolOptions): HashPool {
  const script = options.script ?? new URL(workerFile, import.meta.url);
  const threads = new Set<Thread>();
  const waiting: Record<Asker, Pending[]> = { known: [], stranger: [], change: [] };
  let turn: Turn = 'stranger';
  let lastId = 0;
  let unit = firstGuess;
  let count = 0;
  const admitted: Record<Asker, number> = { known: 0, stranger: 0, change: 0 };
  let memory = 0;
  let closed = false;

  function requireCapacity({ work }: Cost, asker: Asker): void {
    if (closed) throw stopping();
    const before = admitted.known + (asker === 'known' ? 0 : inTurns(asker, work));
    const wait = (before * unit) / options.threads;
    if (count === 0 || wait + (work * unit) / options.threads <= options.patience) return;
    throw new Problem('attempt.busy', { retryAfter: Math.max(1, Math.ceil(wait / 1_000)) });
  }

  /** The work ahead of a job: from the other kind, at most as much as from its own kind. */
  function inTurns(asker: Turn, work: number): number {
    return admitted[asker] + Math.min(admitted[asker] + work, admitted[other[asker]]);
  }

  const next = () => waiting.known[0] ?? waiting[turn][0] ?? waiting[other[turn]][0];

  function dispatch(): void {
    for (let first = next(); first !== undefined; first = next()) {
      if (memory > 0 && memory + first.cost.memory > memoryAtOnce) return;
      const thread = freeThread();
      if (thread === undefined) return;
      waiting[first.asker].shift();
      if (first.asker !== 'known') turn = other[first.asker];
      memory += first.cost.memory;
      thread.jobs.set(first.job.id, first);
      thread.worker.ref();
      thread.worker.postMessage(first.job);
    }
  }

  function freeThread(): Thread | undefined {
    const [least] = [...threads].sort((one, two) => one.jobs.size - two.jobs.size);
    if (least !== undefined && least.jobs.size === 0) return least;
    if (threads.size < options.threads) return startThread();
    return least !== undefined && least.jobs.size < depth ? least : undefined;
  }

  function startThread(): Thread {
    const worker = new Worker(script, { execArgv: [], env: {}, name: 'hash' });
    const thread: Thread = { worker, jobs: new Map() };
    threads.add(thread);
    worker.on('message', (done: HashDone) => settle(thread, done));
    worker.on('error', (error) => lose(thread, error));
    worker.on('exit', () => lose(thread, stopping()));
    return thread;
  }

  function settle(thread: Thread, done: HashDone): void {
    const pending = thread.jobs.get(done.id);
    if (pending === undefined) return;
    release(thread, pending);
    // A very small job says little about the time of a unit of work.
    unit += smoothing * Math.min(1, pending.cost.work) * (done.took / pending.cost.work - unit);
    if (thread.jobs.size === 0) thread.worker.unref();
    if (done.fault === undefined) pending.done(done);
    else pending.failed(done.fault);
    dispatch();
  }

  function release(thread: Thread, { job, cost, asker }: Pending): void {
    thread.jobs.delete(job.id);
    count--;
    admitted[asker] -= cost.work;
    memory -= cost.memory;
  }

  function lose(thread: Thread, error: unknown): void {
    threads.delete(thread);
    for (const pending of [...thread.jobs.values()]) {
      release(thread, pending);
      pending.failed(error);
    }
    if (!closed) dispatch();
  }

  return {
    async run(work, cost, asker = 'change') {
      requireCapacity(cost, asker);
      return new Promise((done, failed) => {
        count++;
        admitted[asker] += cost.work;
        waiting[asker].push({ job: { ...work, id: ++lastId }, cost, asker, done, failed });
        dispatch();
      });
    },
    async close() {
      closed = true;
      for (const { failed } of Object.values(waiting).flatMap((queue) => queue.splice(0))) failed(stopping());
      await Promise.all([...threads].map(({ worker }) => worker.terminate()));
    },
  };
}

function stopping(): Problem {
  return new Problem('store.unavailable', { retryAfter: 1 });
}
