import { createProgram } from './program.ts';
import { visible } from './terminal.ts';

// The reader of a pipe, such as `head`, has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(process.exitCode ?? 0);
});

/** Runs one command for the launcher. A refusal is one line on standard error and exit code 1. */
try {
  await (await createProgram(process.argv[2])).parseAsync(process.argv);
} catch (thrown) {
  process.exitCode = 1;
  const said = thrown instanceof Error ? (thrown.message.split('\n', 1)[0] as string) : 'something went wrong';
  process.stderr.write(`countersign: ${visible(said)}\n`);
}
