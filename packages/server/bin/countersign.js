#!/usr/bin/env node
/** Starts the command line in this Node if it can run it, else in the Node that npm installed. */
import { spawn } from 'node:child_process';
import module, { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { launcherVariable, watchParent } from './parent.js';
import { chooseRuntime } from './runtime.js';

const choice = chooseRuntime(process.version, process.platform, process.arch, createRequire(import.meta.url).resolve);

if (choice.run === 'here') {
  keepCompiled();
  await import('../src/cli/main.ts');
} else if (choice.run === 'other') continueOn(choice.node);
else {
  process.stderr.write(`${choice.text}\n`);
  process.exitCode = 1;
}

/**
 * Keeps the code that V8 compiled, so that the next start is faster and takes some 25 MB less memory. The cache is
 * beside the source, because only a user who can write there could change the code anyway. Directories for temporary
 * files are open to others. If the cache cannot be written, nothing is kept and nothing is reported.
 */
function keepCompiled() {
  module.enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/countersign', import.meta.url)));
}

/**
 * Runs the command in another Node, with the same streams, signals and exit code.
 * @param {string} node path of the other Node
 */
function continueOn(node) {
  const script = fileURLToPath(import.meta.url);
  const child = spawn(node, [...process.execArgv, script, ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, [launcherVariable]: String(process.pid) },
  });
  watchParent(() => child.kill('SIGTERM'));
  /** @type {readonly NodeJS.Signals[]} */
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'];
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`Countersign could not start ${node}: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    // To end by the same signal, this process must stop catching it first.
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
