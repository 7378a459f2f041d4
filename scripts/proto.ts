import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

interface Part {
  /** Folders of `proto/`. */
  readonly paths: readonly string[];
  /** The folder of their code: in the package that needs it first, from which the others import it. */
  readonly output: string;
}

/**
 * Messages that both ends need are in `client`, which imports no other package but `proof`; those that only a server needs are
 * in `server`.
 */
export const protoParts: readonly Part[] = [
  { paths: ['countersign', 'google/rpc'], output: join('packages', 'client', 'src', 'gen') },
  { paths: ['grpc'], output: join('packages', 'server', 'src', 'rpc', 'gen') },
];

/** Lints our own .proto files, and writes `*_pb.ts` below `into`. Both programs come from npm and make no network call. */
export async function generateProto(root: string, into: string): Promise<void> {
  const cwd = join(root, 'proto');
  const buf = (...args: readonly string[]) =>
    run(process.execPath, [join(root, 'node_modules', '@bufbuild', 'buf', 'bin', 'buf'), ...args], { cwd });
  const plugin = [process.execPath, join(root, 'node_modules', '.bin', 'protoc-gen-es')];
  const opt = ['target=ts', 'import_extension=ts', 'erasable_syntax=true'];
  await Promise.all([
    buf('lint').catch((cause) => {
      throw new Error(`buf lint: ${cause.stdout}`, { cause });
    }),
    ...protoParts.map(({ paths, output }) =>
      buf(
        'generate',
        ...[
          '--template',
          JSON.stringify({ version: 'v2', plugins: [{ local: plugin, out: join(into, output), opt }] }),
        ],
        ...paths.flatMap((path) => ['--path', path]),
      ),
    ),
  ]);
}
