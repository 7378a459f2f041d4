import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

interface Part {
  /** Folders of `proto/`. */
  readonly paths: readonly string[];
  /** Where their code lives: with whoever needs it, and is imported by all others who do. */
  readonly output: string;
}

/** What both ends of a call speak is the client's, which imports nobody; what only a server answers is the server's. */
export const protoParts: readonly Part[] = [
  { paths: ['countersign', 'google/rpc'], output: join('packages', 'client', 'src', 'gen') },
  { paths: ['grpc'], output: join('packages', 'server', 'src', 'rpc', 'gen') },
];

/** Lints what is ours, and writes `*_pb.ts` below `into`. Both programs come from npm and ask no network. */
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
