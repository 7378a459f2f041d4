import type { Command } from 'commander';
import type { Finding } from './doctor/finding.ts';
import { print } from './output.ts';
import { visible } from './terminal.ts';

interface Options {
  readonly json?: true;
  readonly except?: readonly string[];
  readonly peer?: readonly string[];
  readonly profile?: string;
}

const another = (value: string, before: readonly string[] = []) => [...before, value];

export function doctorCommands(program: Command): void {
  program
    .command('doctor')
    .description(
      'Look for what is wrong with a server, with the same configuration: one row for each finding, with the line to change. Exit code 0: nothing found, 1: findings, 2: could not look.',
    )
    .option('--except <id>', 'leave this finding out; may be repeated', another)
    .option(
      '--peer <url>',
      'an https server whose clock is compared with that of this machine; may be repeated',
      another,
    )
    .option('--profile <file>', 'JSON with url, clientId and clientSecret of an administrator of realm system')
    .option('--json', 'as JSON')
    .action(async ({ json, except = [], peer = [], profile }: Options) => {
      const { examine } = await import('./doctor/examine.ts');
      const seen = await examine(process.env, { peers: peer, ...(profile === undefined ? {} : { profile }) });
      const found = seen.filter(({ id }) => !except.includes(id));
      if (json === true) print({ findings: found });
      else process.stdout.write(findingsText(found));
      process.exitCode = exitCodeOf(found);
    });
}

export function exitCodeOf(found: readonly Finding[]): 0 | 1 | 2 {
  if (found.length === 0) return 0;
  return found.every(({ severity }) => severity === 'unknown') ? 2 : 1;
}

export function findingsText(found: readonly Finding[]): string {
  if (found.length === 0) return 'No findings.\n';
  const width = Math.max(...found.map(({ id }) => id.length));
  const rows = found.map(
    ({ id, severity, text, line }) =>
      `${severity.padEnd(9)}${id.padEnd(width)}  ${visible(text)}\n${' '.repeat(9 + width)}  → ${visible(line)}\n`,
  );
  return rows.join('');
}
