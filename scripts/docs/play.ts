import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { freePort } from '../../packages/server/test/support/free-port.ts';
import { type Block, blocksOf, fits } from './page.ts';

export interface Stage {
  /** The clone. */
  readonly root: string;
  /** The database that `postgres://countersign@db.internal/countersign` stands for. */
  readonly databaseUrl: string | undefined;
  /**
   * A directory that pages share. They start the command line dozens of times; with shared compiled code that takes half the
   * time.
   */
  readonly compiled: string;
}

/** The ports in the pages. The first one is the port of the reader's running server. */
const ports = ['8080', '8081', '8082', '8443'] as const;
export const pageDatabase = 'postgres://countersign@db.internal/countersign';

/**
 * Runs a page as its reader would, and returns everything that did not work as shown.
 *
 * 1. A new directory stands for the clone. Each port of the page, such as localhost:8080, is replaced by a free port.
 * 2. Unless the page says `<!-- server: none -->`, `countersign serve` runs there.
 * 3. All `sh run` blocks are one script; the first command that fails ends it.
 * 4. The output of each block is compared with the output block after it.
 */
export async function play(markdown: string, { root, databaseUrl, compiled }: Stage): Promise<readonly string[]> {
  const home = mkdtempSync(join(tmpdir(), 'countersign-page-'));
  const kept = join(home, '.kept');
  mkdirSync(kept);
  symlinkSync(join(root, 'node_modules'), join(home, 'node_modules'));
  const free = await Promise.all(ports.map(freePort));
  const stand = (text: string) =>
    text
      .replace(new RegExp(`\\b(${ports.join('|')})\\b`, 'g'), (port) => String(free[ports.indexOf(port as '8080')]))
      .replaceAll(pageDatabase, databaseUrl ?? pageDatabase);
  const blocks = blocksOf(markdown).map((block) => ({ ...block, text: stand(block.text) }));
  const own = join(home, '.own');
  replacePrograms(own);
  const env = {
    PATH: [own, join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
    HOME: home,
    COUNTERSIGN_PORT: String(free[0]),
    npm_config_update_notifier: 'false',
    NODE_COMPILE_CACHE: compiled,
  };
  try {
    const code = await runToEnd(scriptOf(blocks, kept, !markdown.includes('<!-- server: none -->')), home, env);
    return faultsOf(blocks, kept, code);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Where the tests have a bundle of the command line, the pages start it, without the second that npx takes. */
function replacePrograms(folder: string): void {
  mkdirSync(folder);
  const { COUNTERSIGN_TEST_PROGRAM: program } = process.env;
  if (program === undefined) return;
  writeFileSync(join(folder, 'countersign'), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`, {
    mode: 0o755,
  });
  writeFileSync(join(folder, 'npx'), '#!/bin/sh\nexec "$@"\n', { mode: 0o755 });
}

/**
 * The server in the reader's other terminal. The script fails if the server does not become ready, and waits until everything
 * has stopped.
 */
const server = `
start_the_server() {
  countersign serve >.kept/server.log 2>&1 & server=$!
  until curl -fso /dev/null "http://127.0.0.1:$COUNTERSIGN_PORT/readyz"; do kill -0 $server || exit 1; sleep 0.05; done
}
stop_the_server() { kill $server; wait $server; }
trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT
`;

function scriptOf(blocks: readonly Block[], kept: string, hasServer: boolean): string {
  const lines = ['set -eo pipefail', server, hasServer ? 'start_the_server' : ''];
  for (const [index, { purpose, text }] of blocks.entries()) {
    const at = join(kept, String(index));
    if (purpose === 'run') lines.push(`exec >'${at}.out' 2>'${at}.err'`, text, `echo done >'${at}.done'`);
    if (purpose === 'stop' || purpose === 'start') lines.push(`${purpose}_the_server`);
    if (typeof purpose === 'object') {
      writeFileSync(`${at}.file`, text);
      lines.push(`cp '${at}.file' '${purpose.file}'`);
    }
  }
  return lines.join('\n');
}

/** Runs in its own process group, so that no process that a page has started outlives it. */
async function runToEnd(script: string, cwd: string, env: NodeJS.ProcessEnv): Promise<number | null> {
  const child = spawn('bash', ['-c', script], { cwd, env, detached: true, stdio: 'ignore' });
  const [code] = (await once(child, 'exit')) as [number | null];
  try {
    process.kill(-(child.pid as number), 'SIGTERM');
  } catch {
    // The group has already ended.
  }
  return code;
}

function faultsOf(blocks: readonly Block[], kept: string, code: number | null): readonly string[] {
  const faults: string[] = [];
  for (const [index, { line, purpose, text }] of blocks.entries()) {
    const written = (what: string) => textOf(join(kept, `${index - (purpose === 'output' ? 1 : 0)}.${what}`));
    if (purpose === 'run' && written('done') === '') {
      faults.push(`line ${line}: this failed.\n${text}${written('out')}${written('err')}`);
      break;
    }
    if (purpose === 'output' && !fits(text, written('out'))) {
      faults.push(`line ${line}: this was printed instead.\n${written('out')}`);
    }
  }
  if (faults.length === 0 && code !== 0)
    faults.push(`the script ended with ${code}\n${textOf(join(kept, 'server.log'))}`);
  return faults;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
