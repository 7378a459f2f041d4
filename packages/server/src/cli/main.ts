import { createProgram } from './program.ts';

/** Runs one command for the launcher. A refusal is one line on standard error and exit code 1. */
try {
  await (await createProgram(process.argv[2])).parseAsync(process.argv);
} catch (thrown) {
  process.exitCode = 1;
  process.stderr.write(
    `countersign: ${thrown instanceof Error ? thrown.message.split('\n', 1)[0] : 'something went wrong'}\n`,
  );
}
